// SPDX-License-Identifier: MIT
//
// Reads processes into rows, and puts the rows in order.
//
//   namespace tamstat {
//     struct Collection;
//     Collection collect(const Options&, Need);
//     void add_growth(std::vector<ProcessRow>& now, std::span<const ProcessRow> before, double seconds);
//     Need needs(const Options&, std::span<const Column* const>);
//     void arrange(std::vector<ProcessRow>&, const Options&, std::span<const SortKey> usual = {});
//     int verdict(const Collection&);
//   }
#pragma once
#include <cstddef>   // std::size_t
#include <span>      // std::span
#include <string>    // std::string
#include <vector>    // std::vector

#include "columns.hpp"                  // Need
#include "options.hpp"                  // Options
#include "process_row.hpp"              // ProcessRow
#include "tamalloc/stats/records.hpp"   // Provenance
#include "totals.hpp"                   // Totals, for those who print a collection

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

/// \effects complains about each PID that is missing
/// \returns the exit code: exit_failed where a PID is missing, exit_denied where nothing that was asked for could be read
[[nodiscard]] int verdict(const Collection& collection);

}   // namespace tamstat
