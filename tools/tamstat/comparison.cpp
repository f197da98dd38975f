// SPDX-License-Identifier: MIT
#include "comparison.hpp"

#include <algorithm>   // std::max, std::min, std::ranges::sort
#include <limits>      // std::numeric_limits
#include <map>         // std::map
#include <utility>     // std::move, std::pair

namespace tamstat {
namespace {

constexpr std::uint64_t greatest_delta = std::numeric_limits<std::int64_t>::max();

// One mapping of either side.
struct Piece {
    const SnapshotMapping* mapping;
    bool after;
};

std::uint64_t size_of(const SnapshotMapping& mapping) { return mapping.end - mapping.start; }

// Mappings that are one and the same: a change in the making.
class Merged {
public:
    explicit Merged(const Piece& piece) : end_(piece.mapping->end) {
        change_.start = piece.mapping->start;
        change_.path = piece.mapping->path;
        change_.size = change_.resident = {0, 0};
        add(piece);
    }

    [[nodiscard]] bool reaches(const Piece& piece) const { return piece.mapping->start < end_; }

    void add(const Piece& piece) {
        const auto& mapping = *piece.mapping;
        end_ = std::max(end_, mapping.end);
        auto& size = piece.after ? change_.size.after : change_.size.before;
        auto& resident = piece.after ? change_.resident.after : change_.resident.before;
        size = size.value_or(0) + size_of(mapping);   // disjoint parts of one address space: no overflow
        if (resident && mapping.resident) resident = *resident + std::min(*mapping.resident, size_of(mapping));
        else resident.reset();
        if (change_.kind.empty() || piece.after) change_.kind = mapping.kind;
        (piece.after ? is_after_ : is_before_) = true;
    }

    [[nodiscard]] MappingChange finish() && {
        if (!is_before_) change_.fate = Fate::began;
        if (!is_after_) change_.fate = Fate::ended;
        return std::move(change_);
    }

private:
    MappingChange change_;
    std::uint64_t end_;
    bool is_before_ = false, is_after_ = false;
};

void merge(std::vector<Piece>& pieces, std::vector<MappingChange>& changes) {
    std::ranges::sort(pieces, {}, [](const Piece& piece) { return piece.mapping->start; });
    for (std::size_t i = 0; i < pieces.size();) {
        Merged merged(pieces[i++]);
        while (i < pieces.size() && merged.reaches(pieces[i])) merged.add(pieces[i++]);
        auto change = std::move(merged).finish();
        if (change.size.before != change.size.after || change.resident.before != change.resident.after)
            changes.push_back(std::move(change));
    }
}

// Nothing was there, which is 0 of everything that is known on the other side.
Change from_nothing(std::optional<std::uint64_t> after) {
    return {after ? std::optional<std::uint64_t>(0) : after, after};
}
Change to_nothing(std::optional<std::uint64_t> before) {
    return {before, before ? std::optional<std::uint64_t>(0) : before};
}

ProcessChange alone(Fate fate, pid_t pid, const SnapshotProcess& process) {
    ProcessChange change{fate, pid, process.comm, {}, {}};
    for (std::size_t i = 0; i < figure_keys.size(); ++i) {
        const auto figure = process.figures.at(i);
        change.figures.at(i) = fate == Fate::began ? from_nothing(figure) : to_nothing(figure);
    }
    return change;
}

ProcessChange both(pid_t pid, const SnapshotProcess& before, const SnapshotProcess& after) {
    ProcessChange change{Fate::stayed, pid, after.comm, {}, {}};
    for (std::size_t i = 0; i < figure_keys.size(); ++i)
        change.figures.at(i) = {before.figures.at(i), after.figures.at(i)};
    if (!before.mappings.empty() && !after.mappings.empty()) change.mappings = compare(before.mappings, after.mappings);
    return change;
}

}   // namespace

std::optional<std::int64_t> Change::delta() const {
    if (!before || !after) return std::nullopt;
    const auto distance = std::min(std::max(*before, *after) - std::min(*before, *after), greatest_delta);
    const auto signed_distance = static_cast<std::int64_t>(distance);
    return *after >= *before ? signed_distance : -signed_distance;
}

std::string_view name_of(Fate fate) {
    switch (fate) {
    case Fate::began: return "new";
    case Fate::ended: return "gone";
    case Fate::stayed: break;
    }
    return "changed";
}

std::vector<ProcessChange> compare(const Snapshot& before, const Snapshot& after) {
    std::vector<ProcessChange> changes;
    for (const auto& [id, process] : before.processes) {
        const auto later = after.processes.find(id);
        if (later == after.processes.end()) changes.push_back(alone(Fate::ended, id.first, process));
        else changes.push_back(both(id.first, process, later->second));
    }
    for (const auto& [id, process] : after.processes)
        if (!before.processes.contains(id)) changes.push_back(alone(Fate::began, id.first, process));
    std::ranges::sort(changes, {}, [](const ProcessChange& change) { return std::pair(change.pid, change.fate); });
    return changes;
}

std::vector<MappingChange> compare(std::span<const SnapshotMapping> before, std::span<const SnapshotMapping> after) {
    std::map<std::string_view, std::vector<Piece>> by_path;
    for (const auto& mapping : before) by_path[mapping.path].push_back({&mapping, false});
    for (const auto& mapping : after) by_path[mapping.path].push_back({&mapping, true});
    std::vector<MappingChange> changes;
    for (auto& [path, pieces] : by_path) merge(pieces, changes);
    std::ranges::sort(changes, {}, &MappingChange::start);
    return changes;
}

}   // namespace tamstat
