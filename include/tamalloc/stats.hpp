// SPDX-License-Identifier: MIT
//
// What processes have asked for and what they use, and what the machine has: from the tamalloc system calls where the
// kernel has them, else from /proc, with the same values. There the module of kernel/module/ tells of processes where it
// is loaded, and the files of each do otherwise.
//
//   namespace tamalloc {
//     enum class Provenance;  enum class StatsField;                            // stats/records.hpp
//     struct ProcessStats;  struct ProcessDetail;  struct SystemTotals;  struct SystemStats;
//     class ProcessView;                                                        // an input range of ProcessStats
//     result<ProcessStats>  process_stats(pid_t = 0, StatsField = StatsField::all) noexcept;
//     result<ProcessView>   processes(StatsField = StatsField::all);
//     result<ProcessDetail> process_detail(pid_t = 0) noexcept;
//     result<SystemTotals>  system_totals() noexcept;
//     result<SystemStats>   system_stats(const char* mount_point = "/") noexcept;
//   }
//
// A figure about a process is exact when the process is stopped and has one thread; while it runs, the kernel's
// counters of committed memory lag by some dozen pages per processor. Processes are those of the pid namespace that
// /proc shows, less what hidepid hides; by the calls those of the caller's, less what vm.tamstat_scope hides.
#pragma once
#include <algorithm>      // std::ranges::sort
#include <cstddef>        // std::ptrdiff_t, std::size_t
#include <iterator>       // std::default_sentinel_t, std::input_iterator_tag
#include <memory>         // std::make_shared, std::shared_ptr
#include <optional>       // std::optional
#include <ranges>         // std::ranges::view_interface
#include <system_error>   // std::error_code
#include <utility>        // std::move
#include <vector>         // std::vector

#include "tamalloc/config.hpp"
#include "tamalloc/detail/kernel_stats.hpp"   // Census, process_stats_by_call, RecordList, system_totals_by_call
#include "tamalloc/detail/module_stats.hpp"   // ModuleStats
#include "tamalloc/detail/procfs.hpp"         // Procfs
#include "tamalloc/error.hpp"                 // result
#include "tamalloc/stats/records.hpp"         // ProcessStats and its kin

namespace tamalloc::inline TAMALLOC_ABI {

/// \returns the figures of one process, 0 being the caller; never of half a process or of two. A zombie has 0 bytes.
/// \errors errc::no_such_process, also when it ends meanwhile, for a negative pid and for the id of a thread;
/// errc::kernel_thread: has no memory of its own; EPERM: not for this caller (vm.tamstat_scope); from /proc also
/// errc::malformed_procfs; ENOENT: no /proc; EPERM, EACCES, EMFILE and the like, as soon as one file is refused
/// From /proc it costs reading a few small files, by a call one system call; any thread; allocates nothing and
/// leaves errno alone.
/// \commits no
[[nodiscard]] inline result<ProcessStats> process_stats(pid_t pid = 0, StatsField fields = StatsField::all) noexcept {
    if (const auto stats = detail::process_stats_by_call(pid)) return *stats;
    auto procfs = detail::Procfs::open();
    if (!procfs) return unexpected<std::error_code>(procfs.error());
    return detail::ModuleStats(std::move(*procfs)).process_stats(pid, fields);
}

/// \returns the same and what a walk over all its pages tells, from /proc: proportional to what is committed, with its
/// memory map locked; any thread
/// \errors as process_stats; EACCES for another user's process; errc::unsupported: a kernel without smaps_rollup
/// \commits no
[[nodiscard]] inline result<ProcessDetail> process_detail(pid_t pid = 0) noexcept {
    const auto procfs = detail::Procfs::open();
    if (!procfs) return unexpected<std::error_code>(procfs.error());
    return procfs->process_detail(pid);
}

/// \returns sums over all visible processes, which are not those of one moment, and the memory there is
/// \errors from /proc: ENOENT: no /proc; errc::malformed_procfs, EMFILE and the like
/// Proportional to the processes; any thread; allocates nothing and leaves errno alone.
/// \commits no
[[nodiscard]] inline result<SystemTotals> system_totals() noexcept {
    if (const auto totals = detail::system_totals_by_call()) return *totals;
    const auto procfs = detail::Procfs::open();
    if (!procfs) return unexpected<std::error_code>(procfs.error());
    return procfs->system_totals();
}

/// \returns memory, processors, and the file system mounted there, from /proc and statvfs(3); null leaves the file system
/// out, as a network mount may hang
/// \errors ENOENT: no /proc, no such mount point; errc::malformed_procfs, EMFILE and the like
/// Constant time; any thread; allocates nothing and leaves errno alone.
/// \commits no
[[nodiscard]] inline result<SystemStats> system_stats(const char* mount_point = "/") noexcept {
    const auto procfs = detail::Procfs::open();
    if (!procfs) return unexpected<std::error_code>(procfs.error());
    return procfs->system_stats(mount_point);
}

/// The processes that were there when processes() was called, by increasing pid, without kernel threads and what is
/// hidden. Each is read when iteration gets there, or some of them ahead, and left out if it has ended; so this is no
/// snapshot, and a pid that was reused meanwhile may show its new owner. Each begin() starts at the first again. Copies
/// share one state, in which iteration leaves its error: for one thread at a time. Constant time where not said otherwise.
/// \commits no
class ProcessView : public std::ranges::view_interface<ProcessView> {
public:
    class Iterator;

