// SPDX-License-Identifier: MIT
//
// Statistics as the tamalloc system calls tell them, in the words and units of /proc.
//
//   namespace tamalloc::detail {
//     ProcessStats stats_of(const uapi::tamstat&) noexcept;
//     std::optional<result<ProcessStats>> process_stats_by_call(pid_t) noexcept;   // no value: ask /proc
//     std::optional<result<SystemTotals>> system_totals_by_call() noexcept;
//     std::optional<Census> census_by_call(StatsField) noexcept;
//     class RecordList;   // the processes of a census, a page of records at a time
//   }
#pragma once
#include <algorithm>      // std::ranges::copy
#include <cerrno>         // EPERM, ESRCH
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <ctime>          // clock_gettime
#include <limits>         // std::numeric_limits
#include <optional>       // std::optional
#include <system_error>   // std::error_code
#include <vector>         // std::vector

#include <sys/wait.h>   // P_PID

#include "tamalloc/config.hpp"
#include "tamalloc/detail/call_numbers.hpp"    // CallGroup, try_statistics
#include "tamalloc/detail/kernel_calls.hpp"    // sys::tamstat and its kin
#include "tamalloc/detail/process_files.hpp"   // ProcUnits, wants
#include "tamalloc/detail/sys.hpp"             // value_or_negated_errno
#include "tamalloc/discovery.hpp"              // statistics_calls, taken_back
#include "tamalloc/error.hpp"                  // errc, failure, result, system_failure
#include "tamalloc/stats/records.hpp"          // ProcessStats, SystemTotals

