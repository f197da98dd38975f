// SPDX-License-Identifier: MIT
// Hazard: writing zeros over pages that read zero already makes them resident: freeing memory would cost memory.
#include "tamalloc/detail/zeroing.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <span>

#include "support.hpp"
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/testing.hpp"

TEST_CASE("zero_in_place clears what is dirty and touches nothing else") {
    const tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}> source;
    const std::size_t n = 64 * support::page;
    std::byte* const p = source.map(n, 1).value();
    p[10 * support::page + 7] = std::byte{1};
    p[20 * support::page - 1] = std::byte{1};
    const tamalloc::testing::PageTouchGuard guard({p, n});
    tamalloc::detail::zero_in_place(p + 3, p + n - 5);   // ends that lie inside pages
    CHECK(tamalloc::all_zero({p, n}));
    p[0] = p[n - 1] = std::byte{2};
    tamalloc::detail::zero_in_place(p + 1, p + n - 1);
    CHECK(p[0] == std::byte{2});
    CHECK(p[n - 1] == std::byte{2});
    if (support::asserts_residency) CHECK(guard.touched() == 2);   // the two bytes just written
    source.unmap(p, n);
}
