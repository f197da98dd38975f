// SPDX-License-Identifier: MIT
// The second unit of the program: both include everything.
#include <vector>   // std::vector

#include <tamalloc/tamalloc.hpp>

std::vector<int, tamalloc::Allocator<int>> zeros();

std::vector<int, tamalloc::Allocator<int>> zeros() { return std::vector<int, tamalloc::Allocator<int>>(1 << 18); }
