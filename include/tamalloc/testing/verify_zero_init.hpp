// SPDX-License-Identifier: MIT
//
// A run-time check of the promise behind ZeroInitializable, for types that were opted in by hand.
//
//   namespace tamalloc::testing {
//     template<class T> bool verify_zero_init();
//   }
#pragma once
#include <algorithm>   // std::ranges::fill
#include <array>       // std::array
#include <cstddef>     // std::byte
#include <new>         // placement new

#include "tamalloc/config.hpp"
#include "tamalloc/zero_init.hpp"   // all_zero

namespace tamalloc::inline TAMALLOC_ABI::testing {

/// \returns whether T(), constructed over zeros, leaves nothing but zeros: what it writes is zero, and what it does not
/// write is padding, which has no value. Linear in sizeof(T); any thread.
/// \throws what T() throws
/// \commits the stack that a T needs
template<class T> [[nodiscard]] bool verify_zero_init() {
    alignas(T) std::array<std::byte, sizeof(T)> storage;
    std::ranges::fill(storage, std::byte{0});
    asm volatile("" : : "r"(storage.data()) : "memory");   // else the zeros are a dead store to the compiler
    T* const object = ::new (static_cast<void*>(storage.data())) T();
    asm volatile("" : : "r"(object) : "memory");
    return all_zero(storage);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::testing
