// SPDX-License-Identifier: MIT
//
// Statistics of processes as the module in kernel/module/ tells them, where it is loaded, and /proc does otherwise.
//
//   namespace tamalloc::detail {
//     std::optional<ProcessStats> parse_module_record(std::string_view, const ProcUnits&) noexcept;
//     class ModuleStats {
//         explicit ModuleStats(Procfs);
//         result<ProcessStats> process_stats(pid_t, StatsField) const;
//     };
//   }
#pragma once
#include <array>          // std::array
#include <charconv>       // std::from_chars
#include <concepts>       // std::integral
#include <cstddef>        // std::ptrdiff_t, std::size_t
#include <cstdint>        // std::uint64_t
#include <optional>       // std::optional
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code
#include <utility>        // std::move

#include <fcntl.h>   // O_RDWR

#include "tamalloc/config.hpp"
#include "tamalloc/detail/proc_file.hpp"       // Descriptor, name_of, read_line
#include "tamalloc/detail/process_files.hpp"   // ProcessFiles, ProcUnits, wants
#include "tamalloc/detail/procfs.hpp"          // Procfs
#include "tamalloc/detail/sys.hpp"             // write
#include "tamalloc/error.hpp"                  // result
#include "tamalloc/stats/records.hpp"          // ProcessStats, Provenance, StatsField

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// \returns what follows the key, which has its quotes and its colon; nothing where it is missing
// A string cannot look like a key: its quotes are escaped.
[[nodiscard]] constexpr std::string_view behind(std::string_view record, std::string_view key) noexcept {
    const auto at = record.find(key);
    return at == std::string_view::npos ? std::string_view() : record.substr(at + key.size());
}

template<std::integral T> [[nodiscard]] bool take_member(std::string_view record, std::string_view key,
                                                         T& number) noexcept {
    const auto text = behind(record, key);
    return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{};
}

// Takes one character off the front of a JSON string, of which the module escapes nothing above 0x7f but what is no UTF-8
// and so is lost.
[[nodiscard]] inline bool take_character(std::string_view& text, char& c) noexcept {
    std::size_t used = 1;
    c = text.front();
    if (c == '\\' && text.size() > 1) {
        used = 2;
        c = text[1];
    }
    if (used == 2 && c == 'u') {
        const auto digits = text.substr(2).substr(0, 4);
        unsigned code = 0;
        const auto* const stop = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16).ptr;
        if (stop != digits.data() + 4 || code >= 0x80) return false;
        c = static_cast<char>(code);
        used = 6;
    }
    text.remove_prefix(used);
    return true;
}

[[nodiscard]] inline bool take_name(std::string_view text, std::span<char> name) noexcept {
    for (std::size_t i = 0; !text.empty(); ++i) {
        if (text.front() == '"') return true;
        if (i + 1 == name.size() || !take_character(text, name[i])) return false;
    }
    return false;
}

/// \returns the record, as /proc would tell it: a process starts at a whole tick; nothing where the text is none, or the
/// name had bytes that JSON cannot hold
[[nodiscard]] inline std::optional<ProcessStats> parse_module_record(std::string_view text,
                                                                     const ProcUnits& units) noexcept {
    ProcessStats stats;
    stats.from = Provenance::module;
    stats.filled = StatsField::memory | StatsField::identity | StatsField::detail;
    const bool told =
        take_member(text, R"("pid":)", stats.pid) && take_member(text, R"("parent":)", stats.parent) &&
        take_member(text, R"("uid":)", stats.uid) && take_member(text, R"("start_ns":)", stats.start_ns) &&
        take_member(text, R"("reserved":)", stats.reserved) && take_member(text, R"("committed":)", stats.committed) &&
        take_member(text, R"("peak_reserved":)", stats.peak_reserved) && take_member(text, R"("peak":)", stats.peak) &&
        take_member(text, R"("swap":)", stats.swap) && take_member(text, R"("page_tables":)", stats.page_tables) &&
        take_name(behind(text, R"("comm":")"), stats.comm);
    if (!told) return {};
    stats.start_ns -= stats.start_ns % (1'000'000'000 / units.ticks_per_second);
    if (take_member(text, R"("oom_score":)", stats.oom_score) &&
        take_member(text, R"("oom_score_adj":)", stats.oom_score_adj))
        stats.filled = StatsField::all;
    return stats;
}

/// One for each thread: the file remembers the pid it was asked for.
class ModuleStats {
public:
    explicit ModuleStats(Procfs procfs) noexcept
        : procfs_(std::move(procfs)), watch_(procfs_.directory(), "tamalloc/watch", O_RDWR) {}

    /// \errors as process_stats
    [[nodiscard]] result<ProcessStats> process_stats(pid_t pid, StatsField fields) const noexcept {
        if (watch_.error() == 0)
            if (const auto stats = told(pid, fields)) return *stats;
        return procfs_.process_stats(pid, fields);
    }

private:
    // What the kernel does not tell the module is read from the directory of the process. That is opened first: then
    // both are about the same process.
    [[nodiscard]] std::optional<ProcessStats> told(pid_t pid, StatsField fields) const noexcept {
        if (!wants(fields, StatsField::oom)) return ask(pid);
        std::optional<ProcessStats> stats;
        const auto error = procfs_.with_files_of(pid, [&](const ProcessFiles& files) {
            stats = ask(pid);
            return stats && !wants(stats->filled, StatsField::oom) ? files.read_oom(false, *stats) : std::error_code();
        });
        return error ? std::nullopt : stats;
    }

    [[nodiscard]] std::optional<ProcessStats> ask(pid_t pid) const noexcept {
        const auto name = name_of(pid);
        const std::string_view text(name.data());
        if (sys::write(watch_.get(), text) != static_cast<std::ptrdiff_t>(text.size())) return {};
        std::array<char, 1024>
            buffer;   // a record has 20 digits a figure, and 6 characters a byte of the name, at most
        const auto line = read_line(watch_, buffer);
        if (!line) return {};
        const auto stats = parse_module_record(*line, procfs_.units());
        return stats && (pid == 0 || stats->pid == pid) ? stats : std::nullopt;
    }

    Procfs procfs_;
    Descriptor watch_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
