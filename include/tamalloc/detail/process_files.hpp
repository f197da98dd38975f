// SPDX-License-Identifier: MIT
//
// The files of one process, /proc/PID/..., as records.
//
//   namespace tamalloc::detail {
//     struct ProcUnits;   // of the numbers in them
//     class ProcessFiles {
//         std::error_code check(pid_t) const;                      // that it is the directory of this process
//         std::error_code read(StatsField, ProcessStats&) const;   // what the groups need
//         std::error_code read_memory(ProcessStats&) const;        // status
//         std::error_code read_oom(bool identity, ProcessStats&) const;   // adds to what was read
//         std::error_code read_detail(ProcessDetail&) const;       // all, and smaps_rollup
//     };
//     bool is_gone(std::error_code) noexcept;
//     bool parse_process_line(std::string_view, ProcessLine&) noexcept;
//   }
//
// They are opened relative to the directory of the process, which the kernel ties to that one process: a record is
// never made of two that had the same pid one after the other.
#pragma once
#include <algorithm>      // std::ranges::copy, std::ranges::count
#include <array>          // std::array
#include <cerrno>         // ENOENT, ESRCH
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code
#include <utility>        // std::in_range

#include <fcntl.h>    // O_DIRECTORY, O_PATH
#include <unistd.h>   // sysconf

#include "tamalloc/config.hpp"
#include "tamalloc/detail/proc_file.hpp"   // Descriptor, Figure, for_each_id, read_figures, read_line
#include "tamalloc/error.hpp"              // errc
#include "tamalloc/stats/records.hpp"      // ProcessStats and its kin

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// What /proc counts in.
struct ProcUnits {
    std::uint64_t ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
};

[[nodiscard]] constexpr bool wants(StatsField fields, StatsField group) noexcept {
    return (fields & group) != StatsField{};
}

/// \returns nanoseconds of a number of ticks, rounded down
[[nodiscard]] constexpr bool nanoseconds(std::uint64_t ticks, std::uint64_t per_second, std::uint64_t& ns) noexcept {
    constexpr std::uint64_t second = 1'000'000'000;
    std::uint64_t whole = 0;
    if (!multiply(ticks / per_second, second, whole)) return false;
    return !__builtin_add_overflow(whole, ticks % per_second * second / per_second, &ns);
}

/// What is taken from /proc/PID/stat.
struct ProcessLine {
    std::string_view name;
    unsigned flags = 0;
    std::uint64_t minor_faults = 0, major_faults = 0, start_ticks = 0;
};

inline constexpr unsigned pf_kthread = 0x0020'0000;   // PF_KTHREAD: include/linux/sched.h, the same since 2.6.29

// "pid (comm) state ppid ...": comm may hold anything, parentheses and newlines as well; behind it come only numbers.
[[nodiscard]] inline bool parse_process_line(std::string_view text, ProcessLine& out) noexcept {
    const auto open = text.find('('), close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
    out.name = text.substr(open + 1, close - open - 1);
    text.remove_prefix(close + 1);
    for (int field = 3; field < 9; ++field) skip_field(text);
    if (!take_number(text, out.flags) || !take_number(text, out.minor_faults)) return false;
    skip_field(text);   // those of children
    if (!take_number(text, out.major_faults)) return false;
    for (int field = 13; field < 22; ++field) skip_field(text);
    return take_number(text, out.start_ticks);
}

/// Whether a file of a process says so that the process is gone, or has become a zombie.
[[nodiscard]] inline bool is_gone(std::error_code error) noexcept {
    return error == errno_code(ENOENT) || error == errno_code(ESRCH);
}

/// \requires the descriptor of the directory stays open
class ProcessFiles {
public:
    ProcessFiles(int directory, const ProcUnits& units) noexcept : directory_(directory), units_(units) {}

    /// \returns ESRCH where it is the directory of another process, or of a thread; 0: any process
    [[nodiscard]] std::error_code check(pid_t pid) const noexcept {
        std::array<Figure, 1> f{{{"Tgid:"}}};
        if (const auto error = read_figures({directory_, "status", 0}, f)) return error;
        if (!all_found(f) || !std::in_range<pid_t>(f[0].value)) return errc::malformed_procfs;
        return pid == 0 || static_cast<pid_t>(f[0].value) == pid ? std::error_code() : errno_code(ESRCH);
    }

