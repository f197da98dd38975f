// SPDX-License-Identifier: MIT
//
// A block of untouched pages of the usual size, for as long as the test lasts.
//
//   namespace support {
//     struct Block;   // p, n, bytes()
//   }
#pragma once
#include <cstddef>   // std::byte, std::size_t
#include <span>      // std::span

#include "tamalloc/mmap_source.hpp"

namespace support {

struct Block {
    using Source = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;

    std::size_t n;
    std::byte* p = Source{}.map(n, 1).value();

    explicit Block(std::size_t bytes) : n(bytes) {}
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { Source{}.unmap(p, n); }

    [[nodiscard]] std::span<const std::byte> bytes() const { return {p, n}; }
};

}   // namespace support
