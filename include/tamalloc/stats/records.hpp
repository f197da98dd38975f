// SPDX-License-Identifier: MIT
//
// What statistics are made of.
//
//   namespace tamalloc {
//     enum class Provenance;       // where a figure comes from
//     enum class StatsField;       // what to pay for
//     struct ProcessStats;         // one process
//     struct ProcessDetail;        // one process, what only a walk over its pages tells
//     struct SystemTotals;         // all processes, and the memory there is
//     struct SystemStats;          // memory, processors, disk
//   }
//
// Bytes everywhere, never KiB or pages. reserved is address space (VmSize), committed is what has memory behind it
// (RSS). Warning: this "committed" is not Linux's Committed_AS, the sum promised against CommitLimit; that one is
// called charged.
#pragma once
#include <array>         // std::array
#include <csignal>       // pid_t, uid_t: POSIX puts them there, too
#include <cstdint>       // std::uint64_t
#include <string_view>   // std::string_view

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI {

/// Where a figure comes from.
enum class Provenance : unsigned char {
    procfs,   // the files of /proc
    module,   // the module of kernel/module/ there, but not what it does not tell
    kernel,   // the tamalloc system calls of a patched kernel
};

/// Groups of members of ProcessStats, each with its price under /proc: the files read for it. All read status, which tells
/// threads, and stat of what has 0 bytes, which tells kernel threads.
enum class StatsField : unsigned {
    memory = 1,     // reserved, committed: no other
    identity = 2,   // parent, uid, name, start_ns: stat
    detail = 4,     // peaks, swap, page_tables: no other
    oom = 8,        // oom_score, oom_score_adj: a file each
    all = 15,       // the four
};

/// \returns the groups that are in either, or in both. Constant time, any thread.
/// \commits no
/// @{
[[nodiscard]] constexpr StatsField operator|(StatsField a, StatsField b) noexcept {
    return static_cast<StatsField>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

[[nodiscard]] constexpr StatsField operator&(StatsField a, StatsField b) noexcept {
    return static_cast<StatsField>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
/// @}

/// One process. Members of a group that is not in `filled` are 0.
struct ProcessStats {
    pid_t pid = 0, parent = 0;                 // parent 0: none that is visible
    uid_t uid = 0;                             // the real one
    std::uint64_t reserved = 0;                // address space
    std::uint64_t committed = 0;               // RSS, not Linux's Committed_AS
    std::uint64_t peak_reserved = 0;           // of reserved
    std::uint64_t peak = 0;                    // of committed
    std::uint64_t swap = 0, page_tables = 0;   // in swap space; of its page tables
    int oom_score = 0, oom_score_adj = 0;      // the kernel's own; an idle process of usual size has a score of 666
    std::uint64_t start_ns = 0;   // since boot; (pid, start_ns) is one process, unless the pid is reused within a tick
    StatsField filled{};   // more than asked for where it came along anyway; less where a sandbox's /proc does not tell
    Provenance from = Provenance::procfs;   // who said so
    std::array<char, 16> comm{};            // the bytes of name(), then NULs

    /// \returns the name the kernel knows it by: up to 15 bytes of any value but NUL, also newlines and invalid UTF-8;
    /// valid as long as this object. Constant time; threads: reads the object.
    /// \commits no
    [[nodiscard]] constexpr std::string_view name() const noexcept { return comm.data(); }

    /// \returns committed in percent of reserved; 0 when nothing is reserved. Constant time; threads: reads the object.
    /// \commits no
    [[nodiscard]] constexpr double percentage() const noexcept {
        return reserved == 0 ? 0.0 : 100.0 * static_cast<double>(committed) / static_cast<double>(reserved);
    }
};

/// What the kernel finds out only by walking over every page of a process.
struct ProcessDetail {
    ProcessStats base;                 // what process_stats tells
    std::uint64_t pss = 0;             // committed, but of a page that n processes share only the n-th part
    std::uint64_t private_dirty = 0;   // what its end would free at once
    std::uint64_t lazy_free = 0;       // given back by MADV_FREE, still there
    std::uint64_t anon_huge = 0;       // in transparent huge pages
    std::uint64_t private_clean = 0;   // shared with nobody, and unchanged since it was read from a file
};

/// Sums over the visible processes that have memory: each once, threads never; neither kernel threads nor zombies. What
/// several processes share counts in each, and reserved exceeds any memory there is; a sum above 2^64 - 1 reads so.
struct SystemTotals {
    std::uint64_t processes = 0, reserved = 0;     // how many; address space
    std::uint64_t committed = 0;                   // RSS, not Linux's Committed_AS
    std::uint64_t charged = 0, charge_limit = 0;   // Committed_AS, CommitLimit; 0 where a sandbox's /proc has none
    std::uint64_t ram = 0, available = 0;          // MemTotal, MemAvailable
    std::uint64_t swap = 0;                        // SwapTotal: all of it, used or not
    Provenance from = Provenance::procfs;          // who said so
};

/// The machine, or what the container shows of it.
struct SystemStats {
    /// Bytes.
    struct {
        std::uint64_t total = 0, used = 0, free = 0, available = 0;   // used = total - available
    } memory;
    /// Nanoseconds since boot over all processors, in steps of 1/USER_HZ: take differences. Niced and guest time is
    /// user, interrupts are system, waiting for a disk is idle; what a hypervisor stole is in none.
    struct {
        std::uint64_t user = 0, system = 0, idle = 0;   // time of all processors
    } cpu;
    /// Bytes of the file system that was asked for; 0 without one.
    struct {
        std::uint64_t total = 0, free = 0, available = 0;   // free for root, available for users
    } disk;
};

}   // namespace tamalloc::inline TAMALLOC_ABI
