// SPDX-License-Identifier: MIT
//
// With TAMALLOC_VERIFY: what every elided write relies on is looked at.
//
//   namespace tamalloc::detail {
//     void verify_zero(const void* p, std::size_t n, const char* where) noexcept;
//   }
#pragma once
#include <cstddef>   // std::byte, std::size_t
#include <cstdio>    // std::fprintf
#include <cstdlib>   // std::abort

#include "tamalloc/config.hpp"
#include "tamalloc/zero_init.hpp"   // all_zero

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// Ends the process where the n bytes at p do not read zero: somebody wrote there behind the library's back, or the source
/// of the pages breaks its promise.
/// \commits no: reading an untouched page maps the shared zero page
inline void verify_zero(const void* p, std::size_t n, const char* where) noexcept {
    if (all_zero({static_cast<const std::byte*>(p), n})) return;
    std::fprintf(
        stderr,
        "tamalloc: %zu bytes at %p were believed zero and are not. Did the container bypass construct(), or the "
        "source or resource hand out dirty memory? In %s\n",
        n, p, where);
    std::abort();
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
