// SPDX-License-Identifier: MIT
// expect-error: nodiscard|ignoring return value
// Memory that nobody holds cannot be given back.
#pragma GCC diagnostic error "-Wunused-result"
#include "tamalloc/allocator.hpp"
void leak(tamalloc::Allocator<int>& allocator) { allocator.allocate(1); }
