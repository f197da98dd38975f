// SPDX-License-Identifier: MIT
//
// Back to zero by writing, without making memory of what is zero already.
//
//   namespace tamalloc::detail {
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
