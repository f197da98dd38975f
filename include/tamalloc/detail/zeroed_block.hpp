// SPDX-License-Identifier: MIT
//
// Zeroed blocks of any size: from page_threshold bytes on pages of a source, below that calloc's.
//
//   namespace tamalloc::detail {
//     constexpr bool is_paged(std::size_t n) noexcept;
//     template<PageSource Source> result<std::byte*> allocate_zeroed(const Source&, std::size_t n, std::size_t align);
//     template<PageSource Source> void deallocate_zeroed(const Source&, std::byte* p, std::size_t n);
//     template<PageSource Source> void rezero(const Source&, std::byte* p, std::size_t n);
//   }
#pragma once
#include <algorithm>   // std::max
#include <cerrno>      // ENOMEM
#include <cstddef>     // std::byte, std::max_align_t, std::ptrdiff_t, std::size_t
#include <cstdlib>     // std::aligned_alloc, std::calloc, std::free
#include <cstring>     // std::memset
#include <limits>      // std::numeric_limits
#include <span>        // std::span

#include "tamalloc/config.hpp"               // TAMALLOC_VERIFY
#include "tamalloc/detail/page.hpp"          // round_up
#include "tamalloc/detail/page_scan.hpp"     // for_each_populated
#include "tamalloc/detail/reservation.hpp"   // zero_pages
#include "tamalloc/detail/verify.hpp"        // verify_zero
#include "tamalloc/detail/zeroing.hpp"       // zero_in_place
#include "tamalloc/error.hpp"                // errc, failure, result, system_failure
#include "tamalloc/page_source.hpp"          // PageSource, page_threshold

namespace tamalloc::inline TAMALLOC_ABI::detail {

/// \returns whether a block of n bytes is made of a source's pages
[[nodiscard]] constexpr bool is_paged(std::size_t n) noexcept { return n >= page_threshold; }

/// \requires align a power of two
/// \returns n bytes that read zero, at a multiple of `align`; n == 0 is a block of its own, too
/// \errors errc::too_large, ENOMEM, what the source says
/// \commits no: pages; below the threshold what malloc does
template<PageSource Source>
[[nodiscard]] result<std::byte*> allocate_zeroed(const Source& source, std::size_t n, std::size_t align) noexcept {
    if (n > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) return failure(errc::too_large);
    if (is_paged(n)) {
        auto block = source.map(Source::rounded(n), align);
#if TAMALLOC_VERIFY
        if (block)   // what has no memory behind it reads zero, and need not be read
            for_each_populated({*block, n}, [](std::span<const std::byte> extent) {
                verify_zero(extent.data(), extent.size(), "PageSource::map");
            });
#endif
        return block;
    }
    void* p = nullptr;
    if (align <= alignof(std::max_align_t)) {
        p = std::calloc(1, std::max(n, std::size_t{1}));
    } else {
        const auto whole = round_up(std::max(n, std::size_t{1}), align);   // as aligned_alloc wants it
        p = std::aligned_alloc(align, whole);
        if (p != nullptr) std::memset(p, 0, n);
    }
    if (p == nullptr) return system_failure(ENOMEM);
    return static_cast<std::byte*>(p);
}

/// \requires p from allocate_zeroed, with an equal source and this n
/// \commits no
template<PageSource Source>
void deallocate_zeroed(const Source& source, std::byte* p, std::size_t n) noexcept {
    if (is_paged(n)) source.unmap(p, Source::rounded(n));
    else std::free(p);
}

/// Makes the block read zero again, and returns its memory where the source can.
/// \requires p from allocate_zeroed, with an equal source and this n
/// \commits no
template<PageSource Source> void rezero(const Source& source, std::byte* p, std::size_t n) noexcept {
    if (is_paged(n)) zero_pages(source, p, Source::rounded(n));
    else zero_in_place(p, p + n);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
