// SPDX-License-Identifier: MIT
// Hazard: a block is allocated as one kind and freed as the other, so that munmap gets a pointer of malloc's. Or a small
// block shows what its memory held before.
#include "tamalloc/detail/zeroed_block.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "support.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/testing.hpp"

using tamalloc::page_threshold;
using tamalloc::detail::allocate_zeroed;
using tamalloc::detail::deallocate_zeroed;
using tamalloc::detail::rezero;
using tamalloc::testing::FailingSource;
using tamalloc::testing::FaultPlan;

namespace {

using Pages = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;

constexpr std::initializer_list<std::size_t> sizes{0,       1,      16, 17, 1000, page_threshold - 1, page_threshold,
                                                   200'001, 1 << 20};
constexpr std::initializer_list<std::size_t> alignments{1, 8, 16, 32, 4096, 1 << 20};

}   // namespace

TEST_CASE("blocks of every size and alignment read zero and are aligned and disjoint and freed") {
    FaultPlan plan;
    const FailingSource<Pages> source(plan);
    for (int round = 0; round < 3; ++round) {
        std::vector<std::pair<std::byte*, std::size_t>> blocks;
        for (const std::size_t align : alignments)
            for (const std::size_t n : sizes) {
                CAPTURE(n);
                CAPTURE(align);
                std::byte* const p = allocate_zeroed(source, n, align).value();
                CHECK(p != nullptr);
                CHECK(reinterpret_cast<std::uintptr_t>(p) % align == 0);
                CHECK(tamalloc::all_zero({p, n}));
                if (n > 0) std::memset(p, static_cast<int>(blocks.size() + 1), n);
                blocks.emplace_back(p, n);
            }
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            const auto [p, n] = blocks[i];
            if (n > 0) CHECK((p[0] == static_cast<std::byte>(i + 1) && p[n - 1] == static_cast<std::byte>(i + 1)));
        }
        CHECK(plan.live_blocks == alignments.size() * 3);
        for (const auto& [p, n] : blocks) deallocate_zeroed(source, p, n);
        CHECK(plan.live_blocks == 0);
        CHECK(plan.live_bytes == 0);
    }
}

TEST_CASE("what the source refuses is refused as the source says") {
    FaultPlan plan;
    plan.fail_at = 1;
    const FailingSource<Pages> source(plan);
    CHECK(allocate_zeroed(source, page_threshold, 1).error() == std::errc::not_enough_memory);
    CHECK(allocate_zeroed(source, page_threshold, 3).error() == tamalloc::errc::bad_alignment);
    constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max();
    CHECK(allocate_zeroed(source, most + 1, 1).error() == tamalloc::errc::too_large);
    CHECK(allocate_zeroed(source, most, 1).error() == std::errc::not_enough_memory);
    CHECK(plan.live_blocks == 0);
    if (!support::sanitized)   // ASan reports what malloc refuses
        CHECK(allocate_zeroed(source, 1, std::size_t{1} << 62).error() == std::errc::not_enough_memory);
}

TEST_CASE("rezero makes a block of either kind read zero and gives pages back") {
    const Pages source;
    for (const std::size_t n : {std::size_t{1}, std::size_t{1000}, page_threshold - 1, page_threshold + 1}) {
        CAPTURE(n);
        std::byte* const p = allocate_zeroed(source, n, 1).value();
        std::memset(p, 0xA5, n);
        rezero(source, p, n);
        if (support::asserts_residency && n >= page_threshold) CHECK(tamalloc::resident_bytes({p, n}).value() == 0);
        CHECK(tamalloc::all_zero({p, n}));
        deallocate_zeroed(source, p, n);
    }
}
