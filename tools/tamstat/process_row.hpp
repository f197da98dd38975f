// SPDX-License-Identifier: MIT
//
// One process with everything that may stand in its row: each figure, or why there is none.
//
//   namespace tamstat {
//     Unread unread(std::error_code) noexcept;
//     struct ProcessRow;
//     ProcessRow row_of(const tamalloc::ProcessStats&, tamalloc::StatsField asked);
//     ProcessRow unread_row(pid_t, Unread why);
//   }
#pragma once
#include <array>          // std::array
#include <csignal>        // pid_t, uid_t
#include <cstddef>        // std::size_t
#include <cstdint>        // std::int64_t, std::uint64_t
#include <string>         // std::string
#include <system_error>   // std::error_code

#include "tamalloc/mappings.hpp"        // MappingKind
#include "tamalloc/stats/records.hpp"   // ProcessStats, StatsField
#include "value.hpp"                    // Reading

namespace tamstat {

/// \returns the error as an errno; ENOSYS where this kernel cannot do it, EBADMSG where /proc reads differently than proc(5)
/// says
[[nodiscard]] Unread unread(std::error_code why) noexcept;

/// Bytes throughout.
struct ProcessRow {
    using Bytes = Reading<std::uint64_t>;

    pid_t pid = 0;
    Reading<pid_t> parent;
    Reading<uid_t> uid;
    Reading<std::string> comm;         // raw bytes, as all text here
    Reading<std::string> cmdline;      // arguments, joined by spaces
    Reading<std::uint64_t> start_ns;   // since boot: (pid, start_ns) is one process

    Bytes reserved, committed, peak_reserved, peak, swap, page_tables;
    Reading<int> oom_score, oom_score_adj;

    Bytes anon, file_resident, shmem;   // what committed is made of
    Reading<std::uint64_t> minor_faults, major_faults;
    Reading<std::string> cgroup;   // its path
    Bytes memory_limit;            // the least memory.max of its cgroups; unread, without an error, where there is none
    Bytes address_limit;           // RLIMIT_AS; the same

    Bytes pss, uss, huge;   // --detail rollup

    // --detail maps
    std::array<Bytes, tamalloc::mapping_kinds> kinds;   // reserved, by MappingKind
    Bytes accounted;                                    // counted in Committed_AS: charged, and what is PROT_NONE since
    Reading<std::uint64_t> mappings;                    // how many
    Bytes zero;                                         // read from the shared zero page

    Reading<std::int64_t> growth;   // of committed, bytes per second since the last sample

    [[nodiscard]] const Bytes& of(tamalloc::MappingKind kind) const { return kinds.at(static_cast<std::size_t>(kind)); }
    [[nodiscard]] Bytes& of(tamalloc::MappingKind kind) { return kinds.at(static_cast<std::size_t>(kind)); }

    /// \returns committed as a share of reserved
    [[nodiscard]] Reading<double> fill() const;
    /// \returns reserved less committed, swapped and, as far as it is known, zero-mapped
    [[nodiscard]] Bytes untouched() const;
    /// \returns what the kernel's score says of RAM and swap, in thousandths, adjustment included
    [[nodiscard]] Reading<double> oom_share() const;
    /// \returns the errno of the first figure that was asked for and could not be read; 0: there is none
    [[nodiscard]] int first_error() const;
    /// \returns whether the budget was spent before all of it was read
    [[nodiscard]] bool cut() const { return pss.why().error == budget_spent; }
};

/// \returns what the library has read; ENODATA for what was asked for and is missing
[[nodiscard]] ProcessRow row_of(const tamalloc::ProcessStats& stats, tamalloc::StatsField asked);

/// \returns nothing but the pid, and why
[[nodiscard]] ProcessRow unread_row(pid_t pid, Unread why);

}   // namespace tamstat
