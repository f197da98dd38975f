// SPDX-License-Identifier: MIT
// Hazard: an atomic that keeps a lock beside its value, or whose value is no zero bytes, is taken for zero bytes.
#include "tamalloc/zero_init_atomic.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

#include "tamalloc/allocator.hpp"
#include "tamalloc/testing.hpp"

struct Large {
    int words[16];
};
struct One {
    int x = 1;
};

static_assert(tamalloc::ZeroInitializable<std::atomic<int>> && tamalloc::ZeroInitializable<std::atomic<void*>>);
static_assert(!tamalloc::ZeroInitializable<std::atomic<Large>> && !tamalloc::ZeroInitializable<std::atomic<One>>);

TEST_CASE("a vector of atomics starts at zero and counts") {
    CHECK(tamalloc::testing::verify_zero_init<std::atomic<int>>());
    std::vector<std::atomic<int>, tamalloc::Allocator<std::atomic<int>>> counters(1 << 20);
    CHECK(counters.front() == 0);
    ++counters[12345];
    CHECK(counters[12345] == 1);
    CHECK(counters.back() == 0);
}
