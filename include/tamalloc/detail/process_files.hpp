// SPDX-License-Identifier: MIT
//
// The files of one process, /proc/PID/..., as records.
//
//   namespace tamalloc::detail {
//     struct ProcUnits;   // of the numbers in them
//     class ProcessFiles {
//         std::error_code read(StatsField, ProcessStats&) const;   // what the groups need
//         std::error_code read_memory(ProcessStats&) const;        // statm
//         std::error_code read_rollup(ProcessDetail&) const;       // smaps_rollup
//     };
//     bool parse_process_line(std::string_view, ProcessLine&) noexcept;
//   }
//
// They are opened relative to the directory of the process, which the kernel ties to that one process: a record is
// never made of two that had the same pid one after the other.
#pragma once
#include <algorithm>      // std::ranges::copy
#include <array>          // std::array
#include <cerrno>         // ENOENT
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code
#include <utility>        // std::in_range

#include <unistd.h>   // sysconf

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"        // page_size
#include "tamalloc/detail/proc_file.hpp"   // Descriptor, Figure, read_figures, read_line
#include "tamalloc/error.hpp"              // errc
#include "tamalloc/stats/records.hpp"      // ProcessStats and its kin

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// What /proc counts in.
struct ProcUnits {
    std::uint64_t page_bytes = page_size();
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
    std::uint64_t start_ticks = 0;
};

inline constexpr unsigned pf_kthread = 0x0020'0000;   // PF_KTHREAD: include/linux/sched.h, the same since 2.6.29

// "pid (comm) state ppid ...": comm may hold anything, parentheses and newlines as well; behind it come only numbers.
[[nodiscard]] inline bool parse_process_line(std::string_view text, ProcessLine& out) noexcept {
    const auto open = text.find('('), close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
    out.name = text.substr(open + 1, close - open - 1);
    text.remove_prefix(close + 1);
    for (int field = 3; field < 9; ++field) skip_field(text);
    if (!take_number(text, out.flags)) return false;
    for (int field = 10; field < 22; ++field) skip_field(text);
    return take_number(text, out.start_ticks);
}

/// \requires the descriptor of the directory stays open
class ProcessFiles {
public:
    ProcessFiles(int directory, const ProcUnits& units) noexcept : directory_(directory), units_(units) {}

    // `stat` comes first, since it tells kernel threads, which may be half of what is listed; where it need not be
    // read, what has address space is none. `status` is one snapshot of the memory groups, so statm is left out beside
    // it.
    // \requires stats.pid is the process, 0 where the directory is "self"
    [[nodiscard]] std::error_code read(StatsField fields, ProcessStats& stats) const noexcept {
        const bool identity = wants(fields, StatsField::identity);
        if (identity)
            if (const auto error = read_stat(identity, stats)) return error;
        if (identity || wants(fields, StatsField::detail)) {
            if (const auto error = read_status(identity, stats)) return error;
        } else if (wants(fields, StatsField::memory)) {
            if (const auto error = read_memory(stats)) return error;
        }
        if (!identity && stats.reserved == 0)
            if (const auto error = read_stat(identity, stats)) return error;
        if (wants(fields, StatsField::oom)) return read_oom(stats);
        return {};
    }

    [[nodiscard]] std::error_code read_memory(ProcessStats& stats) const noexcept {
        std::array<char, 256> buffer;   // seven numbers
        auto line = read_line({directory_, "statm", 0}, buffer);
        if (!line) return line.error();
        if (!take_number(*line, stats.reserved) || !take_number(*line, stats.committed) ||
            !multiply(stats.reserved, units_.page_bytes, stats.reserved) ||
            !multiply(stats.committed, units_.page_bytes, stats.committed))
            return errc::malformed_procfs;
        stats.filled = stats.filled | StatsField::memory;
        return {};
    }

    // Since Linux 4.14, and not in every configuration: where the process is still there, the file is what is missing.
    [[nodiscard]] std::error_code read_rollup(ProcessDetail& detail) const noexcept {
        std::array<Figure, 4> f{
            {{"Pss:", true}, {"Private_Dirty:", true}, {"LazyFree:", true}, {"AnonHugePages:", true}}};
        if (const auto error = read_figures({directory_, "smaps_rollup", 0}, f)) {
            const bool there = error == errno_code(ENOENT) && Descriptor(directory_, "stat", 0).error() == 0;
            return there ? make_error_code(errc::unsupported) : error;
        }
        if (!all_found(f)) return errc::malformed_procfs;
        detail.pss = f[0].value;
        detail.private_dirty = f[1].value;
        detail.lazy_free = f[2].value;
        detail.anon_huge = f[3].value;
        return {};
    }

private:
    // Kernel threads and zombies have no lines of memory. The name, which may say anything, stands there with its
    // newlines escaped: a line that starts with a key is the kernel's.
    [[nodiscard]] std::error_code read_status(bool identity, ProcessStats& stats) const noexcept {
        enum : std::size_t { tgid, parent, uid, peak_reserved, reserved, peak, committed, page_tables, swap, count };
        std::array<Figure, count> f{{{"Tgid:"},
                                     {"PPid:"},
                                     {"Uid:"},
                                     {"VmPeak:", true},
                                     {"VmSize:", true},
                                     {"VmHWM:", true},
                                     {"VmRSS:", true},
                                     {"VmPTE:", true},
                                     {"VmSwap:", true}}};
        if (const auto error = read_figures({directory_, "status", 0}, f)) return error;
        if (!all_found(std::span(f).first(peak_reserved)) || f[reserved].found != f[committed].found ||
            !std::in_range<pid_t>(f[parent].value) || !std::in_range<uid_t>(f[uid].value))
            return errc::malformed_procfs;
        // /proc/TID is there as well, although it is not listed.
        if (stats.pid != 0 && f[tgid].value != static_cast<std::uint64_t>(stats.pid)) return errc::no_such_process;
        if (identity) {
            stats.parent = static_cast<pid_t>(f[parent].value);
            stats.uid = static_cast<uid_t>(f[uid].value);
        }
        stats.reserved = f[reserved].value;
        stats.committed = f[committed].value;
        stats.filled = stats.filled | StatsField::memory;
        if (f[reserved].found && !all_found(f)) return {};   // sandboxes with a /proc of their own tell less
        stats.peak_reserved = f[peak_reserved].value;
        stats.peak = f[peak].value;
        stats.page_tables = f[page_tables].value;
        stats.swap = f[swap].value;
        stats.filled = stats.filled | StatsField::detail;
        return {};
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

    [[nodiscard]] std::error_code read_oom(ProcessStats& stats) const noexcept {
        if (const auto error = read_number("oom_score", stats.oom_score)) return error;
        if (const auto error = read_number("oom_score_adj", stats.oom_score_adj)) return error;
        stats.filled = stats.filled | StatsField::oom;
        return {};
    }

    [[nodiscard]] std::error_code read_number(const char* name, int& number) const noexcept {
        std::array<char, 32> buffer;
        auto line = read_line({directory_, name, 0}, buffer);
        if (!line) return line.error();
        if (!take_number(*line, number)) return errc::malformed_procfs;
        return {};
    }

    int directory_;
    ProcUnits units_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
