// SPDX-License-Identifier: MIT
// Hazard: a snapshot is a file of anybody's: some sequence of bytes crashes its reader, or what was read is compared and has
// sizes that cannot be.
#include "snapshot_file.hpp"

#include <algorithm>     // std::ranges::all_of
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint8_t
#include <cstdlib>       // std::abort
#include <string_view>   // std::string_view

#include "comparison.hpp"   // compare

using tamstat::compare;
using tamstat::Fate;
using tamstat::Snapshot;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

bool is_sound(const tamstat::MappingChange& change) {
    return change.size.before && change.size.after && change.resident.before.value_or(0) <= *change.size.before &&
           change.resident.after.value_or(0) <= *change.size.after;
}

void check(const Snapshot& snapshot) {
    for (const auto& change : compare(snapshot, snapshot)) {
        require(change.fate == Fate::stayed && change.mappings.empty());
        require(std::ranges::all_of(change.figures, [](const auto& c) { return c.before == c.after; }));
    }
    require(compare(Snapshot(), snapshot).size() == snapshot.processes.size());
    for (const auto& [id, process] : snapshot.processes)
        for (const auto& [other, another] : snapshot.processes)
            require(std::ranges::all_of(compare(process.mappings, another.mappings), is_sound));
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto snapshot = tamstat::parse_snapshot({reinterpret_cast<const char*>(data), size});
    if (snapshot) check(*snapshot);
    else require(!snapshot.error().empty());
    return 0;
}
