// SPDX-License-Identifier: MIT
// Hazard: a container poisons the unused part of its block; the pages are unmapped, mapped again by somebody else, and
// still poisoned. Or the cure writes the shadow of a whole reservation, an eighth of it. A use of a freed block that is kept
// goes unnoticed.
#include "tamalloc/detail/sanitizer.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>

#include "support.hpp"
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/recycling_source.hpp"
#include "tamalloc/testing.hpp"

TEST_CASE("what map returns is addressable, whatever was poisoned there before") {
    const tamalloc::MmapSource<> source;
    for (const std::size_t n : {support::page, 3 * support::page, 256 * support::page}) {
        for (int round = 0; round < 4; ++round) {   // the kernel likes to reuse the address
            const auto block = source.map(n, 1);
            REQUIRE(block.has_value());
            std::memset(*block, 1, n);
#ifdef TAMALLOC_DETAIL_ASAN
            CHECK(__asan_region_is_poisoned(*block, n) == nullptr);
            __asan_poison_memory_region(*block, n);
            CHECK(__asan_region_is_poisoned(*block, n) != nullptr);
#endif
            source.unmap(*block, n);
#ifdef TAMALLOC_DETAIL_ASAN
            CHECK(__asan_region_is_poisoned(*block, n) == nullptr);   // whoever maps it next is not to blame
#endif
        }
    }
}

#ifdef TAMALLOC_DETAIL_ASAN
TEST_CASE("a freed block that is kept is poisoned until it is handed out again") {
    using Source = tamalloc::RecyclingSource<tamalloc::MmapSource<>, {.budget = std::size_t{3} << 20}>;
    const Source source;
    for (const std::size_t n : {Source::rounded(300'000), std::size_t{1} << 20, std::size_t{4} << 20}) {
        for (int round = 0; round < 3; ++round) {
            std::byte* const p = source.map(n, 1).value();
            CHECK(__asan_region_is_poisoned(p, n) == nullptr);
            std::memset(p, 1, n / 2);
            source.unmap(p, n);
            REQUIRE(Source::stats().blocks_kept == 1);
            CHECK(__asan_region_is_poisoned(p, n) == p);
            CHECK(__asan_address_is_poisoned(p + 299'999));
        }
        Source::trim();
    }
}
#endif

TEST_CASE("reserving a tebibyte commits nothing, with a sanitizer or without") {
    const tamalloc::MmapSource<> source;
    const std::size_t n = std::size_t{1} << 40;
    const auto before = tamalloc::testing::memory_use();
    const auto block = source.map(n, 1);
    if (!block) return;   // overcommit mode 2
    CHECK(static_cast<std::int64_t>((tamalloc::testing::memory_use() - before).committed) < 8 << 20);
    source.unmap(*block, n);
    CHECK(static_cast<std::int64_t>((tamalloc::testing::memory_use() - before).committed) < 8 << 20);
}
