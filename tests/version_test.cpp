// SPDX-License-Identifier: MIT
// Hazard: the version is written as numbers and as text; packages read one, users see the other.
#include "tamalloc/version.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("the version reads the same as text") {
    CHECK(TAMALLOC_VERSION / 10000 == TAMALLOC_VERSION_MAJOR);
    CHECK(TAMALLOC_VERSION / 100 % 100 == TAMALLOC_VERSION_MINOR);
    CHECK(TAMALLOC_VERSION % 100 == TAMALLOC_VERSION_PATCH);
    CHECK(TAMALLOC_VERSION_STRING == std::to_string(TAMALLOC_VERSION_MAJOR) + "." +
                                         std::to_string(TAMALLOC_VERSION_MINOR) + "." +
                                         std::to_string(TAMALLOC_VERSION_PATCH));
}
