// SPDX-License-Identifier: MIT
// Hazard: an address with its top bit set is taken for an error, an error for an address, or a call that may fail
// without harm leaves its errno to the user.
#include "tamalloc/detail/sys.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>

namespace sys = tamalloc::detail::sys;

static_assert(sys::failed(-1) && sys::failed(-4095) && !sys::failed(-4096) && !sys::failed(0) && !sys::failed(4096));

TEST_CASE("calls answer the value or the negated errno, and leave errno alone") {
    errno = 42;
    const std::intptr_t refused = sys::map(nullptr, 0, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    CHECK(refused == -EINVAL);
    CHECK(sys::advise(nullptr, 1, -1) == -EINVAL);
    CHECK(sys::unmap(reinterpret_cast<void*>(1), 1) == -EINVAL);
    CHECK(sys::protect(reinterpret_cast<void*>(1), 1, PROT_NONE) == -EINVAL);
    CHECK(sys::failed(sys::remap(reinterpret_cast<void*>(1), 1, 1, 0)));
    CHECK(errno == 42);
}
