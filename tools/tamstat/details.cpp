// SPDX-License-Identifier: MIT
#include "details.hpp"

#include <algorithm>      // std::ranges::replace
#include <array>          // std::array
#include <cerrno>         // EBADMSG, ENODATA, EOVERFLOW
#include <limits>         // std::numeric_limits
#include <string_view>    // std::string_view
#include <system_error>   // std::error_code
#include <utility>        // std::move

#include <fcntl.h>   // O_DIRECTORY, O_PATH

#include "tamalloc/detail/memory_limit.hpp"    // has_name, limit_of_groups
#include "tamalloc/detail/process_files.hpp"   // ProcessFiles, parse_process_line
#include "tamalloc/detail/smaps.hpp"           // directory_with_memory
#include "tamalloc/mappings.hpp"               // MappingView

namespace tamstat {
namespace {

namespace detail = tamalloc::detail;
using detail::Descriptor;
using detail::Figure;

constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();
constexpr auto no_limit = std::uint64_t{1} << 62;   // of version 1 of cgroups, and more

void read_kinds_of_memory(ProcessRow& row, const Descriptor& directory) {
    std::array<Figure, 3> f{{{"RssAnon:", true}, {"RssFile:", true}, {"RssShmem:", true}}};
    const auto error = detail::read_figures({directory.get(), "status", 0}, f);
    const std::array<ProcessRow::Bytes*, 3> all{&row.anon, &row.file_resident, &row.shmem};
    for (std::size_t i = 0; i != f.size(); ++i) {
        if (error) *all.at(i) = unread(error);
        else if (f.at(i).found) *all.at(i) = f.at(i).value;
        else if (row.reserved && *row.reserved == 0) *all.at(i) = std::uint64_t{0};   // a zombie has no such lines
        else *all.at(i) = Unread{ENODATA};                                            // a sandbox's /proc tells less
    }
}

void read_faults(ProcessRow& row, const Descriptor& directory) {
    std::array<char, 2048> buffer;
    detail::ProcessLine line;
    const auto text = detail::read_line({directory.get(), "stat", 0}, buffer);
    auto error = text ? std::error_code() : text.error();
    if (text && !detail::parse_process_line(*text, line)) error = tamalloc::errc::malformed_procfs;
    if (error) {
        row.minor_faults = row.major_faults = unread(error);
    } else {
        row.minor_faults = line.minor_faults;
        row.major_faults = line.major_faults;
    }
}

// hierarchy:controllers:path, cgroups(7): version 2, unless version 1 is what limits memory.
void read_cgroup(ProcessRow& row, const Descriptor& directory, bool with_limits) {
    const Descriptor file(directory.get(), "cgroup", 0);
    detail::LineReader lines(file);
    auto least = unlimited;
    for (std::string_view line; lines.next(line);) {
        const auto controllers = line.substr(line.find(':') + 1);
        const bool v2 = controllers.starts_with(':');
        const bool memory = detail::has_name(controllers.substr(0, controllers.find(':')), "memory");
        if (!v2 && !memory) continue;
        if (memory || !row.cgroup) row.cgroup = std::string(controllers.substr(controllers.find(':') + 1));
        if (with_limits) least = std::min<std::uint64_t>(least, detail::limit_of_groups(line, "/sys/fs/cgroup"));
    }
    if (const auto error = lines.error()) {
        row.cgroup = unread(error);
        row.memory_limit = unread(error);
    } else if (least < no_limit) {
        row.memory_limit = least;
    }
}

// "Max address space         unlimited            unlimited            bytes"
void read_address_limit(ProcessRow& row, const Descriptor& directory) {
    constexpr std::string_view key = "Max address space";
    const Descriptor file(directory.get(), "limits", 0);
    detail::LineReader lines(file);
    for (std::string_view line; lines.next(line);) {
        if (!line.starts_with(key)) continue;
        line.remove_prefix(key.size());
        std::uint64_t bytes = 0;
        if (detail::take_number(line, bytes)) row.address_limit = bytes;
        return;
    }
    if (const auto error = lines.error()) row.address_limit = unread(error);
}

void read_cmdline(ProcessRow& row, const Descriptor& directory) {
    constexpr std::size_t most = 4096;
    std::string text(most, '\0');
    const Descriptor file(directory.get(), "cmdline", 0);
    const auto got = file.error() != 0 ? -file.error() : file.read(text);
    if (got < 0) {
        row.cmdline = Unread{static_cast<int>(-got)};
        return;
    }
    text.resize(static_cast<std::size_t>(got));
    while (text.ends_with('\0')) text.pop_back();
    std::ranges::replace(text, '\0', ' ');
    row.cmdline = std::move(text);
}

void set_rollup(ProcessRow& row, Unread why) { row.pss = row.uss = row.huge = why; }

// A sum that saturates is of figures that somebody made up: no process has so much.
ProcessRow::Bytes sum_or_overflow(std::uint64_t sum) {
    if (sum == unlimited) return Unread{EOVERFLOW};
    return sum;
}

void read_rollup(ProcessRow& row, const Descriptor& directory) {
    tamalloc::ProcessDetail d;
    d.base.pid = row.pid;
    if (const auto error = detail::ProcessFiles(directory.get(), {}).read_detail(d)) {
        set_rollup(row, unread(error));
        return;
    }
    row.pss = d.pss;
    row.uss = sum_or_overflow(detail::saturating_sum(d.private_clean, d.private_dirty));
    row.huge = d.anon_huge;
}

struct MapSums {
    std::array<std::uint64_t, tamalloc::mapping_kinds> kinds{};
    std::uint64_t accounted = 0, count = 0, pss = 0, uss = 0, huge = 0, first = unlimited, last = 0;

