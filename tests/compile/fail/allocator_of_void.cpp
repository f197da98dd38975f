// SPDX-License-Identifier: MIT
// expect-error: T must be complete here
// There is no element to construct; the message says what is wrong.
#include "tamalloc/allocator.hpp"
tamalloc::Allocator<void> allocator;
