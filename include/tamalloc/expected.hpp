// SPDX-License-Identifier: MIT
//
// expected: a value or the reason why there is none. std::expected where the standard library has it (C++23), else
// tl::expected, which has the same interface.
//
//   namespace tamalloc {
//     template<class T, class E> using expected = ...;
//     template<class E> using unexpected = ...;
//     using unexpect_t = ...;  inline constexpr unexpect_t unexpect;
//   }
#pragma once
#include "tamalloc/config.hpp"   // TAMALLOC_ABI, TAMALLOC_DETAIL_STD_EXPECTED

#if TAMALLOC_DETAIL_STD_EXPECTED
#include <expected>   // std::expected
#elif __has_include(<tl/expected.hpp>)
#include <tl/expected.hpp>   // tl::expected
#else
#error "tamalloc needs std::expected (compile as C++23) or tl::expected (Debian: libexpected-dev; Conan: tl-expected)"
#endif

namespace tamalloc::inline TAMALLOC_ABI {

/// std's where there is one, else tl's.
/// @{
#if TAMALLOC_DETAIL_STD_EXPECTED
template<class T, class E> using expected = std::expected<T, E>;
template<class E> using unexpected = std::unexpected<E>;
using unexpect_t = std::unexpect_t;
using std::unexpect;
#else
template<class T, class E> using expected = tl::expected<T, E>;
template<class E> using unexpected = tl::unexpected<E>;
using unexpect_t = tl::unexpect_t;
using tl::unexpect;
#endif
/// @}

}   // namespace tamalloc::inline TAMALLOC_ABI
