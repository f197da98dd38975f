// SPDX-License-Identifier: MIT
//
// What a process has when everything was given back: what is more than before has leaked.
//
//   namespace soak {
//     struct Balance;
//     Balance balance();
//     void keep_malloc_in_its_heap();
//   }
#pragma once
#include <cstddef>   // std::size_t
#include <cstdlib>   // std::free, std::malloc

#ifdef __GLIBC__
#include <malloc.h>   // mallopt
#endif

#include "tamalloc/mappings.hpp"   // mappings

namespace soak {

struct Balance {
    std::size_t mappings = 0, reserved = 0;   // apart from the heap and the stack, which grow by themselves; bytes
    std::size_t committed = 0;                // in memory or in swap space, but what is of a file; bytes
};

/// \throws std::system_error where /proc cannot be read
[[nodiscard]] inline Balance balance() {
    Balance balance;
    const auto all = tamalloc::mappings().value();
    for (const auto& mapping : all) {
        if (mapping.path != "[heap]" && mapping.path != "[stack]") {
            ++balance.mappings;
            balance.reserved += mapping.size();
        }
        if (mapping.kind != tamalloc::MappingKind::file) balance.committed += mapping.resident + mapping.swap;
    }
    if (all.error()) throw std::system_error(all.error());
    return balance;
}

/// malloc makes no mappings from now on, and needs no more address space where there is little.
inline void keep_malloc_in_its_heap() {
#ifdef __GLIBC__
    ::mallopt(M_ARENA_MAX, 1);
    ::mallopt(M_MMAP_MAX, 0);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
    std::free(std::malloc(std::size_t{32} << 20));
#endif
}

}   // namespace soak