    /// Empty, or as processes() makes it.
    /// \throws std::bad_alloc, if not empty
    /// @{
    ProcessView() = default;
    ProcessView(detail::ModuleStats source, std::vector<pid_t> pids, StatsField fields)
        : state_(std::make_shared<State>(std::move(source), std::move(pids), fields)) {}
    explicit ProcessView(const detail::Census& census) : state_(std::make_shared<State>(census)) {}
    /// @}

    /// \effects reads the first process
    /// \throws std::bad_alloc
    /// \commits no
    [[nodiscard]] Iterator begin() const;
    /// \returns what an iterator at the end is equal to
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

    /// \returns what ended the latest iteration before the last process; as process_stats. No error: it got to the end.
    [[nodiscard]] std::error_code error() const noexcept {
        return state_ == nullptr ? std::error_code() : state_->error;
    }

private:
    // Either the pids that /proc listed, or what a list by the calls is made from.
    struct State {
        State(detail::ModuleStats&& s, std::vector<pid_t>&& all, StatsField f) noexcept
            : source(std::move(s)), pids(std::move(all)), fields(f) {}
        explicit State(const detail::Census& c) noexcept : census(c) {}

        std::optional<detail::ModuleStats> source;
        std::vector<pid_t> pids;
        StatsField fields{};
        std::optional<detail::Census> census;
        std::error_code error;
    };

    std::shared_ptr<State> state_;
};

/// Single-pass, and its copies advance together: where they stand is kept outside of them, since adaptors may copy an
/// iterator and then hand out what the copy refers to. Valid until the next ++; may outlive the view.
/// Constant time where not said otherwise; for one thread at a time.
/// \commits no
class ProcessView::Iterator {
public:
    /// As std wants of an input iterator. ++ goes on to the next process that is there: costs as process_stats.
    /// @{
    using iterator_concept = std::input_iterator_tag;
    using value_type = ProcessStats;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;

    [[nodiscard]] const ProcessStats& operator*() const noexcept { return walk_->stats; }
    [[nodiscard]] const ProcessStats* operator->() const noexcept { return &walk_->stats; }
    Iterator& operator++() noexcept {
        walk_->settle();
        return *this;
    }
    void operator++(int) noexcept { ++*this; }

    [[nodiscard]] friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept {
        return i.walk_ == nullptr || i.walk_->at_end;
    }
    /// @}

private:
    friend ProcessView;

    struct Walk {
        explicit Walk(std::shared_ptr<State> s) : state(std::move(s)) {
            state->error.clear();
            if (const auto& census = state->census) records.emplace(*census);
            settle();
        }
        // Goes on to a process that is there, or to the end.
        void settle() noexcept {
            if (records) at_end = !take_from(*records);
            else if (const auto& source = state->source) at_end = !take_from(*source);
        }

        [[nodiscard]] bool take_from(detail::RecordList& list) noexcept {
            const auto* const record = list.next();
            state->error = list.error();
            if (record != nullptr) stats = detail::stats_of(*record);
            return record != nullptr;
        }
        [[nodiscard]] bool take_from(const detail::ModuleStats& source) noexcept {
            while (index != state->pids.size()) {
                const auto next = source.process_stats(state->pids[index++], state->fields);
                if (next) {
                    stats = *next;
                    return true;
                }
                if (detail::is_left_out(next.error())) continue;
                state->error = next.error();
                break;
            }
            return false;
        }

        std::shared_ptr<State> state;
        std::optional<detail::RecordList> records;
        std::size_t index = 0;
        ProcessStats stats;
        bool at_end = false;
    };

    explicit Iterator(std::shared_ptr<Walk> walk) noexcept : walk_(std::move(walk)) {}

    std::shared_ptr<Walk> walk_;
};

inline ProcessView::Iterator ProcessView::begin() const {
    return state_ == nullptr ? Iterator() : Iterator(std::make_shared<Iterator::Walk>(state_));
}

namespace detail {

[[nodiscard]] inline result<ProcessView> processes(Procfs procfs, StatsField fields) {
    std::vector<pid_t> pids;
    auto error = procfs.for_each_pid([&pids](pid_t pid) {
        pids.push_back(pid);
        return true;
    });
    if (!error && pids.empty()) error = procfs.missing();
    if (error) return unexpected<std::error_code>(error);
    std::ranges::sort(pids);   // as /proc lists them, unless something else is mounted there
    return ProcessView(ModuleStats(std::move(procfs)), std::move(pids), fields);
}

}   // namespace detail

/// \returns a view of all visible processes. Keep the result in a variable: where __cpp_range_based_for is below 202211, as
/// with g++ 12 in C++23, too, the loop `for (auto& p : *processes())` walks over what is destroyed already.
/// \errors from /proc: ENOENT: no /proc; EMFILE and the like. What goes wrong later ends the range: ProcessView::error.
/// Where that is EPERM or ENOSYS, the kernel's calls are refused since, and another view comes from /proc.
/// \throws std::bad_alloc
/// Proportional to the processes; any thread. From /proc the view keeps one descriptor open.
/// \commits no
[[nodiscard]] inline result<ProcessView> processes(StatsField fields = StatsField::all) {
    if (const auto census = detail::census_by_call(fields)) return ProcessView(*census);
    auto procfs = detail::Procfs::open();
    if (!procfs) return unexpected<std::error_code>(procfs.error());
    return detail::processes(std::move(*procfs), fields);
}

}   // namespace tamalloc::inline TAMALLOC_ABI

// An iterator shares the state, so it stays what it is when the view is gone.
template<> inline constexpr bool std::ranges::enable_borrowed_range<tamalloc::ProcessView> = true;
