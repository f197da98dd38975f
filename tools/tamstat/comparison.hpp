// SPDX-License-Identifier: MIT
//
// What changed from one snapshot to the next.
//
//   namespace tamstat {
//     struct Change;  enum class Fate;
//     struct MappingChange; struct ProcessChange;
//     std::vector<ProcessChange> compare(const Snapshot& before, const Snapshot& after);
//     std::vector<MappingChange> compare(before, after mappings);
//   }
#pragma once
#include <array>         // std::array
#include <csignal>       // pid_t
#include <cstdint>       // std::int64_t, std::uint64_t
#include <optional>      // std::optional
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "snapshot_file.hpp"   // Snapshot, figure_keys

namespace tamstat {

/// One figure at both times; none where it was not known, or there was nothing that could have it.
struct Change {
    std::optional<std::uint64_t> before, after;

    /// \returns after less before, clamped to what 64 bits hold; none where one of them is not known
    [[nodiscard]] std::optional<std::int64_t> delta() const;
    friend bool operator==(const Change&, const Change&) = default;
};

enum class Fate : unsigned char { stayed, ended, began };

/// \returns "changed", "new", "gone"
[[nodiscard]] std::string_view name_of(Fate fate);

struct MappingChange {
    Fate fate = Fate::stayed;
    std::uint64_t start = 0;   // of the lowest mapping that belongs to it
    std::string kind, path;
    Change size, resident;
};

struct ProcessChange {
    Fate fate = Fate::stayed;
    pid_t pid = 0;
    std::string comm;
    std::array<Change, figure_keys.size()> figures;   // what began had 0 before, what ended has 0 after
    std::vector<MappingChange> mappings;              // that changed; none unless both snapshots have them
};

/// \returns the processes of both, by pid, also those that did not change. A process is the same when pid and start are.
[[nodiscard]] std::vector<ProcessChange> compare(const Snapshot& before, const Snapshot& after);

/// \returns what changed, by address. Mappings that overlap and have the same path are one and the same, however they were
/// split, merged or resized meanwhile.
/// \requires both are sorted by address, and do not overlap among themselves
[[nodiscard]] std::vector<MappingChange> compare(std::span<const SnapshotMapping> before,
                                                 std::span<const SnapshotMapping> after);

}   // namespace tamstat
