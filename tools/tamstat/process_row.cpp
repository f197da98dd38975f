// SPDX-License-Identifier: MIT
#include "process_row.hpp"

#include <algorithm>   // std::ranges::find_if
#include <cerrno>      // EBADMSG, ENOSYS, ESRCH

#include "tamalloc/error.hpp"   // errc

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
    const auto errors = {reserved.why(), parent.why(),        oom_score.why(), anon.why(),        cgroup.why(),
                         pss.why(),      kinds.front().why(), cmdline.why(),   minor_faults.why()};
    const auto* const found = std::ranges::find_if(errors, [](Unread why) { return why.error > 0; });
    return found == errors.end() ? 0 : found->error;
}

}   // namespace tamstat
