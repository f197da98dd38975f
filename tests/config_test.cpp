// SPDX-License-Identifier: MIT
// Hazard: two units that were compiled with different result types or verify modes link into one program and share
// inline functions that differ. The inline namespace must keep them apart (tests/odr links such units).
#include "tamalloc/config.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tamalloc/version.hpp"

#define TAMALLOC_TEST_TEXT2(x) #x
#define TAMALLOC_TEST_TEXT(x) TAMALLOC_TEST_TEXT2(x)

TEST_CASE("the ABI tag names what changes inline code") {
    constexpr std::string_view tag = TAMALLOC_TEST_TEXT(TAMALLOC_ABI);
    CHECK(tag.starts_with("v" + std::to_string(TAMALLOC_VERSION_MAJOR) + "_" + std::to_string(TAMALLOC_VERSION_MINOR)));
    CHECK((tag.find("_tl") == tag.npos) == (TAMALLOC_DETAIL_STD_EXPECTED == 1));
    CHECK(tag.find("_noexcept") == tag.npos);
    CHECK((tag.find("_verify") == tag.npos) == (TAMALLOC_VERIFY == 0));
}
