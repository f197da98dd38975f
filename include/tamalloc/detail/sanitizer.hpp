// SPDX-License-Identifier: MIT
//
// What AddressSanitizer must be told about pages that do not come from malloc: mmap and munmap do not reset poisoning
// set by the user of the memory, as containers do (GCC bug 81619).
//
//   namespace tamalloc::detail {
//     void unpoison(const std::byte* p, std::size_t n) noexcept;
//     void poison(const std::byte* p, std::size_t n) noexcept;   // the first MiB: who uses a freed block most often begins there
//   }
#pragma once
#include <cstddef>   // std::byte, std::size_t

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"   // page_ceiling, page_floor
#include "tamalloc/detail/sys.hpp"    // advise

#if defined(__SANITIZE_ADDRESS__)
#define TAMALLOC_DETAIL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAMALLOC_DETAIL_ASAN 1
#endif
#endif

#ifdef TAMALLOC_DETAIL_ASAN
#include <algorithm>   // std::min
#include <cstdint>     // std::uintptr_t

#include <sanitizer/asan_interface.h>   // __asan_get_shadow_mapping, __asan_unpoison_memory_region
#endif

namespace tamalloc::inline TAMALLOC_ABI::detail {

#ifdef TAMALLOC_DETAIL_ASAN
// __asan_unpoison_memory_region writes one byte for eight: 128 GiB for a reservation of 1 TiB. The shadow of what is not
// poisoned is zero, so its whole pages can be dropped instead, at the cost of what was poisoned.
inline void unpoison(const std::byte* p, std::size_t n) noexcept {
    std::size_t scale = 0, offset = 0;
    __asan_get_shadow_mapping(&scale, &offset);
    const auto shadow = [&](const std::byte* address) {
        return reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(address) >> scale) + offset);
    };
    std::byte* const first = page_ceiling(shadow(p));
    std::byte* const last = page_floor(shadow(p + n));
    if (first >= last || sys::advise(first, static_cast<std::size_t>(last - first), MADV_DONTNEED) != 0) {
        __asan_unpoison_memory_region(p, n);
        return;
    }
    const auto head = static_cast<std::size_t>(first - shadow(p)) << scale;
    const auto tail = static_cast<std::size_t>(shadow(p + n) - last) << scale;
    __asan_unpoison_memory_region(p, head);
    __asan_unpoison_memory_region(p + n - tail, tail);
}

// An eighth of the block would be written.
inline void poison(const std::byte* p, std::size_t n) noexcept {
    __asan_poison_memory_region(p, std::min(n, std::size_t{1} << 20));
}
#else
inline void poison(const std::byte*, std::size_t) noexcept {}
inline void unpoison(const std::byte*, std::size_t) noexcept {}
#endif

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
