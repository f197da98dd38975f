// SPDX-License-Identifier: MIT
//
// What RecyclingSource may keep, and what it has kept.
//
//   namespace tamalloc {
//     struct RecyclingOptions;
//     struct RecyclingStats;
//   }
#pragma once
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint64_t

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI {

/// Bounds of what is kept for reuse.
struct RecyclingOptions {
    std::size_t budget = 0;         // bytes in memory that are kept; 0: 1/32 of the RAM (docs/performance.md)
    std::size_t max_blocks = 256;   // in the place that all threads share; beside it there are 16 for four blocks
    /// Bytes: a block up to this size that was all in memory when it was handed out is cleared as a whole, without asking
    /// the kernel what is in memory now.
    std::size_t memset_limit = 16 << 20;
    unsigned decay_ms = 1000;   // what nobody wanted for so long goes back; less than 2^31
};

/// Counts since the start of the process, those of its parent included, and what is kept now.
struct RecyclingStats {
    std::uint64_t hits = 0, misses = 0;   // blocks asked for that were kept, and that were not
    std::uint64_t bypasses = 0;           // freed blocks that were not kept because other threads were busy
    std::uint64_t bytes_cleared = 0;      // of freed blocks, that stayed in memory
    std::size_t blocks_kept = 0, bytes_kept = 0, bytes_reserved = 0;   // kept: in memory; reserved: address space
};

}   // namespace tamalloc::inline TAMALLOC_ABI