    void add(const tamalloc::Mapping& m) {
        auto& kind = kinds.at(static_cast<std::size_t>(m.kind));
        kind = detail::saturating_sum(kind, m.size());
        if (m.accounted) accounted = detail::saturating_sum(accounted, m.size());
        pss = detail::saturating_sum(pss, m.pss);
        uss = detail::saturating_sum(uss, m.uss);
        huge = detail::saturating_sum(huge, m.huge);
        first = std::min(first, m.first);
        last = std::max(last, m.last);
        ++count;
    }
};

void set_maps(ProcessRow& row, Unread why) {
    row.kinds.fill(why);
    row.accounted = row.mappings = row.zero = why;
    set_rollup(row, why);
}

void set_maps(ProcessRow& row, const MapSums& sums) {
    for (std::size_t i = 0; i != sums.kinds.size(); ++i) row.kinds.at(i) = sums.kinds.at(i);
    row.accounted = sums.accounted;
    row.mappings = sums.count;
    row.pss = sum_or_overflow(sums.pss);
    row.uss = sum_or_overflow(sums.uss);
    row.huge = sum_or_overflow(sums.huge);
}

// A descriptor of one's own, since the view keeps it.
tamalloc::MappingView mappings_in(const Descriptor& directory) {
    return tamalloc::MappingView(Descriptor(directory.get(), ".", O_PATH | O_DIRECTORY));
}

void read_maps(ProcessRow& row, const Descriptor& directory, const Deadline& deadline) {
    MapSums sums;
    if (row.reserved && *row.reserved == 0) {   // a zombie
        set_maps(row, sums);
        row.zero = std::uint64_t{0};
        return;
    }
    const auto view = mappings_in(directory);
    for (const auto& mapping : view) {
        sums.add(mapping);
        if (sums.count % 64 == 0 && deadline.passed()) {
            set_maps(row, Unread{budget_spent});
            return;
        }
    }
    if (view.error()) {
        set_maps(row, unread(view.error()));
        return;
    }
    if (sums.count == 0) {   // nobody lives without mappings
        set_maps(row, Unread{ENODATA});
        return;
    }
    set_maps(row, sums);
    const auto zero = view.zero_mapped(sums.first, sums.last);
    if (zero) row.zero = *zero;
    else row.zero = unread(zero.error());
}

// Measured: a walk over what is in memory takes 11 ms per GiB of small pages.
std::chrono::nanoseconds cost_of_walk(const ProcessRow& row) {
    return std::chrono::nanoseconds(row.committed.value_or(0) / 97);
}

}   // namespace

void read_scores(ProcessRow& row, const Descriptor& directory) {
    const auto number_in = [&directory](const char* name) -> Reading<int> {
        std::array<char, 32> buffer;
        auto line = detail::read_line({directory.get(), name, 0}, buffer);
        if (!line) return unread(line.error());
        int number = 0;
        if (!detail::take_number(*line, number)) return Unread{EBADMSG};
        return number;
    };
    row.oom_score = number_in("oom_score");
    row.oom_score_adj = number_in("oom_score_adj");
}

void set_details(ProcessRow& row, Need need, Unread why) {
    if (has(need, Need::extra)) row.anon = row.file_resident = row.shmem = row.minor_faults = row.major_faults = why;
    if (has(need, Need::cgroup)) {
        row.cgroup = why;
        row.memory_limit = row.address_limit = why;
    }
    if (has(need, Need::cmdline)) row.cmdline = why;
    if (has(need, Need::rollup)) set_rollup(row, why);
    if (has(need, Need::maps)) set_maps(row, why);
}

void read_details(ProcessRow& row, const Descriptor& directory, Need need, const Deadline& deadline,
                  bool with_cgroup_limits) {
    // A zombie and a thread of the kernel have none in any thread.
    const bool has_memory = row.reserved.value_or(0) != 0 && has(need, Need::extra | Need::maps | Need::cmdline);
    const auto memory =
        has_memory ? detail::directory_with_memory(directory) : Descriptor(directory.get(), ".", O_PATH);
    if (has(need, Need::extra)) {
        read_kinds_of_memory(row, memory);
        read_faults(row, directory);
    }
    if (has(need, Need::cgroup)) {
        read_cgroup(row, directory, with_cgroup_limits);
        read_address_limit(row, directory);
    }
    if (has(need, Need::cmdline)) read_cmdline(row, memory);
    if (!has(need, Need::rollup | Need::maps)) return;
    const bool allowed = deadline.allows(cost_of_walk(row));
    if (has(need, Need::maps)) allowed ? read_maps(row, memory, deadline) : set_maps(row, Unread{budget_spent});
    else allowed ? read_rollup(row, directory) : set_rollup(row, Unread{budget_spent});
}

}   // namespace tamstat
