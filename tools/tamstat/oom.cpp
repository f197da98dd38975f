// SPDX-License-Identifier: MIT
// tamstat oom: whom the kernel would kill when memory runs out, in its order.
#include <array>         // std::array
#include <cstdint>       // std::int64_t
#include <cstdio>        // std::fputs
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <fmt/format.h>
#include <range/v3/action/remove_if.hpp>
#include <range/v3/action/sort.hpp>

#include "collect.hpp"    // arrange, collect, needs, totals_of, verdict
#include "columns.hpp"    // choose_columns
#include "commands.hpp"   // run_oom
#include "json.hpp"       // document, print_json, to_json
#include "rows.hpp"       // print, summary, table_of

namespace tamstat {
namespace {

constexpr std::array<std::string_view, 9> usual_columns{"pid",       "comm", "oom", "adj",  "oomshare",
                                                        "committed", "swap", "pte", "limit"};

// It spares init, and who has -1000; kernel threads are not listed. What cannot be read may be anything.
bool is_spared(const ProcessRow& row) {
    if (row.reserved && *row.reserved == 0) return true;
    return row.pid == 1 || (row.oom_score_adj && *row.oom_score_adj == -1000);
}

// The score is rounded: among equals, what it is made of (mm/oom_kill.c, oom_badness).
std::uint64_t badness(const ProcessRow& row) {
    return row.committed.value_or(0) + row.swap.value_or(0) + row.page_tables.value_or(0);
}

// Of those that are equal in this as well the kernel takes the one it comes to last: the youngest.
bool dies_before(const ProcessRow& a, const ProcessRow& b) {
    const auto key = [](const ProcessRow& row) {
        return std::tuple(row.oom_score.value_or(-1), badness(row), row.start_ns.value_or(0));
    };
    return key(a) > key(b);
}

}   // namespace

int run_oom(const Options& options) {
    const auto columns = choose_columns(options.columns, usual_columns);
    const auto collection = collect(options, needs(options, columns) | Need::oom | Need::cgroup);
    const auto totals = totals_of(collection.rows);
    auto victims = collection.rows;
    victims |= ranges::actions::remove_if(is_spared) | ranges::actions::sort(dies_before);
    arrange(victims, options);
    if (options.format == Format::json || options.format == Format::json_lines) {
        auto processes = to_json(std::span<const ProcessRow>(victims));
        std::size_t rank = 0;
        for (auto& process : processes) process["oom"]["rank"] = ++rank;
        print_json(document("oom", collection, totals, options), std::move(processes), options);
    } else {
        print(table_of(victims, columns, options), options);
        if (options.format != Format::csv && !options.quiet)
            std::fputs(summary(collection, totals, options, victims.size()).c_str(), stdout);
    }
    return verdict(collection);
}

}   // namespace tamstat
