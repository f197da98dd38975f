// SPDX-License-Identifier: MIT
//
// Page arithmetic.
//
//   namespace tamalloc::detail {
//     std::size_t page_size() noexcept;
//     std::size_t huge_page_size() noexcept;
//     std::size_t round_up(std::size_t n, std::size_t unit) noexcept;
//     template<class Byte> Byte* page_floor(Byte*) noexcept;
//     template<class Byte> Byte* page_ceiling(Byte*) noexcept;
//   }
#pragma once
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uintptr_t

#include <unistd.h>   // sysconf

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// \returns bytes per page; 4, 16 or 64 KiB on arm64, so not a constant
[[nodiscard]] inline std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

/// \returns bytes per huge page: what the 8-byte entries in one page of a page table map. 2 MiB with pages of 4 KiB, 512 MiB
///          with pages of 64 KiB
[[nodiscard]] inline std::size_t huge_page_size() noexcept { return page_size() / 8 * page_size(); }

/// \requires unit a power of two; n + unit - 1 does not overflow
/// \returns the least multiple of unit that is n or more
[[nodiscard]] constexpr std::size_t round_up(std::size_t n, std::size_t unit) noexcept {
    return (n + unit - 1) & ~(unit - 1);
}

/// \returns the start of the page that p is in
template<class Byte> [[nodiscard]] Byte* page_floor(Byte* p) noexcept {
    return p - (reinterpret_cast<std::uintptr_t>(p) & (page_size() - 1));
}

/// \returns the first start of a page at or above p
template<class Byte> [[nodiscard]] Byte* page_ceiling(Byte* p) noexcept {
    return p + ((page_size() - reinterpret_cast<std::uintptr_t>(p)) & (page_size() - 1));
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
