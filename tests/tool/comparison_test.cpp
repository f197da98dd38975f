// SPDX-License-Identifier: MIT
// Hazard: a pid is used again, and the new process looks like the old one that shrank; a mapping is split by mprotect or grows
// downwards, and looks as if everything had been freed and allocated anew; what was not known is taken for 0.
#include "comparison.hpp"

#include <doctest/doctest.h>

#include <cstdint>    // std::int64_t, std::uint64_t
#include <limits>     // std::numeric_limits
#include <optional>   // std::nullopt
#include <string>     // std::string
#include <vector>     // std::vector

using tamstat::Change;
using tamstat::compare;
using tamstat::Fate;
using tamstat::Snapshot;
using tamstat::SnapshotMapping;
using tamstat::SnapshotProcess;

namespace {

SnapshotProcess process(std::string comm, std::uint64_t reserved, std::optional<std::uint64_t> committed) {
    return {std::move(comm), {reserved, committed, 0, 0}, {}};
}

SnapshotMapping mapping(std::uint64_t start, std::uint64_t end, std::uint64_t resident, std::string path = "") {
    return {start, end, resident, "charged", std::move(path)};
}

std::vector<tamstat::MappingChange> changes(const std::vector<SnapshotMapping>& before,
                                            const std::vector<SnapshotMapping>& after) {
    return compare(before, after);
}

}   // namespace

TEST_CASE("compare: what grew, began, ended, and did nothing") {
    const Snapshot before{
        "", {{{1, 10}, process("a", 100, 10)}, {{2, 20}, process("b", 200, 20)}, {{3, 30}, process("c", 1, 1)}}};
    const Snapshot after{
        "", {{{1, 10}, process("a", 150, 5)}, {{3, 30}, process("c", 1, 1)}, {{4, 40}, process("d", 7, 6)}}};
    const auto all = compare(before, after);
    REQUIRE(all.size() == 4);
    CHECK(all[0].fate == Fate::stayed);
    CHECK(all[0].figures[0] == Change{100, 150});
    CHECK(all[0].figures[0].delta() == 50);
    CHECK(all[0].figures[1].delta() == -5);
    CHECK(all[1].fate == Fate::ended);
    CHECK(all[1].figures[0] == Change{200, 0});
    CHECK(all[2].figures[1] == Change{1, 1});
    CHECK(all[3].fate == Fate::began);
    CHECK(all[3].figures[1] == Change{0, 6});
}

TEST_CASE("compare: a pid that was used again is another process") {
    const auto all =
        compare(Snapshot{"", {{{1, 10}, process("old", 100, 10)}}}, Snapshot{"", {{{1, 99}, process("new", 5, 5)}}});
    REQUIRE(all.size() == 2);
    CHECK(all[0].fate == Fate::ended);
    CHECK(all[1].fate == Fate::began);
    CHECK(all[1].comm == "new");
}

TEST_CASE("compare: what was not known did not change by what it is now") {
    const auto all = compare(Snapshot{"", {{{1, 1}, process("a", 100, std::nullopt)}}},
                             Snapshot{"", {{{1, 1}, process("a", 100, 10)}}});
    CHECK(all[0].figures[1].delta() == std::nullopt);
    const auto began = compare(Snapshot{}, Snapshot{"", {{{1, 1}, process("a", 1, std::nullopt)}}});
    CHECK(began[0].figures[1] == Change{std::nullopt, std::nullopt});
}

TEST_CASE("delta is clamped, not wrapped") {
    constexpr auto greatest = std::numeric_limits<std::uint64_t>::max();
    constexpr auto limit = std::numeric_limits<std::int64_t>::max();
    CHECK(Change{0, greatest}.delta() == limit);
    CHECK(Change{greatest, 0}.delta() == -limit);
}

TEST_CASE("compare: mappings that stay as they are do not appear") {
    CHECK(changes({mapping(0x1000, 0x2000, 0)}, {mapping(0x1000, 0x2000, 0)}).empty());
    CHECK(changes({}, {}).empty());
}

TEST_CASE("compare: a mapping grows at either end") {
    const auto grown = changes({mapping(0x3000, 0x4000, 0x1000)}, {mapping(0x1000, 0x6000, 0x2000)});
    REQUIRE(grown.size() == 1);
    CHECK(grown[0].fate == Fate::stayed);
    CHECK(grown[0].start == 0x1000);
    CHECK(grown[0].size == Change{0x1000, 0x5000});
    CHECK(grown[0].resident == Change{0x1000, 0x2000});
}

TEST_CASE("compare: a mapping that was split, with a hole in it, is still one") {
    const auto split =
        changes({mapping(0x1000, 0x9000, 0x8000)}, {mapping(0x1000, 0x3000, 0x1000), mapping(0x5000, 0x9000, 0x4000)});
    REQUIRE(split.size() == 1);
    CHECK(split[0].size == Change{0x8000, 0x6000});
    CHECK(split[0].resident == Change{0x8000, 0x5000});
    const auto merged = changes({mapping(0x1000, 0x3000, 0), mapping(0x3000, 0x9000, 0)}, {mapping(0x1000, 0x9000, 0)});
    CHECK(merged.empty());   // same size, same memory
}

TEST_CASE("compare: a neighbour that only touches is another mapping") {
    const auto two = changes({mapping(0x1000, 0x2000, 0)}, {mapping(0x1000, 0x2000, 0), mapping(0x2000, 0x4000, 0)});
    REQUIRE(two.size() == 1);
    CHECK(two[0].fate == Fate::began);
    CHECK(two[0].start == 0x2000);
    CHECK(two[0].size == Change{0, 0x2000});
}

TEST_CASE("compare: another file at the same place is another mapping") {
    const auto replaced = changes({mapping(0x1000, 0x2000, 0x1000, "/a")}, {mapping(0x1000, 0x2000, 0x1000, "/b")});
    REQUIRE(replaced.size() == 2);
    CHECK((replaced[0].fate == Fate::ended) != (replaced[1].fate == Fate::ended));
}

TEST_CASE("compare: an unknown resident stays unknown in what it is part of") {
    auto unknown = mapping(0x2000, 0x3000, 0);
    unknown.resident.reset();
    const auto merged = changes({mapping(0x1000, 0x2000, 0x1000), unknown}, {mapping(0x1000, 0x3000, 0x2000)});
    REQUIRE(merged.size() == 1);
    CHECK(merged[0].resident == Change{std::nullopt, 0x2000});
}

TEST_CASE("compare: mappings only where both snapshots have them") {
    auto with = process("a", 1, 1);
    with.mappings = {mapping(0x1000, 0x2000, 0)};
    CHECK(compare(Snapshot{"", {{{1, 1}, process("a", 1, 1)}}}, Snapshot{"", {{{1, 1}, with}}})[0].mappings.empty());
}
