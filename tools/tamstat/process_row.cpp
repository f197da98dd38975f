// SPDX-License-Identifier: MIT
#include "process_row.hpp"

#include <algorithm>   // std::ranges::find_if
#include <cerrno>      // EBADMSG, ENODATA, ENOSYS, ESRCH

#include "tamalloc/detail/process_files.hpp"   // wants
#include "tamalloc/error.hpp"                  // errc

namespace tamstat {
namespace {

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }   // counters lag behind one another

}   // namespace

Unread unread(std::error_code why) noexcept {
    if (why.category() != tamalloc::category()) return {why.value()};
    switch (static_cast<tamalloc::errc>(why.value())) {
    case tamalloc::errc::no_such_process: return {ESRCH};
    case tamalloc::errc::malformed_procfs: return {EBADMSG};
    default: return {ENOSYS};
    }
}

Reading<double> ProcessRow::fill() const {
    if (!reserved || !committed) return reserved.why();
    if (*reserved == 0) return {};
    return static_cast<double>(*committed) / static_cast<double>(*reserved);
}

ProcessRow::Bytes ProcessRow::untouched() const {
    if (!reserved || !committed) return reserved.why();
    return less(less(less(*reserved, *committed), swap.value_or(0)), zero.value_or(0));
}

// The kernel's score is (1000 + thousandths) * 2 / 3 without its fraction, fs/proc/base.c; 0: it is never killed.
Reading<double> ProcessRow::oom_share() const {
    if (!oom_score) return oom_score.why();
    if (*oom_score == 0) return {};
    constexpr double rounding = 1.5;
    const auto share = static_cast<double>(*oom_score) * 3 / 2 - 1000;
    return share < 0 && share > -rounding ? 0 : share;
}

int ProcessRow::first_error() const {
    const auto errors = {reserved.why(), parent.why(), oom_score.why(),     oom_score_adj.why(), anon.why(),
                         cgroup.why(),   pss.why(),    kinds.front().why(), cmdline.why(),       minor_faults.why()};
    const auto* const found = std::ranges::find_if(errors, [](Unread why) { return why.error > 0; });
    return found == errors.end() ? 0 : found->error;
}

ProcessRow row_of(const tamalloc::ProcessStats& stats, tamalloc::StatsField asked) {
    using tamalloc::StatsField;
    const auto filled = [&](StatsField group, auto value) -> Reading<decltype(value)> {
        if (tamalloc::detail::wants(stats.filled, group)) return value;
        return Unread{tamalloc::detail::wants(asked, group) ? ENODATA : 0};   // a sandbox's /proc tells less
    };
    ProcessRow row;
    row.pid = stats.pid;
    row.parent = filled(StatsField::identity, stats.parent);
    row.uid = filled(StatsField::identity, stats.uid);
    row.comm = filled(StatsField::identity, std::string(stats.name()));
    row.start_ns = filled(StatsField::identity, stats.start_ns);
    row.reserved = filled(StatsField::memory, stats.reserved);
    row.committed = filled(StatsField::memory, stats.committed);
    row.peak_reserved = filled(StatsField::detail, stats.peak_reserved);
    row.peak = filled(StatsField::detail, stats.peak);
    row.swap = filled(StatsField::detail, stats.swap);
    row.page_tables = filled(StatsField::detail, stats.page_tables);
    row.oom_score = filled(StatsField::oom, stats.oom_score);
    row.oom_score_adj = filled(StatsField::oom, stats.oom_score_adj);
    return row;
}

ProcessRow unread_row(pid_t pid, Unread why) {
    ProcessRow row;
    row.pid = pid;
    row.parent = why, row.uid = why, row.comm = why, row.start_ns = why;
    row.reserved = row.committed = row.peak_reserved = row.peak = row.swap = row.page_tables = why;
    row.oom_score = row.oom_score_adj = why;
    return row;
}

}   // namespace tamstat
