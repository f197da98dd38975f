// SPDX-License-Identifier: MIT
//
// Rows of processes as a table.
//
//   namespace tamstat {
//     Layout layout_for(const Options&);
//     Table table_of(std::span<const ProcessRow>, std::span<const Column* const>, const Options&);
//     Table table_of_mappings(const Options&);
//     void print(const Table&, const Options&);
//     std::size_t near_map_limit(std::span<const ProcessRow>, const Options&);
//     std::string summary(const Collection&, const Totals&, const Options&, std::size_t shown);
//   }
#pragma once
#include <cstddef>   // std::size_t
#include <span>      // std::span
#include <string>    // std::string

#include "collect.hpp"   // Collection, Totals
#include "columns.hpp"   // Column
#include "options.hpp"   // Options
#include "table.hpp"     // Layout, Table

namespace tamstat {

/// \returns how tables are printed to stdout
[[nodiscard]] Layout layout_for(const Options& options);

/// \returns the rows; what the budget cut is marked with ~ before the pid
[[nodiscard]] Table table_of(std::span<const ProcessRow> rows, std::span<const Column* const> columns,
                             const Options& options);

/// \returns the mappings of the process that the options name, as `maps` shows them
/// \throws Failure: there is no such process, or they may not be read
[[nodiscard]] Table table_of_mappings(const Options& options);

/// \effects writes the table to stdout, as --format says
void print(const Table& table, const Options& options);

/// \returns how many of them have 80 % of the mappings that vm.max_map_count allows, as far as mappings were counted
[[nodiscard]] std::size_t near_map_limit(std::span<const ProcessRow> rows, const Options& options);

/// \returns the lines below a table: how many there are, their sums, and what is missing and why
[[nodiscard]] std::string summary(const Collection& collection, const Totals& totals, const Options& options,
                                  std::size_t shown);

}   // namespace tamstat
