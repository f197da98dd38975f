// SPDX-License-Identifier: MIT
// Hazard: a program reports a back-end other than the one its pages come from.
#include "tamalloc/discovery.hpp"

#include <doctest/doctest.h>

#include "tamalloc/system_source.hpp"

static_assert(noexcept(tamalloc::backend()));

TEST_CASE("backend() names the back-end of SystemSource and says why") {
    const auto info = tamalloc::backend();
    CHECK(info.backend == tamalloc::Backend::mmap);
    CHECK(info.backend == tamalloc::SystemSource::active());
    CHECK(!info.reason.empty());
}
