// SPDX-License-Identifier: MIT
// Hazard: the source that everybody gets by default loses a refinement, or its state makes allocators unequal.
#include "tamalloc/system_source.hpp"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "tamalloc/default_source.hpp"
#include "tamalloc/testing.hpp"

using tamalloc::SystemSource;

static_assert(tamalloc::PageSource<SystemSource> && tamalloc::PurgingSource<SystemSource>);
static_assert(tamalloc::ClearingSource<SystemSource> && tamalloc::ReservingSource<SystemSource>);
static_assert(tamalloc::ResizingSource<SystemSource> && tamalloc::ObservingSource<SystemSource>);
static_assert(std::is_empty_v<SystemSource> && std::is_same_v<tamalloc::DefaultSource, SystemSource>);

TEST_CASE("SystemSource keeps the contract of a page source") {
    CHECK(tamalloc::testing::check_page_source<SystemSource>() == std::vector<std::string>{});
}
