// SPDX-License-Identifier: MIT
//
// Whether it pays to keep the memory of a block that is used again and again.
//
//   namespace tamalloc::detail {
//     struct BlockHistory;                   // of one block
//     class LentBlocks;                      // of all that are handed out
//     struct PageUse;                        // which of its pages the last use had
//     PageUse count_used_pages(std::byte* p, std::size_t n, std::size_t expected) noexcept;
//     bool was_worth_keeping(std::size_t n, const BlockHistory&, const PageUse&) noexcept;
//   }
//
// Every page that is kept is cleared each time, needed or not. A use that touches other pages than the one before, or far
// fewer, would clear for nothing; it costs less to give all back and to fault in what is touched.
#pragma once
#include <algorithm>   // std::max, std::min
#include <array>       // std::array
#include <atomic>      // std::atomic
#include <bit>         // std::has_single_bit
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint8_t, std::uint16_t, std::uint64_t, std::uintptr_t

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"        // page_size
#include "tamalloc/detail/page_scan.hpp"   // for_each_extent
#include "tamalloc/zero_init.hpp"          // all_zero

namespace tamalloc::inline TAMALLOC_ABI::detail {

struct BlockHistory {
    std::size_t resident = 0;       // bytes that were in memory when it was handed out
    std::uint16_t uses = 0;         // that found something in memory; modulo 256 from there on
    std::uint8_t unkept_uses = 0;   // that are still to come before it is tried again
    std::uint8_t losses = 0;        // in a row, how often it did not pay
    bool grew = false;              // by the last use
    bool known = false;

    /// \returns whether its pages are to be looked at, after one more use: after 1, 2, 4 ... 256 uses, then after 256 more
    [[nodiscard]] bool is_due() noexcept {
        if (resident == 0) return false;
        if (++uses == 512) uses = 256;
        return grew || std::has_single_bit(uses);
    }

    /// It was looked at: it pays, or it is not kept for a use, for two, for four...
    void judge(bool pays) noexcept {
        losses = pays ? 0 : static_cast<std::uint8_t>(std::min(losses + 1, 6));
        if (pays) return;
        uses = 0;
        unkept_uses = static_cast<std::uint8_t>((1U << losses) / 2);
    }
};

/// The histories of blocks that are handed out, by address, whoever frees them. One may take the place of another, which
/// is then as good as new. Any thread; never waits.
class LentBlocks {
public:
    void note(const std::byte* p, const BlockHistory& h) noexcept {
        at(p).store(pack(p, h), std::memory_order_relaxed);
    }

    /// \returns what was noted last, once
    [[nodiscard]] BlockHistory take(const std::byte* p) noexcept {
        auto& entry = at(p);
        auto packed = entry.load(std::memory_order_relaxed);
        if (packed == 0 || (packed ^ pack(p, {})) >> tag_shift != 0) return {};
        if (!entry.compare_exchange_strong(packed, 0, std::memory_order_relaxed)) return {};
        return unpack(packed);
    }

    /// Nothing is known of any of them.
    void clear() noexcept {
        for (auto& entry : entries_) entry.store(0, std::memory_order_relaxed);
    }

private:
    static constexpr unsigned index_bits = 10, tag_bits = 12, tag_shift = 64 - tag_bits;

    // Fibonacci hashing: Knuth, The Art of Computer Programming, volume 3, 6.4. Blocks begin at pages.
    [[nodiscard]] static std::uint64_t hash(const std::byte* p) noexcept {
        return (reinterpret_cast<std::uintptr_t>(p) >> 12) * 0x9E37'79B9'7F4A'7C15;
    }
    [[nodiscard]] std::atomic<std::uint64_t>& at(const std::byte* p) noexcept {
        return entries_[hash(p) >> (64 - index_bits)];
    }
    // From the top: tag 12 (of the hash, below the index), pages 32, uses 9, unkept uses 6, losses 3, grew 1, and a bit
    // that is always set.
    [[nodiscard]] static std::uint64_t pack(const std::byte* p, const BlockHistory& h) noexcept {
        const std::uint64_t pages = h.resident / page_size();
        return hash(p) << index_bits >> tag_shift << tag_shift | pages << 20 | std::uint64_t{h.uses} << 11 |
               std::uint64_t{h.unkept_uses} << 5 | std::uint64_t{h.losses} << 2 | std::uint64_t{h.grew} << 1 | 1;
    }
    [[nodiscard]] static BlockHistory unpack(std::uint64_t packed) noexcept {
        const auto bits = [packed](unsigned shift, unsigned count) { return packed >> shift & ((1ULL << count) - 1); };
        return {bits(20, 32) * page_size(),
                static_cast<std::uint16_t>(bits(11, 9)),
                static_cast<std::uint8_t>(bits(5, 6)),
                static_cast<std::uint8_t>(bits(2, 3)),
                bits(1, 1) != 0,
                true};
    }

    std::array<std::atomic<std::uint64_t>, std::size_t{1} << index_bits> entries_{};
};

struct PageUse {
    std::size_t resident = 0, used = 0;   // pages in memory, and how many of those are not zero, about
};

/// Reads some 256 of the pages of [p, p + n) that are in memory; `expected` bytes may be.
/// \commits no
[[nodiscard]] inline PageUse count_used_pages(std::byte* p, std::size_t n, std::size_t expected) noexcept {
    constexpr std::size_t sample = 256;
    const auto stride = std::max<std::size_t>(expected / page_size() / sample, 1);
    PageUse use;
    for_each_extent(p, p + n, [&](const PageExtent& extent, const PageScan& scan) {
        if (scan.method == ScanMethod::none || extent.swapped()) return;
        for (auto* page = extent.first(); page != extent.last(); page += page_size())
            if (use.resident++ % stride == 0 && !all_zero({page, page_size()})) use.used += stride;
    });
    return use;
}

/// \returns whether what was in memory of a block of n bytes when it was handed out was worth its price. A fault costs as much
/// as clearing some twenty pages that are in the processor's caches, and four to eight that are not (docs/performance.md).
/// At first every page that was used counts, since the next uses may come back to it; once that proved wrong, only one that
/// was used again.
[[nodiscard]] inline bool was_worth_keeping(std::size_t n, const BlockHistory& history, const PageUse& use) noexcept {
    constexpr std::size_t cached = std::size_t{16} << 20;
    const auto kept = history.resident / page_size();
    const auto added = history.losses == 0 || use.resident < kept ? 0 : use.resident - kept;
    return use.used > added && kept <= (n <= cached ? 16 : 4) * (use.used - added);
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
