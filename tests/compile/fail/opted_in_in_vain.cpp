// SPDX-License-Identifier: MIT
// expect-error: enable_zero_init<T> is promised
// A promise that cannot be used is said to be so, not ignored.
#include "tamalloc/allocator.hpp"
#include <memory>
struct Owner {
    Owner* next;
    std::unique_ptr<int> value;
};
template<> inline constexpr bool tamalloc::enable_zero_init<Owner> = true;
tamalloc::Allocator<Owner> allocator;
