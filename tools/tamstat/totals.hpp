// SPDX-License-Identifier: MIT
//
// Sums over processes, and what the machine has promised.
//
//   namespace tamstat {
//     struct Totals;  struct CommitCharge;
//     std::optional<std::uint64_t> residual(const Totals&, const CommitCharge&);
//     Totals totals_of(std::span<const ProcessRow>);
//     CommitCharge commit_charge(const Options&);
//   }
#pragma once
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <optional>   // std::optional
#include <span>       // std::span

#include "options.hpp"       // Options
#include "process_row.hpp"   // ProcessRow
#include "value.hpp"         // Reading

namespace tamstat {

struct Totals {
    std::size_t processes = 0;
    std::uint64_t reserved = 0, committed = 0;
    Reading<std::uint64_t> charged;   // the part of Committed_AS that these processes' mappings make: --detail maps
    bool charged_in_part = false;     // of some it is not known
    std::size_t unreadable = 0;       // with something that could not be read
    std::size_t cut = 0;              // by the budget
    bool saturated = false;           // the sum of reserved, which others may make any number, does not fit
};

/// What the whole machine has promised, and how much it will.
struct CommitCharge {
    Reading<std::uint64_t> charged, limit;   // Committed_AS, CommitLimit
};

/// \returns what Committed_AS holds that is of none of these processes; none where that of some is not known
[[nodiscard]] std::optional<std::uint64_t> residual(const Totals& totals, const CommitCharge& commit);

/// \returns the sums; what is unread is left out of them
[[nodiscard]] Totals totals_of(std::span<const ProcessRow> rows);

/// \returns what /proc/meminfo, or that of --procfs, says
[[nodiscard]] CommitCharge commit_charge(const Options& options);

}   // namespace tamstat
