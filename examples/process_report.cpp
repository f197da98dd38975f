// SPDX-License-Identifier: MIT
// Who asks for much and uses little: a range-v3 pipeline over the processes of this machine.
// reserved is address space (VmSize), committed the memory behind it (RSS; not Linux's Committed_AS).
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <cstdio>         // std::printf, std::puts
#include <system_error>   // std::error_code
#include <vector>         // std::vector

#include <range/v3/action/sort.hpp>          // actions::sort
#include <range/v3/numeric/accumulate.hpp>   // accumulate
#include <range/v3/range/conversion.hpp>     // to
#include <range/v3/view/filter.hpp>          // views::filter
#include <range/v3/view/take.hpp>            // views::take

#include "tamalloc/stats.hpp"          // ProcessStats, StatsField, processes
#include "tamalloc/zeroed_array.hpp"   // ZeroedArray

namespace {

using tamalloc::ProcessStats;

int failed(const std::error_code& error) {
    std::printf("no figures: %s\n", error.message().c_str());
    return 1;
}

// What a member of ProcessStats is in all of them together, in GiB.
std::size_t sum_gib(const std::vector<ProcessStats>& all, std::uint64_t ProcessStats::* member) {
    return static_cast<std::size_t>(ranges::accumulate(all, std::uint64_t{0}, ranges::plus{}, member) >> 30);
}

}   // namespace

int main() {
    const tamalloc::ZeroedArray<char> wish(std::size_t{1} << 40);   // so that there is something to see: a TiB, unused

    auto processes = tamalloc::processes(tamalloc::StatsField::memory | tamalloc::StatsField::identity);
    if (!processes) return failed(processes.error());

    // One walk over /proc, into a vector; a zombie has no memory.
    const auto all = *processes | ranges::views::filter([](const ProcessStats& p) { return p.committed > 0; }) |
                     ranges::to<std::vector>() | ranges::actions::sort(ranges::less{}, &ProcessStats::percentage);
    if (processes->error()) return failed(processes->error());   // what ended the walk early

    std::puts("the five that use the least of what they reserve:");
    std::puts("    PID  RESERVED MiB  COMMITTED MiB   USED %  NAME");
    for (const ProcessStats& p : all | ranges::views::take(5))
        std::printf("%7d %13zu %14zu %8.3f  %.*s\n", static_cast<int>(p.pid),
                    static_cast<std::size_t>(p.reserved) >> 20, static_cast<std::size_t>(p.committed) >> 20,
                    p.percentage(), static_cast<int>(p.name().size()), p.name().data());

    const auto reserved = sum_gib(all, &ProcessStats::reserved), committed = sum_gib(all, &ProcessStats::committed);
    std::printf("%zu processes, reserved %zu GiB, committed %zu GiB\n", all.size(), reserved, committed);
    return reserved >= 1024 ? 0 : 1;   // the wish is among it
}
