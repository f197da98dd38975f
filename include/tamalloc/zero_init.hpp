// SPDX-License-Identifier: MIT
//
// Types whose value T() is sizeof(T) zero bytes, proved at compile time, and how to begin their lifetime in memory that
// already reads zero.
//
//   namespace tamalloc {
//     template<class T> inline constexpr bool enable_zero_init = false;   // opt-in
//     template<class T> concept ImplicitLifetime;
//     template<class T> concept ZeroInitializable;
//     template<ImplicitLifetime T> T* start_lifetime_as(void*) noexcept;
//     template<ImplicitLifetime T> T* start_lifetime_as_array(void*, std::size_t) noexcept;
//     bool all_zero(std::span<const std::byte>) noexcept;
//   }
#pragma once
#include <algorithm>     // std::ranges::all_of
#include <bit>           // std::bit_cast
#include <complex>       // std::complex
#include <concepts>      // std::same_as
#include <cstddef>       // std::byte, std::size_t
#include <cstring>       // std::memcmp
#include <limits>        // std::numeric_limits
#include <memory>        // std::start_lifetime_as
#include <new>           // std::launder
#include <span>          // std::span
#include <tuple>         // std::tuple
#include <type_traits>   // std::is_scalar_v and its kin
#include <utility>       // std::pair

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI {

/// The user's promise that all-zero bytes are the value T(), for a class that the compiler cannot see through, as one
/// with pointer members:
///   template<> inline constexpr bool tamalloc::enable_zero_init<Node> = true;
/// Only for implicit-lifetime types, at namespace scope, before the first use of T, and in every unit that uses it.
template<class T> inline constexpr bool enable_zero_init = false;

namespace detail {
template<class T> inline constexpr bool assume_implicit_lifetime = false;   // zero_init_atomic.hpp
}

/// A type whose objects may begin to exist without a constructor call ([basic.types.general]/9). Approximated until
/// std::is_implicit_lifetime is common.
template<class T>
concept ImplicitLifetime = std::is_scalar_v<T> || std::is_array_v<T> || detail::assume_implicit_lifetime<T> ||
                           (std::is_class_v<T> && std::is_trivially_destructible_v<T> &&
                            (std::is_aggregate_v<T> || std::is_trivially_default_constructible_v<T> ||
                             std::is_trivially_copy_constructible_v<T> || std::is_trivially_move_constructible_v<T>));

namespace detail {

template<std::size_t N> struct Bytes {
    unsigned char value[N];
};

// Not std::is_arithmetic in the strict modes.
#ifdef __SIZEOF_INT128__
__extension__ using Int128 = __int128;
__extension__ using UnsignedInt128 = unsigned __int128;
template<class T> inline constexpr bool is_int128 = std::same_as<T, Int128> || std::same_as<T, UnsignedInt128>;
#else
template<class T> inline constexpr bool is_int128 = false;
#endif

// std::bit_cast is not a constant expression when T holds, however deep, a pointer, a pointer to member, a reference, a
// union or a volatile member ([bit.cast]/3). That is the side channel: what is constant has none of them.

// For a trivially default constructible T: T() zero-initialises every scalar, and all of them are arithmetic or
// enumerations, whose zero is all bits zero. Sees through padding, private members and bases.
template<class T> constexpr bool made_of_bytes() {
    (void)std::bit_cast<T>(Bytes<sizeof(T)>{});
    return true;
}
template<class T>
concept MadeOfBytes = requires { typename std::bool_constant<made_of_bytes<T>()>; };

// g++ 12 does not look into arrays, and so takes one of pointers to data members for bytes. Its constant evaluator can
// tell which bytes of T() are padding; the others must be 0. Every eighth will do: a null pointer to data member is eight
// bytes of 0xFF. Two loops, because one may not have more than 262144 rounds (-fconstexpr-loop-limit).
#if defined(__GNUC__) && !defined(__clang__)
template<class T> constexpr bool no_byte_is_set() {
    constexpr std::size_t stride = 8, block = stride * 4096;
    const auto bytes = std::bit_cast<Bytes<sizeof(T)>>(T());
    for (std::size_t i = 0; i < sizeof(T); i += block)
        for (std::size_t j = i; j < i + block && j < sizeof(T); j += stride)
            if (__builtin_constant_p(bytes.value[j]) && bytes.value[j] != 0) return false;
    return true;
}
template<class T>
concept NoByteIsSet = requires { requires std::bool_constant<no_byte_is_set<T>()>::value; };
#else
template<class T>
concept NoByteIsSet = true;
#endif

// For any other T with a constexpr default constructor: look at the bytes of T() one by one. Padding makes it
// non-constant, hence false.
template<class T> constexpr bool value_is_zero_bytes() {
    return std::ranges::all_of(std::bit_cast<Bytes<sizeof(T)>>(T()).value, [](auto byte) { return byte == 0; });
}
template<class T>
concept ValueIsZeroBytes = requires { requires std::bool_constant<value_is_zero_bytes<T>()>::value; };

// Clang still takes a class without any usable copy operation for trivially copyable, against CWG 1734; and clang 19
// crashes when it looks into one with an _Atomic member, libc++'s std::atomic.
template<class T>
inline constexpr bool bit_castable =
    std::is_trivially_copy_constructible_v<T> || std::is_trivially_move_constructible_v<T>;

template<class T> constexpr bool zero_initializable() {
    if constexpr (std::is_const_v<T> || std::is_volatile_v<T>) return false;
    else if constexpr (std::is_floating_point_v<T>) return std::numeric_limits<T>::is_iec559;
    else if constexpr (std::is_member_object_pointer_v<T>) return false;   // null is -1: Itanium C++ ABI 2.3
    else if constexpr (std::is_scalar_v<T> || is_int128<T>) return true;   // null member functions are {0, 0}
    else if constexpr (std::is_bounded_array_v<T>) return zero_initializable<std::remove_extent_t<T>>();
    else if constexpr (!std::is_class_v<T> || !ImplicitLifetime<T>) return false;
    else if constexpr (enable_zero_init<T>) return true;
    else if constexpr (!std::is_trivially_copyable_v<T> || !bit_castable<T>) return false;
    else if constexpr (std::is_trivially_default_constructible_v<T> && !MadeOfBytes<T>) return false;
    else if constexpr (std::is_trivially_default_constructible_v<T>) return NoByteIsSet<T>;
    else if constexpr (std::is_default_constructible_v<T>) return ValueIsZeroBytes<T>;
    else return false;
}

}   // namespace detail

/// (a) T is an implicit-lifetime type, (b) an object of sizeof(T) zero bytes has the value T(), (c) T() has no side
/// effect. Then zeroed storage and start_lifetime_as<T> do what `::new (p) T()` does. (b) is proved by evaluating T() at
/// compile time; a constructor that asks std::is_constant_evaluated() whether it may behave otherwise breaks (c).
template<class T>
concept ZeroInitializable = detail::zero_initializable<T>();   // false, but T() is all zero bytes? See enable_zero_init

// Members only, each value-initialised: [complex], [pairs.pair], [tuple.cnstr]; so laid out by libstdc++ and libc++.
template<class F> inline constexpr bool enable_zero_init<std::complex<F>> = ZeroInitializable<F>;
template<class A, class B>
inline constexpr bool enable_zero_init<std::pair<A, B>> =
    ZeroInitializable<A> && ZeroInitializable<B> && ImplicitLifetime<std::pair<A, B>>;
template<class... Ts>
inline constexpr bool enable_zero_init<std::tuple<Ts...>> =
    (ZeroInitializable<Ts> && ...) && ImplicitLifetime<std::tuple<Ts...>>;

/// Begins the lifetime of a T whose object representation is what the storage holds already. Constant time; threads: as of
/// the storage.
/// \requires p points to sizeof(T) bytes, aligned for T
/// \commits no: neither reads nor writes the storage
template<ImplicitLifetime T> [[gnu::always_inline]] inline T* start_lifetime_as(void* p) noexcept {
#if defined(__cpp_lib_start_lifetime_as)
    return std::start_lifetime_as<T>(p);
#elif defined(__OPTIMIZE__) || !defined(__clang__)
    // memmove creates objects and keeps the bytes ([cstring.syn]/3); the built-in folds to nothing.
    return std::launder(static_cast<T*>(__builtin_memmove(p, p, sizeof(T))));
#else
    return std::launder(static_cast<T*>(p));   // clang -O0 would really move the bytes, and so touch the page
#endif
}

/// The same for an array of `count` elements; null when count is 0 and p is null. Constant time; threads: as of the storage.
/// \commits no: neither reads nor writes the storage
template<ImplicitLifetime T>
[[gnu::always_inline]] inline T* start_lifetime_as_array(void* p, [[maybe_unused]] std::size_t count) noexcept {
#if defined(__cpp_lib_start_lifetime_as)
    return std::start_lifetime_as_array<T>(p, count);
#elif defined(__OPTIMIZE__) || !defined(__clang__)
    return static_cast<T*>(__builtin_memmove(p, p, count * sizeof(T)));
#else
    return static_cast<T*>(p);
#endif
}

/// \returns whether every byte is 0. Linear, up to the first that is not; threads: reads the bytes.
/// \commits no: reading an untouched page maps the shared zero page
[[nodiscard]] inline bool all_zero(std::span<const std::byte> bytes) noexcept {
    // Equal to itself shifted by one and starting with 0 is all 0; memcmp is vectorised at every -O level.
    return bytes.empty() ||
           (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}   // namespace tamalloc::inline TAMALLOC_ABI
