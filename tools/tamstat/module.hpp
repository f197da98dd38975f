// SPDX-License-Identifier: MIT
//
// Processes as the out-of-tree module tells them: /proc/tamalloc/processes, kernel/module/README.md.
//
//   namespace tamstat {
//     bool has_module(const std::string& procfs);
//     std::vector<ProcessRow> read_module(const std::string& procfs);
//     std::vector<ProcessRow> parse_module(std::string_view json);
//   }
#pragma once
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "process_row.hpp"   // ProcessRow

namespace tamstat {

/// \returns whether the module is loaded
[[nodiscard]] bool has_module(const std::string& procfs);

/// \returns every process that it shows to this user, by increasing pid
/// \throws Failure: the file cannot be read, or is not what the module writes
[[nodiscard]] std::vector<ProcessRow> read_module(const std::string& procfs);

/// \throws Failure exit_io: this is not what the module writes
[[nodiscard]] std::vector<ProcessRow> parse_module(std::string_view json);

}   // namespace tamstat
