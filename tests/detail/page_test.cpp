// SPDX-License-Identifier: MIT
// Hazard: rounding an address that is on a boundary already moves it, and a page is cleared or dropped that is not ours; or a
// huge page is taken for smaller than it is, and a part of it that is dropped splits it.
#include "tamalloc/detail/page.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstddef>
#include <fstream>
#include <initializer_list>

#include "support.hpp"

namespace detail = tamalloc::detail;

TEST_CASE("floor and ceiling meet on a boundary and lie a page apart elsewhere") {
    const std::size_t page = detail::page_size();
    CHECK(std::has_single_bit(page));
    auto* const boundary = reinterpret_cast<std::byte*>(16 * page);
    CHECK(detail::page_floor(boundary) == boundary);
    CHECK(detail::page_ceiling(boundary) == boundary);
    for (const std::size_t i : {std::size_t{1}, page / 2, page - 1}) {
        CHECK(detail::page_floor(boundary + i) == boundary);
        CHECK(detail::page_ceiling(boundary + i) == boundary + page);
    }
}

TEST_CASE("a huge page is as large as the kernel says") {
    std::ifstream file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
    std::size_t size = 0;
    if (!(file >> size)) return support::skip("the kernel does not say how large a huge page is");
    CHECK(detail::huge_page_size() == size);
}
