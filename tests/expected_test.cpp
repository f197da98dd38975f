// SPDX-License-Identifier: MIT
// Hazard: std::expected and tl::expected differ at the edges; the library and its users may only rely on what both have.
#include "tamalloc/expected.hpp"

#include <doctest/doctest.h>

#include <concepts>
#include <string>
#include <version>

#if defined(__cpp_lib_expected) && !defined(TAMALLOC_USE_TL_EXPECTED)
static_assert(std::same_as<tamalloc::expected<int, int>, std::expected<int, int>>);
#else
static_assert(std::same_as<tamalloc::expected<int, int>, tl::expected<int, int>>);
#endif

TEST_CASE("expected holds a value or an error") {
    const tamalloc::expected<int, std::string> value = 7;
    CHECK(value.has_value());
    CHECK(*value == 7);
    CHECK(value.value() == 7);
    CHECK(value.value_or(1) == 7);

    const tamalloc::expected<int, std::string> error = tamalloc::unexpected<std::string>("no");
    CHECK(!error);
    CHECK(error.error() == "no");
    CHECK(error.value_or(1) == 1);

    const tamalloc::expected<int, std::string> in_place(tamalloc::unexpect, "made here");
    CHECK(in_place.error() == "made here");
}

TEST_CASE("expected<void> holds success or an error") {
    const tamalloc::expected<void, int> done;
    CHECK(done.has_value());
    const tamalloc::expected<void, int> failed = tamalloc::unexpected<int>(3);
    CHECK(failed.error() == 3);
}
