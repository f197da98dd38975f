// SPDX-License-Identifier: MIT
//
// A run-time check of the promise behind ZeroInitializable, for types that were opted in by hand.
//
//   namespace tamalloc::testing {
//     template<class T> bool verify_zero_init();
//   }
#pragma once
#include <array>     // std::array
#include <cstddef>   // std::byte, std::size_t
#include <memory>    // std::destroy_at
#include <new>       // placement new

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI::testing {

namespace detail {

template<class T> struct Storage {
    alignas(T) std::array<std::byte, sizeof(T)> bytes;

    explicit Storage(std::byte background) {
        bytes.fill(background);
        asm volatile("" : : "r"(bytes.data()) : "memory");   // else the background is a dead store to the compiler
        T* const object = ::new (static_cast<void*>(bytes.data())) T();
        asm volatile("" : : "r"(object) : "memory");
    }
};

}   // namespace detail

/// \returns whether T() makes every byte zero that it makes anything at all; what differs between two backgrounds is
/// padding, which has no value
template<class T> [[nodiscard]] bool verify_zero_init() {
    const detail::Storage<T> on_zeros(std::byte{0x00});
    const detail::Storage<T> on_ones(std::byte{0xFF});
    for (std::size_t i = 0; i < sizeof(T); ++i)
        if (on_zeros.bytes[i] != std::byte{0} ||
            (on_ones.bytes[i] != std::byte{0} && on_ones.bytes[i] != std::byte{0xFF}))
            return false;
    return true;
}

}   // namespace tamalloc::inline TAMALLOC_ABI::testing