namespace tamalloc::inline TAMALLOC_ABI::detail {

[[nodiscard]] constexpr StatsField groups_of(const uapi::tamstat& record) noexcept {
    if ((record.flags & TAMSTAT_F_NOMM) != 0) return StatsField::all;   // what is not there is 0
    const auto group = [&](std::uint64_t bits, StatsField field) {
        return (record.mask & bits) == bits ? field : StatsField{};
    };
    return group(TAMSTAT_BASIC, StatsField::identity) | group(TAMSTAT_MEM, StatsField::memory) |
           group(TAMSTAT_MEM | TAMSTAT_PEAK, StatsField::detail) | group(TAMSTAT_OOM, StatsField::oom);
}

[[nodiscard]] constexpr std::uint64_t groups_for(StatsField fields) noexcept {
    return TAMSTAT_BASIC | (wants(fields, StatsField::memory | StatsField::detail) ? TAMSTAT_MEM : std::uint64_t{0}) |
           (wants(fields, StatsField::detail) ? TAMSTAT_PEAK : std::uint64_t{0}) |
           (wants(fields, StatsField::oom) ? TAMSTAT_OOM : std::uint64_t{0});
}

/// \returns the record as /proc would tell it, where a process starts at a whole tick and one that has ended scores 0
[[nodiscard]] inline ProcessStats stats_of(const uapi::tamstat& record) noexcept {
    const std::uint64_t tick = 1'000'000'000 / ProcUnits{}.ticks_per_second;
    const bool ended = (record.flags & TAMSTAT_F_NOMM) != 0;
    ProcessStats stats;
    stats.from = Provenance::kernel;
    stats.filled = groups_of(record);
    stats.pid = record.pid;
    stats.parent = record.ppid;
    stats.uid = record.uid;
    stats.start_ns = record.start_boottime_ns - record.start_boottime_ns % tick;
    std::ranges::copy(record.comm, stats.comm.begin());
    stats.comm.back() = '\0';
    stats.reserved = record.vm_total;
    stats.committed = record.rss_anon + record.rss_file + record.rss_shmem;
    if (wants(stats.filled, StatsField::detail)) {
        stats.peak_reserved = record.vm_peak;
        stats.peak = record.rss_peak;
        stats.swap = record.swap;
        stats.page_tables = record.pgtables;
    }
    if (wants(stats.filled, StatsField::oom)) {
        stats.oom_score = ended ? 0 : static_cast<int>(record.oom_score);
        stats.oom_score_adj = record.oom_score_adj;
    }
    return stats;
}

/// \returns what a call answered, or no value: the calls are refused, taken back herewith, and /proc is to be asked
[[nodiscard]] inline std::optional<long> unless_gone(long answer, const CallGroup& calls) noexcept {
    if (answer < 0 && taken_back(statistics_calls_found, calls, answer, try_statistics)) return {};
    return answer;
}

[[nodiscard]] inline std::optional<result<ProcessStats>> process_stats_by_call(pid_t pid) noexcept {
    const auto calls = statistics_calls();
    if (!calls.usable()) return {};
    uapi::tamstat record{};
    const auto answer =
        unless_gone(sys::tamstat(calls.numbers[CallGroup::tamstat], P_PID, pid, &record, sizeof record, 0), calls);
    if (!answer) return {};
    if (*answer == -ESRCH) return failure(errc::no_such_process);
    if (*answer < 0) return system_failure(static_cast<int>(-*answer));
    if ((record.flags & TAMSTAT_F_KTHREAD) != 0) return failure(errc::kernel_thread);
    return stats_of(record);
}

[[nodiscard]] inline std::optional<result<SystemTotals>> system_totals_by_call() noexcept {
    const auto calls = statistics_calls();
    if (!calls.usable()) return {};
    uapi::tamstat_total record{};
    const auto answer = unless_gone(
        sys::tamstat_total(calls.numbers[CallGroup::total], &record, sizeof record, TAMSTAT_TOTAL_SUM), calls);
    if (!answer) return {};
    if (*answer < 0) return system_failure(static_cast<int>(-*answer));
    return SystemTotals{.processes = record.nr_processes,
                        .reserved = record.sum_vm,
                        .committed = record.sum_rss,
                        .charged = record.committed_as,
                        .charge_limit = record.commit_limit,
                        .ram = record.ram,
                        .available = record.ram_available,
                        .swap = record.swap,
                        .from = Provenance::kernel};
}

/// What a list of processes is made from: the calls, the groups, and the moment, since when processes do not count.
struct Census {
    CallGroup calls;
    StatsField fields{};
    std::int64_t taken_ns = 0;   // since boot, as this time namespace has it
};

[[nodiscard]] inline std::optional<Census> census_by_call(StatsField fields) noexcept {
    const auto calls = statistics_calls();
    if (!calls.usable()) return {};
    // Tried first: what is refused later ends the range.
    if (taken_back(statistics_calls_found, calls, -EPERM, try_statistics)) return {};
    timespec now{};
    if (sys::value_or_negated_errno([&] { return ::clock_gettime(CLOCK_BOOTTIME, &now); }) != 0)
        return Census{calls, fields, std::numeric_limits<std::int64_t>::max()};
    return Census{calls, fields, std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

class RecordList {
public:
    /// \throws std::bad_alloc
    explicit RecordList(const Census& census) : census_(census), page_(records_per_page) {
        request_.size = sizeof request_;
        request_.rec_size = sizeof(uapi::tamstat);
        request_.mask = groups_for(census.fields);
    }

    /// \returns the next record, by increasing pid; null at the end, which came early if error() says why. Not to be called
    /// again then.
    [[nodiscard]] const uapi::tamstat* next() noexcept {
        while (true) {
            while (index_ != count_)
                if (const auto& record = page_[index_++]; started_before_census(record)) return &record;
            if (request_.cursor == TAMSTAT_CURSOR_END || !read_page()) return nullptr;
        }
    }

    [[nodiscard]] std::error_code error() const noexcept { return error_; }

private:
    static constexpr std::size_t records_per_page = 64;   // 12 KiB: the price of a call is shared by so many

    // In a time namespace what is older than its clock started at a negative time, time_namespaces(7).
    [[nodiscard]] bool started_before_census(const uapi::tamstat& record) const noexcept {
        return static_cast<std::int64_t>(record.start_boottime_ns) <= census_.taken_ns;
    }

    // A page may be empty without being the last.
    [[nodiscard]] bool read_page() noexcept {
        const long got = sys::tamstat_list(census_.calls.numbers[CallGroup::list], &request_, page_.data(),
                                           page_.size() * sizeof(uapi::tamstat), 0);
        index_ = 0;
        count_ = got < 0 ? 0 : static_cast<std::size_t>(got);
        if (got >= 0) return true;
        error_ = errno_code(static_cast<int>(-got));
        return false;
    }

    Census census_;
    uapi::tamstat_list_req request_{};
    std::vector<uapi::tamstat> page_;
    std::size_t index_ = 0, count_ = 0;
    std::error_code error_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
