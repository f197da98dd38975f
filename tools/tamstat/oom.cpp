// SPDX-License-Identifier: MIT
// tamstat oom: whom the kernel would kill when memory runs out, in its order.
#include <array>         // std::array
#include <cstddef>       // std::size_t
#include <cstdio>        // std::fputs
#include <functional>    // std::greater
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <tuple>         // std::tuple
#include <vector>        // std::vector

#include <fmt/format.h>
#include <range/v3/action/remove_if.hpp>
#include <range/v3/action/sort.hpp>
#include <range/v3/algorithm/find.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/transform.hpp>

#include "collect.hpp"    // arrange, collect, needs, totals_of, verdict
#include "columns.hpp"    // choose_columns
#include "commands.hpp"   // run_oom
#include "json.hpp"       // document, print_json, to_json
#include "machine.hpp"    // meminfo
#include "rows.hpp"       // print, summary, table_of

namespace tamstat {
namespace {

constexpr std::array<std::string_view, 9> usual_columns{"pid",       "comm", "oom", "adj",  "oomshare",
                                                        "committed", "swap", "pte", "limit"};

// It spares init, and who has -1000; kernel threads are not listed. What cannot be read may be anything. Process 1 of a
// container is not init: it has a score.
bool is_spared(const ProcessRow& row) {
    if (row.reserved && *row.reserved == 0) return true;
    if (row.pid == 1) return row.oom_score.value_or(0) == 0;
    return row.oom_score_adj && *row.oom_score_adj == -1000;
}

// The score is rounded: among equals, what it is made of (mm/oom_kill.c, oom_badness), in bytes.
double badness(const ProcessRow& row, double ram_and_swap) {
    const auto used = [](const ProcessRow::Bytes& bytes) { return static_cast<double>(bytes.value_or(0)); };
    return used(row.committed) + used(row.swap) + used(row.page_tables) +
           row.oom_score_adj.value_or(0) * ram_and_swap / 1000;
}

double ram_and_swap_of(const Options& options) {
    return static_cast<double>(meminfo(options.procfs, "MemTotal:").value_or(0)) +
           static_cast<double>(meminfo(options.procfs, "SwapTotal:").value_or(0));
}

// Of those that are equal in this as well the kernel takes the one it comes to last: the youngest.
void sort_as_the_kernel_would(std::vector<ProcessRow>& rows, double ram_and_swap) {
    rows |= ranges::actions::sort(std::greater(), [ram_and_swap](const ProcessRow& row) {
        return std::tuple(row.oom_score.value_or(-1), badness(row, ram_and_swap), row.start_ns.value_or(0));
    });
}

}   // namespace

int run_oom(const Options& options) {
    const auto columns = choose_columns(options.columns, usual_columns);
    const auto collection = collect(options, needs(options, columns) | Need::oom | Need::cgroup);
    const auto totals = totals_of(collection.rows);
    auto victims = collection.rows;
    victims |= ranges::actions::remove_if(is_spared);
    sort_as_the_kernel_would(victims, ram_and_swap_of(options));
    const auto in_order = victims | ranges::views::transform(&ProcessRow::pid) | ranges::to<std::vector>();
    arrange(victims, options);
    if (options.format == Format::json || options.format == Format::json_lines) {
        auto processes = to_json(std::span<const ProcessRow>(victims));
        for (std::size_t i = 0; i < victims.size(); ++i)
            processes[i]["oom"]["rank"] = ranges::find(in_order, victims[i].pid) - in_order.begin() + 1;
        print_json(document("oom", collection, totals, options), std::move(processes), options);
    } else {
        print(table_of(victims, columns, options), options);
        if (options.format != Format::csv && !options.quiet)
            std::fputs(summary(collection, totals, options, victims.size()).c_str(), stdout);
    }
    return verdict(collection);
}

}   // namespace tamstat
