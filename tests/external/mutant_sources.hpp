// SPDX-License-Identifier: MIT
//
// Sources that break their contract, each of which the suites have to notice.
//
//   namespace external {
//     struct Dirty;       // its blocks do not read zero
//     struct Stale;       // a freed block comes again as it was left
//   }
#pragma once
#include <atomic>    // std::atomic
#include <cstddef>   // std::byte, std::size_t

#include "tamalloc/mmap_source.hpp"
#include "tamalloc/testing/nasty_sources.hpp"   // DirtySource

namespace external {

using Dirty = tamalloc::testing::DirtySource;

// Of one page, the block freed last.
struct Stale : tamalloc::MmapSource<> {
    static inline std::atomic<std::byte*> freed = nullptr;

    [[nodiscard]] tamalloc::result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if (n == granularity() && align <= n)
            if (auto* const p = freed.exchange(nullptr)) return p;
        return MmapSource<>::map(n, align);
    }
    void unmap(std::byte* p, std::size_t n) const noexcept {
        if (n != granularity()) return MmapSource<>::unmap(p, n);
        if (auto* const older = freed.exchange(p)) MmapSource<>::unmap(older, n);
    }
    friend bool operator==(const Stale&, const Stale&) = default;
};

}   // namespace external
