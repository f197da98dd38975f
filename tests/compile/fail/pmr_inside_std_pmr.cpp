// SPDX-License-Identifier: MIT
// expect-error: tamalloc::pmr::Allocator needs a ZeroedResource
// Without the message the elements would leave the resource of their container silently.
#include <vector>

#include "tamalloc/memory_resource.hpp"

int main() {
    tamalloc::ArenaResource<> arena;
    std::pmr::vector<tamalloc::pmr::vector<int>> rows(2, &arena);
}
