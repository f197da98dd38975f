// SPDX-License-Identifier: MIT
//
// Opt-in of the weaker tier: lock-free std::atomic<T> as a zero-initialisable type. std::atomic is no implicit-lifetime
// type, so this relies on the implementation (libstdc++ and libc++ store just the T). std::atomic_ref over plain T needs
// no such reliance and is to be preferred.
//
//   namespace tamalloc {
//     ZeroInitializable holds for std::atomic<T> where it holds for T and the atomic is always lock-free
//   }
//
// Include it before the first use of such a type, and in every translation unit that uses one: it decides the layout of
// Allocator<std::atomic<T>>.
#pragma once
#include <atomic>   // std::atomic

#include "tamalloc/config.hpp"
#include "tamalloc/zero_init.hpp"   // enable_zero_init, ZeroInitializable

namespace tamalloc::inline TAMALLOC_ABI {

namespace detail {
template<class T> inline constexpr bool assume_implicit_lifetime<std::atomic<T>> = std::atomic<T>::is_always_lock_free;
}

template<class T>
inline constexpr bool enable_zero_init<std::atomic<T>> =
    detail::assume_implicit_lifetime<std::atomic<T>> && ZeroInitializable<T> && sizeof(std::atomic<T>) == sizeof(T);

}   // namespace tamalloc::inline TAMALLOC_ABI
