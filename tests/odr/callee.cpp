// SPDX-License-Identifier: MIT
// The other unit; see caller.cpp.
#include "tamalloc/tamalloc.hpp"

int take(const tamalloc::result<int>& value);
int take(const tamalloc::Allocator<int>& allocator);

int take(const tamalloc::result<int>& value) { return value.value_or(1); }

int take(const tamalloc::Allocator<int>&) { return 0; }
