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
#include "tamalloc/detail/page.hpp"   // page_ceiling, page_floor
#include "tamalloc/detail/sys.hpp"    // advise
#include "tamalloc/error.hpp"         // result, system_failure

namespace tamalloc::inline TAMALLOC_ABI::detail {

inline constexpr int populate_write = 23;   // MADV_POPULATE_WRITE, since Linux 5.14: asm-generic/mman-common.h

/// Gives every page of the range memory of its own, and leaves the contents as they are.
/// \errors what madvise(2) says: EFAULT, ENOMEM
/// \commits the range
[[nodiscard]] inline result<void> populate(std::span<std::byte> range) noexcept {
    if (range.empty()) return {};
    auto* const first = page_floor(range.data());
    auto* const last = page_ceiling(range.data() + range.size());
    const int error = sys::advise(first, static_cast<std::size_t>(last - first), populate_write);
    if (error == 0) return {};
    if (error != -EINVAL) return system_failure(-error);
    // A write that changes nothing, also when other threads write there: of bytes in the range, since others may be const.
    for (auto* byte = range.data(); byte < last; byte = page_ceiling(byte + 1))
        __atomic_fetch_or(reinterpret_cast<unsigned char*>(byte), 0, __ATOMIC_RELAXED);
    return {};
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
