// SPDX-License-Identifier: MIT
//
// Back to zero by writing, without making memory of what is zero already.
//
//   namespace tamalloc::detail {
//     void clear_pages(std::byte* p, std::size_t n) noexcept;
//     void zero_in_place(std::byte* first, std::byte* last) noexcept;
//   }
#pragma once
#include <algorithm>   // std::min
#include <cstddef>     // std::byte
#include <cstring>     // std::memset

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"   // page_floor, page_size
#include "tamalloc/zero_init.hpp"     // all_zero

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// Writes zeros over n bytes, whole pages. A single page in pieces: from 2048 bytes on glibc's memset takes `rep stosb`
/// (sysdeps/x86/dl-cacheinfo.h), which takes longer to begin than one page is worth.
/// \commits all of them
inline void clear_pages(std::byte* p, std::size_t n) noexcept {
    std::size_t piece = n == page_size() ? 1024 : n;   // NOLINT(misc-const-correctness): written by the next line
    asm("" : "+r"(piece));                             // lest the compiler join them again
    for (std::size_t at = 0; at < n; at += piece) std::memset(p + at, 0, piece);
}

/// Makes [first, last) read zero.
/// \commits no: each page is read first, and written only where it has something other than zero; what is in swap space
/// comes back in for that
inline void zero_in_place(std::byte* first, std::byte* last) noexcept {
    while (first != last) {
        auto* const stop = std::min(page_floor(first) + page_size(), last);
        const auto size = static_cast<std::size_t>(stop - first);
        if (!all_zero({first, size})) std::memset(first, 0, size);
        first = stop;
    }
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
