// SPDX-License-Identifier: MIT
//
// Reads processes into rows, and puts the rows in order.
//
//   namespace tamstat {
//     struct Collection;  struct Totals;
//     Collection collect(const Options&, Need);
//     void add_growth(std::vector<ProcessRow>& now, std::span<const ProcessRow> before, double seconds);
//     Need needs(const Options&, std::span<const Column* const>);
//     void arrange(std::vector<ProcessRow>&, const Options&, std::span<const SortKey> usual = {});
//     Totals totals_of(std::span<const ProcessRow>);
//     CommitCharge commit_charge(const Options&);
//     int verdict(const Collection&);
//   }
#pragma once
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint64_t
#include <span>      // std::span
#include <string>    // std::string
#include <vector>    // std::vector

#include "columns.hpp"                  // Need
#include "options.hpp"                  // Options
#include "process_row.hpp"              // ProcessRow
#include "tamalloc/stats/records.hpp"   // Provenance, SystemTotals
#include "value.hpp"                    // Reading

namespace tamstat {

/// What was found. Rows never vanish: a process that could not be read has one, with nothing but its pid.
struct Collection {
    std::vector<ProcessRow> rows;        // by increasing pid
    std::vector<pid_t> missing;          // asked for, and not there
    std::vector<pid_t> kernel_threads;   // asked for; otherwise they are left out
    std::size_t exited = 0;              // ended while they were read
    tamalloc::Provenance from = tamalloc::Provenance::procfs;
    std::string kernel;   // its release
};

struct Totals {
    std::size_t processes = 0;
    std::uint64_t reserved = 0, committed = 0;
    Reading<std::uint64_t> charged;   // the part of Committed_AS that these processes' mappings make: --detail maps
    std::size_t unreadable = 0;       // with something that could not be read
    std::size_t cut = 0;              // by the budget
    bool saturated = false;           // the sum of reserved, which others may make any number, does not fit
};

/// What the whole machine has promised, and how much it will.
struct CommitCharge {
    Reading<std::uint64_t> charged, limit;   // Committed_AS, CommitLimit
};

/// \returns the processes that --user, --cgroup, --comm and the PIDs choose, read as --detail, --budget, --source and
/// --procfs say, and what is needed; growth by sampling twice
/// \throws Failure: no such source, no /proc
[[nodiscard]] Collection collect(const Options& options, Need need);

/// \effects fills in `growth` of each process that was there before
/// \requires both by increasing pid
void add_growth(std::span<ProcessRow> now, std::span<const ProcessRow> before, double seconds);

/// \returns what the columns, the sort keys, the filter and the other options need
/// \throws Failure exit_usage: a filter or a sort key that is wrong
[[nodiscard]] Need needs(const Options& options, std::span<const Column* const> columns);

/// \effects leaves the rows that --filter lets through, sorted by --sort (else by `usual`), the first --limit of them
/// \throws Failure exit_usage: a filter or a sort key that is wrong
void arrange(std::vector<ProcessRow>& rows, const Options& options, std::span<const SortKey> usual = {});

[[nodiscard]] Totals totals_of(std::span<const ProcessRow> rows);

[[nodiscard]] CommitCharge commit_charge(const Options& options);

/// \effects complains about each PID that is missing
/// \returns the exit code: exit_failed where a PID is missing, exit_denied where nothing that was asked for could be read
[[nodiscard]] int verdict(const Collection& collection);

}   // namespace tamstat
