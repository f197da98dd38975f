// SPDX-License-Identifier: MIT
// Hazard: a program without exceptions and RTTI cannot include the library, or goes on after a failed allocation with a
// pointer to nothing. Without an argument try_allocate reports failure as a value; with one, allocate has to abort.
#include <cstdlib>   // EXIT_SUCCESS, EXIT_FAILURE

#include "tamalloc/tamalloc.hpp"

int main(int argc, char**) {
    tamalloc::Allocator<int> allocator;
    const std::size_t too_many = tamalloc::Allocator<int>::max_size() + 1;
    if (argc > 1) {
        return allocator.allocate(too_many) == nullptr ? EXIT_SUCCESS : EXIT_FAILURE;   // neither is 134: SIGABRT
    }
    const std::size_t count = 1 << 20;
    const tamalloc::result<int*> good = allocator.try_allocate(count);
    const tamalloc::result<int*> bad = allocator.try_allocate(too_many);
    if (!good || bad || bad.error() != tamalloc::errc::too_large) {
        return EXIT_FAILURE;
    }
    const bool zero = (*good)[count - 1] == 0;
    allocator.deallocate(*good, count);
    return zero ? EXIT_SUCCESS : EXIT_FAILURE;
}
