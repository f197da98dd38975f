// SPDX-License-Identifier: MIT
#include "totals.hpp"

#include "machine.hpp"                     // meminfo
#include "tamalloc/detail/proc_file.hpp"   // saturating_sum

namespace tamstat {

Totals totals_of(std::span<const ProcessRow> rows) {
    Totals totals;
    const auto add = [&totals](std::uint64_t& sum, const ProcessRow::Bytes& value) {
        sum = tamalloc::detail::saturating_sum(sum, value.value_or(0));
        totals.saturated = totals.saturated || sum == ~std::uint64_t{0};
    };
    std::uint64_t charged = 0;
    for (const auto& row : rows) {
        ++totals.processes;
        add(totals.reserved, row.reserved);
        add(totals.committed, row.committed);
        add(charged, row.accounted);
        totals.unreadable += row.first_error() != 0 ? 1 : 0;
        totals.cut += row.cut() ? 1 : 0;
        if (row.accounted) totals.charged = charged;
        else totals.charged_in_part = true;
    }
    return totals;
}

std::optional<std::uint64_t> residual(const Totals& totals, const CommitCharge& commit) {
    if (!totals.charged || totals.charged_in_part || !commit.charged) return std::nullopt;
    return *commit.charged > *totals.charged ? *commit.charged - *totals.charged : 0;
}

CommitCharge commit_charge(const Options& options) {
    return {.charged = meminfo(options.procfs, "Committed_AS:"), .limit = meminfo(options.procfs, "CommitLimit:")};
}

}   // namespace tamstat
