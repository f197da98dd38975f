// SPDX-License-Identifier: MIT
//
// Statistics that cannot be.
//
//   namespace soak {
//     std::string impossible_statistics();   // reads all that the library tells, once
//   }
#pragma once
#include <cstdint>   // std::uint64_t
#include <string>    // std::string, std::to_string

#include <unistd.h>   // getpid

#include "tamalloc/stats.hpp"

namespace soak {

namespace detail {

constexpr std::uint64_t most_address_space = std::uint64_t{1} << 57;   // of any processor that Linux runs on

[[nodiscard]] inline std::string impossible(const tamalloc::ProcessStats& p, const tamalloc::SystemTotals& machine) {
    const char* const what = p.pid <= 0                                          ? "pid"
                             : p.reserved > most_address_space                   ? "reserved"
                             : p.committed > machine.ram                         ? "committed"
                             : p.peak_reserved < p.reserved                      ? "peak of reserved"
                             : p.peak < p.committed                              ? "peak of committed"
                             : p.swap > machine.swap                             ? "swap"
                             : p.page_tables > machine.ram                       ? "page tables"
                             : p.oom_score < 0 || p.oom_score > 2000             ? "oom_score"
                             : p.oom_score_adj < -1000 || p.oom_score_adj > 1000 ? "oom_score_adj"
                             : p.filled != tamalloc::StatsField::all             ? "fields"
                                                                                 : nullptr;
    if (what == nullptr) return {};
    return std::string(what) + " of process " + std::to_string(p.pid) + ": reserved " + std::to_string(p.reserved) +
           ", at most " + std::to_string(p.peak_reserved) + ", committed " + std::to_string(p.committed) +
           ", at most " + std::to_string(p.peak) + ", swap " + std::to_string(p.swap) + ", page tables " +
           std::to_string(p.page_tables) + ", oom " + std::to_string(p.oom_score) + " " +
           std::to_string(p.oom_score_adj) + " on a machine of " + std::to_string(machine.ram) + " and " +
           std::to_string(machine.swap);
}

[[nodiscard]] inline std::string impossible_processes(const tamalloc::SystemTotals& machine) {
    const auto all = tamalloc::processes();
    if (!all) return "processes: " + all.error().message();
    pid_t last = 0;
    bool self = false;
    for (const auto& process : *all) {
        if (process.pid <= last) return "processes: the pids do not increase";
        last = process.pid;
        self = self || process.pid == ::getpid();
        if (const auto problem = impossible(process, machine); !problem.empty()) return problem;
    }
    if (all->error()) return "processes: " + all->error().message();
    return self ? "" : "processes: this one is not among them";
}

}   // namespace detail

/// \returns what is wrong with the figures about this process, all processes and the machine; empty: nothing
[[nodiscard]] inline std::string impossible_statistics() {
    const auto totals = tamalloc::system_totals();
    if (!totals) return "system_totals: " + totals.error().message();
    if (totals->processes == 0 || totals->available > totals->ram || totals->committed == 0 ||
        totals->reserved < totals->committed)
        return "system_totals: " + std::to_string(totals->processes) + " processes";
    const auto self = tamalloc::process_stats();
    if (!self) return "process_stats: " + self.error().message();
    if (self->pid != ::getpid() || self->committed == 0 || self->reserved < self->committed)
        return "process_stats: not of this process";
    if (const auto problem = detail::impossible(*self, *totals); !problem.empty()) return problem;
    const auto system = tamalloc::system_stats();
    if (!system) return "system_stats: " + system.error().message();
    if (system->memory.used + system->memory.available != system->memory.total ||
        system->memory.free > system->memory.total || system->disk.free > system->disk.total)
        return "system_stats: more than there is";
    return detail::impossible_processes(*totals);
}

}   // namespace soak
