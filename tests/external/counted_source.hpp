// SPDX-License-Identifier: MIT
//
// What the programs of foreign suites take their pages from: the default source, which counts. A suite that passes without any of
// our pages says nothing.
//
//   namespace external {
//     struct CountedSource;
//     std::atomic<unsigned long> blocks;   // that it handed out
//   }
#pragma once
#include <atomic>    // std::atomic
#include <cstddef>   // std::byte, std::size_t

#include "tamalloc/default_source.hpp"

namespace external {

inline constinit std::atomic<unsigned long> blocks = 0;

struct CountedSource : tamalloc::DefaultSource {
    [[nodiscard]] tamalloc::result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        blocks.fetch_add(1, std::memory_order_relaxed);
        return tamalloc::DefaultSource::map(n, align);
    }
    friend bool operator==(const CountedSource&, const CountedSource&) = default;
};

}   // namespace external
