// SPDX-License-Identifier: MIT
// expect-error: PageSource
// A source without unmap is refused where it is named, not deep inside a container.
#include "tamalloc/allocator.hpp"
struct NoUnmap {
    static std::size_t granularity() noexcept { return 4096; }
    static std::size_t rounded(std::size_t n) noexcept { return n; }
    tamalloc::result<std::byte*> map(std::size_t, std::size_t) const noexcept { return nullptr; }
    friend bool operator==(const NoUnmap&, const NoUnmap&) = default;
};
tamalloc::Allocator<int, NoUnmap> allocator;
