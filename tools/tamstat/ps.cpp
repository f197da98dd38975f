// SPDX-License-Identifier: MIT
// tamstat ps: one line per process.
#include <array>         // std::array
#include <cstdio>        // std::fputs
#include <span>          // std::span
#include <string_view>   // std::string_view

#include "collect.hpp"    // arrange, collect, needs, totals_of, verdict
#include "columns.hpp"    // choose_columns
#include "commands.hpp"   // run_ps
#include "json.hpp"       // document, print_rows
#include "rows.hpp"       // print, summary, table_of

namespace tamstat {
namespace {

using Keys = std::span<const std::string_view>;

Keys usual_columns(Detail detail) {
    static constexpr std::array<std::string_view, 10> basic{"pid",       "comm", "reserved", "committed", "fill",
                                                            "untouched", "swap", "pte",      "oom",       "adj"};
    static constexpr std::array<std::string_view, 11> rollup{"pid", "comm", "reserved", "committed", "fill", "pss",
                                                             "uss", "thp",  "swap",     "oom",       "adj"};
    static constexpr std::array<std::string_view, 12> maps{
        "pid", "comm", "reserved", "committed", "fill", "none", "noreserve", "charged", "file", "pte", "oom", "adj"};
    if (detail == Detail::basic) return basic;
    return detail == Detail::rollup ? Keys(rollup) : Keys(maps);
}

}   // namespace

int run_ps(const Options& options) {
    const auto columns = choose_columns(options.columns, usual_columns(options.detail));
    const bool json = options.format == Format::json || options.format == Format::json_lines;
    auto collection = collect(options, needs(options, columns) | (json ? Need::oom : Need::nothing));
    const auto totals = totals_of(collection.rows);
    auto shown = collection.rows;
    arrange(shown, options);
    if (json) {
        print_json(document("ps", collection, totals, options), to_json(shown), options);
    } else {
        print(table_of(shown, columns, options), options);
        if (options.format != Format::csv && !options.quiet)
            std::fputs(summary(collection, totals, options, shown.size()).c_str(), stdout);
    }
    return verdict(collection);
}

}   // namespace tamstat
