// SPDX-License-Identifier: MIT
//
// Statistics as /proc tells them.
//
//   namespace tamalloc::detail {
//     class Procfs {
//         static result<Procfs> open(const char* root, const ProcUnits&);
//         std::error_code for_each_pid(F) const;
//         std::error_code with_directory(pid_t, F) const;
//         result<Descriptor> directory_of(pid_t) const;
//         result<ProcessStats> process_stats(pid_t, StatsField) const;
//         result<ProcessDetail> process_detail(pid_t) const;
//         result<SystemTotals> system_totals() const;
//         result<SystemStats> system_stats(const char* mount_point) const;
//     };
//   }
#pragma once
#include <array>          // std::array
#include <cerrno>         // EACCES, EINTR, ENOENT, EOVERFLOW, EPERM
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <optional>       // std::optional
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code
#include <utility>        // std::move

#include <fcntl.h>         // AT_FDCWD, O_DIRECTORY, O_PATH
#include <sys/stat.h>      // fstatat
#include <sys/statvfs.h>   // statvfs
#include <unistd.h>        // lseek

#include "tamalloc/config.hpp"
#include "tamalloc/detail/proc_file.hpp"       // Descriptor, Figure, LineReader, for_each_id, read_figures
#include "tamalloc/detail/process_files.hpp"   // ProcessFiles, ProcUnits, is_gone
#include "tamalloc/detail/sys.hpp"             // value_or_negated_errno
#include "tamalloc/error.hpp"                  // errc, result
#include "tamalloc/stats/records.hpp"          // ProcessStats and its kin

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// \returns what a file of a process says, in the words of process_stats
[[nodiscard]] inline std::error_code process_error(std::error_code error) noexcept {
    return is_gone(error) ? make_error_code(errc::no_such_process) : error;
}

/// Whether a listing leaves the process out: gone, not a process with memory of its own, or hidden (hidepid, SELinux).
[[nodiscard]] inline bool is_left_out(std::error_code error) noexcept {
    return error == make_error_code(errc::no_such_process) || error == make_error_code(errc::kernel_thread) ||
           error == errno_code(EPERM) || error == errno_code(EACCES);
}

/// One directory with the files of /proc.
class Procfs {
public:
    /// \errors ENOENT, EMFILE and the like
    [[nodiscard]] static result<Procfs> open(const char* root = "/proc", const ProcUnits& units = {}) noexcept {
        Descriptor directory(AT_FDCWD, root, O_DIRECTORY);
        if (directory.error() != 0) return system_failure(directory.error());
        return Procfs(std::move(directory), units);
    }

    /// \effects calls f(pid_t) for each process listed, kernel threads and zombies as well, until it returns false
    /// \returns why the directory cannot be read
    /// /proc lists them in increasing order. One call at a time: the descriptor has one position.
    template<class F> [[nodiscard]] std::error_code for_each_pid(F f) const {
        if (const auto to = sys::value_or_negated_errno([&] { return ::lseek(root_.get(), 0, SEEK_SET); }); to < 0)
            return errno_code(static_cast<int>(-to));
        return for_each_id(root_.get(), f);
    }

    /// \effects calls read(Descriptor&) with the directory of a process, 0 being the caller; twice where the first was gone
    /// \returns what it returns, in the words of process_stats; it tells a thread from a process, whose directory looks alike
    // When a thread calls execve, it takes the id of the main thread, which ends: a directory opened at that moment may
    // be that of the thread that ends (Linux: fs/exec.c de_thread, fs/proc/base.c proc_pid_make_inode). The next is not.
    template<class Read> [[nodiscard]] std::error_code with_directory(pid_t pid, Read read) const {
        const auto error = try_directory(pid, read);
        return error == make_error_code(errc::no_such_process) ? try_directory(pid, read) : error;
    }

    /// \returns the directory of a process, 0 being the caller, to open others from
    /// \errors errc::no_such_process; ENOENT, EMFILE and the like
    [[nodiscard]] result<Descriptor> directory_of(pid_t pid) const noexcept {
        std::optional<Descriptor> found;
        const auto error = with_directory(pid, [&](Descriptor& directory) {
            const auto wrong = ProcessFiles(directory.get(), units_).check(pid);
            if (!wrong) found.emplace(std::move(directory));
            return wrong;
        });
        if (!found) return unexpected<std::error_code>(error);
        return std::move(*found);
    }

    /// Reads the files that the groups need; 0 is the caller.
    /// \errors as process_stats
    [[nodiscard]] result<ProcessStats> process_stats(pid_t pid, StatsField fields) const noexcept {
        ProcessStats stats;
        const auto error = with_files_of(pid, [&](const ProcessFiles& files) {
            stats = {};
            stats.pid = pid;
            return files.read(fields, stats);
        });
        if (error) return unexpected<std::error_code>(error);
        return stats;
    }

    [[nodiscard]] result<ProcessDetail> process_detail(pid_t pid) const noexcept {
        ProcessDetail detail;
        detail.base.pid = pid;
        const auto error = with_files_of(pid, [&](const ProcessFiles& files) { return files.read_detail(detail); });
        if (error) return unexpected<std::error_code>(error);
        return detail;
    }

    [[nodiscard]] result<SystemTotals> system_totals() const noexcept {
        SystemTotals totals;
        auto failed = read_totals(totals);
        if (!failed) {
            const auto error = for_each_pid([&](pid_t pid) {
                failed = add(pid, totals);
                return !failed;
            });
            if (error) failed = error;
        }
        if (failed) return unexpected<std::error_code>(failed);
        return totals;
    }