    // `status` is always read: nothing else tells a process from a thread, whose directory looks alike. `stat` tells
    // kernel threads, which may be half of what is listed, and so comes first; where it need not be read, what has
    // address space is none.
    // \requires stats.pid is the process, 0 where the directory is "self"
    [[nodiscard]] std::error_code read(StatsField fields, ProcessStats& stats) const noexcept {
        const bool identity = wants(fields, StatsField::identity);
        if (identity)
            if (const auto error = read_stat(identity, stats)) return error;
        if (const auto error = read_status(identity, stats)) return error;
        if (!identity && stats.reserved == 0)
            if (const auto error = read_stat(identity, stats)) return error;
        if (wants(fields, StatsField::oom)) return read_oom(identity, stats);
        return {};
    }

    [[nodiscard]] std::error_code read_memory(ProcessStats& stats) const noexcept { return read_status(false, stats); }

    [[nodiscard]] std::error_code read_oom(bool identity, ProcessStats& stats) const noexcept {
        int score = 0, adj = 0;
        auto error = read_number("oom_score", score);
        if (!error) error = read_number("oom_score_adj", adj);
        if (error) return lacks_file(error) ? std::error_code() : error;
        stats.oom_score = score;
        stats.oom_score_adj = adj;
        stats.filled = stats.filled | StatsField::oom;
        // The score of a zombie, which it may have become since `status` was read.
        const bool doubtful = score == 0 && adj > -1000 && stats.reserved != 0;
        return doubtful ? read_status(identity, stats) : std::error_code();
    }

    // Between the two the process may become a zombie, or begin another program.
    [[nodiscard]] std::error_code read_detail(ProcessDetail& detail) const noexcept {
        const auto pid = detail.base.pid;
        for (int left = tries;; --left) {
            detail.base = {};
            detail.base.pid = pid;
            if (const auto error = read(StatsField::all, detail.base)) return error;
            if (detail.base.reserved == 0) return {};   // no pages to walk over
            const auto error = read_rollup(detail);
            if (left == 1 || !is_gone(error)) return error;
        }
    }

private:
    enum : std::size_t {
        tgid,
        parent,
        uid,
        threads,
        peak_reserved,
        reserved,
        peak,
        committed,
        page_tables,
        swap,
        count
    };
    using Status = std::array<Figure, count>;

    static constexpr int tries = 4;   // execve changes what is read at any time, but takes longer than a reading

    // Kernel threads and zombies have no lines of memory. The name, which may say anything, stands there with its
    // newlines escaped: a line that starts with a key is the kernel's. Threads comes behind the memory: a text that has
    // it was not cut off before.
    [[nodiscard]] static std::error_code read_status_file(int directory, Status& f) noexcept {
        f = {{{"Tgid:"},
              {"PPid:"},
              {"Uid:"},
              {"Threads:"},
              {"VmPeak:", true},
              {"VmSize:", true},
              {"VmHWM:", true},
              {"VmRSS:", true},
              {"VmPTE:", true},
              {"VmSwap:", true}}};
        if (const auto error = read_figures({directory, "status", 0}, f)) return error;
        if (!all_found(std::span(f).first(peak_reserved)) || f[reserved].found != f[committed].found ||
            !std::in_range<pid_t>(f[tgid].value) || !std::in_range<pid_t>(f[parent].value) ||
            !std::in_range<uid_t>(f[uid].value))
            return errc::malformed_procfs;
        return {};
    }

    // Calls read(directory) of one thread after the other until one is there and has memory.
    template<class Read> [[nodiscard]] std::error_code read_any_thread(Read read) const noexcept {
        const Descriptor all(directory_, "task", O_DIRECTORY);
        if (all.error() != 0) return errno_code(all.error());
        auto last = errno_code(ESRCH);
        const auto error = for_each_id(all.get(), [&](pid_t id) {
            const Descriptor thread(all.get(), name_of(id).data(), O_PATH | O_DIRECTORY);
            last = thread.error() != 0 ? errno_code(thread.error()) : read(thread.get());
            return is_gone(last);
        });
        return error ? error : last;
    }

    [[nodiscard]] std::error_code read_memory_of_threads(Status& f) const noexcept {
        Status other;
        const auto error = read_any_thread([&other](int thread) {
            const auto failed = read_status_file(thread, other);
            return failed || other[reserved].found ? failed : errno_code(ESRCH);
        });
        if (!error) std::ranges::copy(std::span(other).subspan(peak_reserved), f.begin() + peak_reserved);
        return error;
    }

