// SPDX-License-Identifier: MIT
//
// What `tamstat export` tells Prometheus: groups of processes, the machine, and how the reading went.
//
//   namespace tamstat {
//     enum class GroupBy;  struct ScrapeErrors;  struct Scrape;
//     std::string label_text(std::string_view);
//     std::vector<MetricFamily> metrics(const Scrape&, GroupBy, std::optional<std::size_t> top);
//   }
#pragma once
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint64_t
#include <map>           // std::map
#include <optional>      // std::optional
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "exposition.hpp"    // MetricFamily
#include "process_row.hpp"   // ProcessRow
#include "value.hpp"         // Reading

namespace tamstat {

enum class GroupBy : unsigned char { comm, cgroup, pid };

/// How many processes could not be read in full, by the name of the errno, or "budget".
using ScrapeErrors = std::map<std::string, std::uint64_t, std::less<>>;

struct Scrape {
    std::span<const ProcessRow> rows;
    Reading<std::uint64_t> charged, charge_limit;   // Committed_AS, CommitLimit
    ScrapeErrors errors;                            // since whenever they are counted
    double seconds = 0;                             // that it took
};

/// \returns the text as valid UTF-8, the same in every locale: control characters as \xNN, what is no UTF-8 as U+FFFD
[[nodiscard]] std::string label_text(std::string_view text);

/// \returns the errors of these rows, with 0 for those that are usual
[[nodiscard]] ScrapeErrors scrape_errors(std::span<const ProcessRow> rows);

/// A figure that is missing for one process of a group is left out for the group. Of more than `top` groups, those that
/// have reserved least are one: "(rest)".
[[nodiscard]] std::vector<MetricFamily> metrics(const Scrape& scrape, GroupBy by, std::optional<std::size_t> top);

}   // namespace tamstat
