// SPDX-License-Identifier: MIT
//
// Memory before it is needed.
//
//   namespace tamalloc::detail {
//     result<void> populate(std::span<std::byte>) noexcept;
//   }
#pragma once
#include <cerrno>    // EINVAL
#include <cstddef>   // std::byte, std::size_t
#include <span>      // std::span

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"   // page_ceiling, page_floor, page_size
#include "tamalloc/detail/sys.hpp"    // advise
#include "tamalloc/error.hpp"         // result, system_failure

namespace tamalloc::inline TAMALLOC_ABI::detail {

inline constexpr int populate_write = 23;   // MADV_POPULATE_WRITE, since Linux 5.14: asm-generic/mman-common.h

/// Gives every page of the range memory of its own, and leaves the contents as they are.
/// \requires nobody writes the range meanwhile: without MADV_POPULATE_WRITE a byte of each page is written back
/// \errors what madvise(2) says: EFAULT, ENOMEM
/// \commits the range
[[nodiscard]] inline result<void> populate(std::span<std::byte> range) noexcept {
    if (range.empty()) return {};
    auto* const first = page_floor(range.data());
    auto* const last = page_ceiling(range.data() + range.size());
    const int error = sys::advise(first, static_cast<std::size_t>(last - first), populate_write);
    if (error == 0) return {};
    if (error != -EINVAL) return system_failure(-error);
    for (auto* page = first; page != last; page += page_size()) {
        auto* const byte = static_cast<volatile std::byte*>(page);
        *byte = *byte;
    }
    return {};
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