    // A main thread that has ended shows no memory, while the other threads of the process do. execve makes another one
    // the main thread: then there may be none to find, or none at all, and the process shows its memory again.
    [[nodiscard]] std::error_code read_memory_of_process(Status& f) const noexcept {
        for (int left = tries;; --left) {
            if (const auto error = read_status_file(directory_, f)) return error;
            if (left == 1 || f[reserved].found || f[threads].value == 1) return {};
            const auto error = read_memory_of_threads(f);
            if (!is_gone(error)) return error;
        }
    }

    [[nodiscard]] std::error_code read_status(bool identity, ProcessStats& stats) const noexcept {
        Status f;
        if (const auto error = read_memory_of_process(f)) return error;
        const auto pid = static_cast<pid_t>(f[tgid].value);
        if (stats.pid == 0) stats.pid = pid;
        if (stats.pid != pid) return errno_code(ESRCH);   // /proc/TID is there as well, although it is not listed
        if (identity) {
            stats.parent = static_cast<pid_t>(f[parent].value);
            stats.uid = static_cast<uid_t>(f[uid].value);
        }
        stats.reserved = f[reserved].value;
        stats.committed = f[committed].value;
        stats.filled = stats.filled | StatsField::memory;
        take_detail(f, stats);
        return {};
    }

    // All of it or nothing: sandboxes with a /proc of their own tell less.
    static void take_detail(const Status& f, ProcessStats& stats) noexcept {
        const auto found = std::ranges::count(std::span(f).subspan(peak_reserved), true, &Figure::found);
        const bool none = found == 0, all = found == count - peak_reserved;
        stats.peak_reserved = all ? f[peak_reserved].value : 0;
        stats.peak = all ? f[peak].value : 0;
        stats.page_tables = all ? f[page_tables].value : 0;
        stats.swap = all ? f[swap].value : 0;
        if (none || all) stats.filled = stats.filled | StatsField::detail;
    }

    [[nodiscard]] std::error_code read_stat(bool identity, ProcessStats& stats) const noexcept {
        std::array<char, 2048> buffer;   // a name of up to 64 bytes and 52 numbers
        const auto text = read_line({directory_, "stat", 0}, buffer);
        if (!text) return text.error();
        ProcessLine line;
        if (!parse_process_line(*text, line)) return errc::malformed_procfs;
        if ((line.flags & pf_kthread) != 0) return errc::kernel_thread;
        if (!identity) return {};
        if (!nanoseconds(line.start_ticks, units_.ticks_per_second, stats.start_ns)) return errc::malformed_procfs;
        std::ranges::copy(line.name.substr(0, stats.comm.size() - 1), stats.comm.begin());
        stats.filled = stats.filled | StatsField::identity;
        return {};
    }

    [[nodiscard]] std::error_code read_number(const char* name, int& number) const noexcept {
        std::array<char, 32> buffer;
        auto line = read_line({directory_, name, 0}, buffer);
        if (!line) return line.error();
        if (!take_number(*line, number)) return errc::malformed_procfs;
        return {};
    }

    // Whether an error when opening means that the file is missing, although the process is there.
    [[nodiscard]] bool lacks_file(std::error_code error) const noexcept {
        return error == errno_code(ENOENT) && Descriptor(directory_, "stat", 0).error() == 0;
    }

    // As the memory, it is shown by the threads when the main thread has ended. Since Linux 4.14, and not in every
    // configuration.
    [[nodiscard]] std::error_code read_rollup(ProcessDetail& detail) const noexcept {
        const auto error = read_rollup_file(directory_, detail);
        if (lacks_file(error)) return errc::unsupported;
        if (error != errno_code(ESRCH)) return error;
        return read_any_thread([&detail](int thread) { return read_rollup_file(thread, detail); });
    }

    [[nodiscard]] static std::error_code read_rollup_file(int directory, ProcessDetail& detail) noexcept {
        std::array<Figure, 5> f{{{"Pss:", true},
                                 {"Private_Clean:", true},
                                 {"Private_Dirty:", true},
                                 {"LazyFree:", true},
                                 {"AnonHugePages:", true}}};
        if (const auto error = read_figures({directory, "smaps_rollup", 0}, f)) return error;
        if (!all_found(f)) return errc::malformed_procfs;
        detail.pss = f[0].value;
        detail.private_clean = f[1].value;
        detail.private_dirty = f[2].value;
        detail.lazy_free = f[3].value;
        detail.anon_huge = f[4].value;
        return {};
    }

    int directory_;
    ProcUnits units_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
