// SPDX-License-Identifier: MIT
//
// What `tamstat snapshot` wrote, read again: a document of schema tamstat/1 with processes.
//
//   namespace tamstat {
//     figure_keys; using Figures;
//     struct SnapshotMapping; struct SnapshotProcess; struct Snapshot;
//     tamalloc::expected<Snapshot, std::string> parse_snapshot(std::string_view);
//   }
#pragma once
#include <array>         // std::array
#include <csignal>       // pid_t
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint64_t
#include <map>           // std::map
#include <optional>      // std::optional
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <utility>       // std::pair
#include <vector>        // std::vector

#include "tamalloc/expected.hpp"   // expected

namespace tamstat {

/// What is compared, by its key in JSON.
inline constexpr std::array<std::string_view, 4> figure_keys{"reserved", "committed", "swap", "pte"};

/// Bytes; none where they could not be read.
using Figures = std::array<std::optional<std::uint64_t>, figure_keys.size()>;

struct SnapshotMapping {
    std::uint64_t start = 0, end = 0;
    std::optional<std::uint64_t> resident;
    std::string kind, path;
};

struct SnapshotProcess {
    std::string comm;
    Figures figures;
    std::vector<SnapshotMapping> mappings;   // by increasing address; none where they were not captured
};

struct Snapshot {
    using Identity = std::pair<pid_t, std::uint64_t>;   // pid and start_ns

    std::string time;
    std::map<Identity, SnapshotProcess> processes;
};

/// \returns the snapshot, or what is wrong with it: any text is safe
[[nodiscard]] tamalloc::expected<Snapshot, std::string> parse_snapshot(std::string_view text);

}   // namespace tamstat