    [[nodiscard]] result<SystemStats> system_stats(const char* mount_point) const noexcept {
        SystemStats stats;
        auto error = read_machine_memory(stats);
        if (!error) error = read_cpu(stats);
        if (!error && mount_point != nullptr) error = read_disk(mount_point, stats);
        if (error) return unexpected<std::error_code>(error);
        return stats;
    }

    /// \returns ENOENT where the directory is not that of a procfs, as when something is mounted over /proc
    [[nodiscard]] std::error_code missing() const noexcept {
        struct stat self{};
        const int error =
            sys::value_or_negated_errno([&] { return ::fstatat(root_.get(), "self", &self, AT_SYMLINK_NOFOLLOW); });
        return errno_code(-error);
    }

    /// \effects calls read(ProcessFiles)
    /// \returns what it returns, in the words of process_stats
    template<class Read> [[nodiscard]] std::error_code with_files_of(pid_t pid, Read read) const noexcept {
        return with_directory(pid,
                              [&](const Descriptor& directory) { return read(ProcessFiles(directory.get(), units_)); });
    }

    [[nodiscard]] int directory() const noexcept { return root_.get(); }
    [[nodiscard]] const ProcUnits& units() const noexcept { return units_; }

private:
    Procfs(Descriptor root, const ProcUnits& units) noexcept : root_(std::move(root)), units_(units) {}

    template<class Read> [[nodiscard]] std::error_code try_directory(pid_t pid, Read& read) const {
        // O_PATH: serves only to open others.
        Descriptor directory(   // NOLINT(misc-const-correctness): directory_of takes it away
            root_.get(), pid == 0 ? "self" : name_of(pid).data(), O_PATH | O_DIRECTORY);
        if (directory.error() == 0) return process_error(read(directory));
        // Without a procfs nobody knows whether there is such a process.
        if (directory.error() == ENOENT)
            if (const auto none = missing()) return none;
        return process_error(errno_code(directory.error()));
    }

    [[nodiscard]] std::error_code add(pid_t pid, SystemTotals& totals) const noexcept {
        ProcessStats stats;
        stats.pid = pid;
        const auto error = with_files_of(pid, [&](const ProcessFiles& files) { return files.read_memory(stats); });
        if (error) return is_left_out(error) ? std::error_code() : error;
        totals.processes += stats.reserved != 0 ? 1 : 0;
        totals.reserved = saturating_sum(totals.reserved, stats.reserved);
        totals.committed = saturating_sum(totals.committed, stats.committed);
        return {};
    }

    // Sandboxes with a /proc of their own charge nothing.
    [[nodiscard]] std::error_code read_totals(SystemTotals& totals) const noexcept {
        std::array<Figure, 5> f{{{"MemTotal:", true},
                                 {"MemAvailable:", true},
                                 {"SwapTotal:", true},
                                 {"CommitLimit:", true},
                                 {"Committed_AS:", true}}};
        if (const auto error = read_figures({root_.get(), "meminfo", 0}, f)) return error;
        if (!all_found(std::span(f).first(3))) return errc::malformed_procfs;
        totals.ram = f[0].value;
        totals.available = f[1].value;
        totals.swap = f[2].value;
        totals.charge_limit = f[3].value;
        totals.charged = f[4].value;
        return {};
    }

    [[nodiscard]] std::error_code read_machine_memory(SystemStats& stats) const noexcept {
        std::array<Figure, 3> f{{{"MemTotal:", true}, {"MemFree:", true}, {"MemAvailable:", true}}};
        if (const auto error = read_figures({root_.get(), "meminfo", 0}, f)) return error;
        if (!all_found(f)) return errc::malformed_procfs;
        auto& m = stats.memory;
        m.total = f[0].value;
        m.free = f[1].value;
        m.available = f[2].value;
        m.used = m.total > m.available ? m.total - m.available : 0;   // what a container is shown may not fit
        return {};
    }

    // The first line, "cpu  user nice system idle iowait irq softirq ...", is the sum over all processors.
    [[nodiscard]] std::error_code read_cpu(SystemStats& stats) const noexcept {
        const Descriptor file(root_.get(), "stat", 0);
        LineReader lines(file);
        std::string_view line;
        if (!lines.next(line)) return lines.error() ? lines.error() : make_error_code(errc::malformed_procfs);
        if (!line.starts_with("cpu ")) return errc::malformed_procfs;
        line.remove_prefix(4);
        enum : std::size_t { user, nice, system, idle, iowait, irq, softirq, count };
        std::array<std::uint64_t, count> ticks{};
        for (auto& t : ticks)
            if (!take_number(line, t) || !nanoseconds(t, units_.ticks_per_second, t)) return errc::malformed_procfs;
        if (lines.shortened() && line.empty()) return errc::malformed_procfs;   // and so may be the last number
        stats.cpu.user = saturating_sum(ticks[user], ticks[nice]);
        stats.cpu.system = saturating_sum(ticks[system], saturating_sum(ticks[irq], ticks[softirq]));
        stats.cpu.idle = saturating_sum(ticks[idle], ticks[iowait]);
        return {};
    }

    [[nodiscard]] static std::error_code read_disk(const char* mount_point, SystemStats& stats) noexcept {
        struct statvfs disk{};
        int error = 0;
        do error = sys::value_or_negated_errno([&] { return ::statvfs(mount_point, &disk); });
        while (error == -EINTR);
        if (error != 0) return errno_code(-error);
        const bool fits = multiply(disk.f_blocks, disk.f_frsize, stats.disk.total) &&
                          multiply(disk.f_bfree, disk.f_frsize, stats.disk.free) &&
                          multiply(disk.f_bavail, disk.f_frsize, stats.disk.available);
        return fits ? std::error_code() : errno_code(EOVERFLOW);
    }

    Descriptor root_;
    ProcUnits units_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
