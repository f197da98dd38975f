// SPDX-License-Identifier: MIT
// Hazard: two owners believe in the same fresh bytes, or one believes in them after something was constructed there. The
// histories of containers that lead to it are in rules_test.cpp; here is the token alone.
#include "tamalloc/fresh_run.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

using Run = tamalloc::FreshRun<false>;
using SplitRun = tamalloc::FreshRun<true>;

static_assert(sizeof(Run) == 16 && sizeof(SplitRun) == 32);
static_assert(std::is_nothrow_move_constructible_v<Run> && std::is_nothrow_copy_assignable_v<Run>);
static_assert([] {   // usable in constant expressions, where it is always empty
    Run a;
    Run b = a;
    b = std::move(a);
    return true;
}());

TEST_CASE("consume believes each byte once, in order or after a jump") {
    alignas(16) std::array<std::byte, 80> memory{};
    std::byte* const block = memory.data() + 8;   // 64 bytes, with neighbours
    Run run;
    CHECK(!run.consume(block, 8));   // empty
    run.open(block, 64);
    CHECK(run.consume(block, 8));
    CHECK(!run.consume(block, 8));
    CHECK(run.consume(block + 8, 8));
    CHECK(run.consume(block + 32, 8));    // forward jump
    CHECK(!run.consume(block + 16, 8));   // below it nothing is believed
    CHECK(run.consume(block + 56, 8));
    CHECK(!run.consume(block + 64, 8));   // exhausted: the next byte is a neighbour's
    CHECK(!run.consume(block - 8, 8));
}

TEST_CASE("a split run remembers what a jump skipped") {
    alignas(16) std::array<std::byte, 64> block{};
    SplitRun run;
    run.open(block.data(), block.size());
    CHECK(run.consume(block.data() + 32, 8));   // the tail of a grown vector first
    CHECK(run.consume(block.data(), 8));        // then the old elements in front of it
    CHECK(run.consume(block.data() + 8, 8));
    CHECK(!run.consume(block.data() + 8, 8));
    CHECK(!run.consume(block.data() + 32, 8));
    CHECK(run.consume(block.data() + 40, 8));
    CHECK(run.consume(block.data() + 24, 8));
    CHECK(!run.consume(block.data() + 16, 8));   // jumped over twice: forgotten
}

TEST_CASE_TEMPLATE("moving transfers, copying forfeits on both sides", R, Run, SplitRun) {
    alignas(16) std::array<std::byte, 64> block{};
    R a;
    a.open(block.data(), block.size());
    R b = std::move(a);
    CHECK(!a.consume(block.data(), 8));
    CHECK(b.consume(block.data(), 8));

    R c = b;
    CHECK(!b.consume(block.data() + 8, 8));
    CHECK(!c.consume(block.data() + 8, 8));

    a.open(block.data(), block.size());
    b.open(block.data(), block.size());
    b = a;
    CHECK(!a.consume(block.data(), 8));
    CHECK(!b.consume(block.data(), 8));

    a.open(block.data(), block.size());
    c = std::move(a);
    CHECK(!a.consume(block.data(), 8));
    CHECK(c.consume(block.data(), 8));
}

TEST_CASE("what a jump skipped is given up, too, when the run is copied or closed") {
    alignas(16) std::array<std::byte, 64> block{};
    SplitRun a;
    a.open(block.data(), block.size());
    CHECK(a.consume(block.data() + 32, 8));
    SplitRun b = a;
    CHECK(!a.consume(block.data(), 8));
    CHECK(!b.consume(block.data(), 8));
    a.open(block.data(), block.size());
    CHECK(a.consume(block.data() + 32, 8));
    b = std::move(a);
    CHECK(!a.consume(block.data(), 8));
    CHECK(b.consume(block.data(), 8));
    b.close(block.data(), block.size());
    CHECK(!b.consume(block.data() + 8, 8));
}

TEST_CASE("close empties a run inside the block only") {
    alignas(16) std::array<std::byte, 128> blocks{};
    Run run;
    run.open(blocks.data(), 64);
    run.close(blocks.data() + 64, 64);   // the neighbour goes
    CHECK(run.consume(blocks.data(), 8));
    run.close(blocks.data(), 64);
    CHECK(!run.consume(blocks.data() + 8, 8));
}
