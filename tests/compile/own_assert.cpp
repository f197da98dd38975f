// SPDX-License-Identifier: MIT
// A user's own TAMALLOC_ASSERT takes the place of assert, and may be anything that takes one argument.
constexpr void check(bool) {}
#define TAMALLOC_ASSERT(condition) ::check(static_cast<bool>(condition))
#include "tamalloc/tamalloc.hpp"

bool use() { return tamalloc::MmapSource<>{}.commit(nullptr, 0).has_value(); }
