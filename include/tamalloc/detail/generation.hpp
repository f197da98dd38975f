// SPDX-License-Identifier: MIT
//
// Tells a forked child from its parent, also after a raw clone(2), which runs no pthread_atfork handlers.
//
//   namespace tamalloc::detail {
//     std::uint32_t process_generation() noexcept;
//   }
#pragma once
#include <atomic>    // std::atomic, std::atomic_ref
#include <cstddef>   // std::byte
#include <cstdint>   // std::intptr_t, std::uint32_t

#include <sys/mman.h>   // MADV_WIPEONFORK, MAP_PRIVATE

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"   // page_size
#include "tamalloc/detail/sys.hpp"    // advise, failed, map, unlock, unmap

namespace tamalloc::inline TAMALLOC_ABI::detail {

// The page that reads zero in a child (MADV_WIPEONFORK, Linux 4.14), and the last number that was written there: in
// ordinary memory, so that a child knows what its parent had.
inline constinit std::atomic<std::uint32_t*> generation_page = nullptr;
inline constinit std::atomic<std::uint32_t> last_generation = 0;

// Not asked for again where it was refused.
inline constinit std::atomic<bool> generations_refused = false;

// An emulator, or a filter of system calls, may say yes to advice and do nothing. Locked it is where mlockall(2) was called.
[[nodiscard]] inline bool takes_advice(std::byte* p, std::size_t n) noexcept {
    (void)sys::unlock(p, n);
    *p = std::byte{1};
    return sys::advise(p, n, MADV_DONTNEED) == 0 && *static_cast<volatile std::byte*>(p) == std::byte{0};
}

[[nodiscard, gnu::cold, gnu::noinline]] inline std::uint32_t* make_generation_page() noexcept {
    if (generations_refused.load(std::memory_order_relaxed)) return nullptr;
    const auto n = page_size();
    const auto at = sys::map(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (sys::failed(at)) return nullptr;
    auto* const p = reinterpret_cast<std::byte*>(at);
    auto* made = reinterpret_cast<std::uint32_t*>(p);
    std::uint32_t* none = nullptr;
    if (!takes_advice(p, n) || sys::advise(p, n, MADV_WIPEONFORK) != 0)
        generations_refused.store(true, std::memory_order_relaxed);
    else if (generation_page.compare_exchange_strong(none, made)) return made;
    (void)sys::unmap(p, n);
    return none;
}

[[nodiscard, gnu::cold, gnu::noinline]] inline std::uint32_t next_generation(std::uint32_t& word) noexcept {
    std::uint32_t none = 0;
    const auto next = last_generation.fetch_add(1) + 1;
    return std::atomic_ref(word).compare_exchange_strong(none, next) ? next : none;
}

/// \returns a number that stays the same in this process and is another in each forked child; 0: the kernel cannot tell,
/// or has no memory for it. Any thread; the first use maps a page.
[[nodiscard]] inline std::uint32_t process_generation() noexcept {
    auto* page = generation_page.load(std::memory_order_acquire);
    if (page == nullptr) page = make_generation_page();
    if (page == nullptr) return 0;
    const auto generation = std::atomic_ref(*page).load(std::memory_order_relaxed);
    return generation != 0 ? generation : next_generation(*page);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
