// SPDX-License-Identifier: MIT
//
// A copy that costs what its source holds.
//
//   namespace tamalloc::detail {
//     void copy_sparse(std::span<const std::byte> from, std::byte* to) noexcept;
//   }
#pragma once
#include <algorithm>   // std::min
#include <cstddef>     // std::byte, std::size_t
#include <cstring>     // std::memcpy
#include <span>        // std::span

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"        // page_ceiling
#include "tamalloc/detail/page_scan.hpp"   // for_each_populated
#include "tamalloc/zero_init.hpp"          // all_zero

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// \requires from lies in private anonymous memory; as many bytes from `to` on read zero
/// Reads the populated extents only, where the kernel tells what they are.
/// \commits in the copy, the pages that get something other than zero
inline void copy_sparse(std::span<const std::byte> from, std::byte* to) noexcept {
    for_each_populated(from, [&](std::span<const std::byte> extent) {
        // Page by page, because a page may be populated and zero: written so, or only read on an older kernel.
        while (!extent.empty()) {
            const auto rest = static_cast<std::size_t>(page_ceiling(extent.data() + 1) - extent.data());
            const auto part = extent.first(std::min(rest, extent.size()));
            if (!all_zero(part)) std::memcpy(to + (part.data() - from.data()), part.data(), part.size());
            extent = extent.subspan(part.size());
        }
    });
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
