// SPDX-License-Identifier: MIT
//
// What stands behind an option, as a value.
//
//   namespace tamstat {
//     CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);
//     std::string read_size(const std::string&, std::uint64_t&);
//     std::string read_seconds(const std::string&, Seconds&, Seconds least);
//     std::string read_pids(const std::vector<std::string>&, std::vector<pid_t>&);
//     std::string read_sort(const std::string&, std::vector<SortKey>&);
//   }
#pragma once
#include <csignal>   // pid_t
#include <cstdint>   // std::uint64_t
#include <limits>    // std::numeric_limits
#include <string>    // std::string
#include <vector>    // std::vector

#include <CLI/CLI.hpp>

#include "options.hpp"   // Seconds, SortKey

namespace tamstat {

/// \returns a check of an option
[[nodiscard]] CLI::Validator whole_number(std::uint64_t least,
                                          std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

// These return what is wrong with the text; empty: nothing, and the value is set.

[[nodiscard]] std::string read_size(const std::string& text, std::uint64_t& size);

/// "250ms", "1.5s", "2": seconds.
[[nodiscard]] std::string read_seconds(const std::string& text, Seconds& seconds, Seconds least);

/// 0 and "all" are every process: no pids.
[[nodiscard]] std::string read_pids(const std::vector<std::string>& texts, std::vector<pid_t>& pids);

/// "a,-b": by a, then by b, the largest first.
[[nodiscard]] std::string read_sort(const std::string& text, std::vector<SortKey>& keys);

}   // namespace tamstat
