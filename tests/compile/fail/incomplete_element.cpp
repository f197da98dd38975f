// SPDX-License-Identifier: MIT
// expect-error: use tamalloc::PageAllocator<T>
// Whether writes are elided depends on T. Were an incomplete T taken for "no", two units could disagree on the layout.
#include "tamalloc/allocator.hpp"
struct Tree {
    std::vector<Tree, tamalloc::Allocator<Tree>> children;
};
Tree tree;
