// SPDX-License-Identifier: MIT
//
// The conformance kit: every model of PageSource, one's own included, is held to the whole contract, refinements and all.
//
//   namespace tamalloc::testing {
//     template<PageSource S> std::vector<std::string> check_page_source(const S& = {});
//   }
#pragma once
#include <array>     // std::array
#include <atomic>    // std::atomic
#include <bit>       // std::has_single_bit
#include <cstddef>   // std::byte, std::size_t
#include <cstdint>   // std::uintptr_t
#include <cstring>   // std::memcmp, std::memset
#include <limits>    // std::numeric_limits
#include <span>      // std::span
#include <string>    // std::string
#include <thread>    // std::thread
#include <utility>   // std::pair
#include <vector>    // std::vector

#include "tamalloc/config.hpp"
#include "tamalloc/page_source.hpp"   // PageSource and its refinements
#include "tamalloc/zero_init.hpp"     // all_zero

namespace tamalloc::inline TAMALLOC_ABI::testing {

namespace detail {

template<PageSource S> class SourceChecker {
public:
    explicit SourceChecker(const S& source) : source_(source) {}

    std::vector<std::string> run() {
        check_granularity();
        check_blocks_are_zeroed_aligned_and_disjoint();
        check_reuse();
        check_equal_sources_share_blocks();
        check_refusals();
        check_threads();
        if constexpr (PurgingSource<S>) check_purge();
        if constexpr (ClearingSource<S>) check_clear();
        if constexpr (ReservingSource<S>) check_reserve();
        if constexpr (ResizingSource<S>) check_resize();
        if constexpr (ObservingSource<S>) check_observe();
        return std::move(violations_);
    }

private:
    static constexpr std::byte dirt{0xA5};
    static constexpr std::array<std::size_t, 6> sizes{1, 4095, 4096, 4097, 100'000, 3 << 20};
    static constexpr std::array<std::size_t, 5> alignments{1, 64, 4096, 1 << 16, 2 << 20};

    void expect(bool holds, const char* promise) {
        if (holds) return;
        for (const auto& known : violations_)
            if (known == promise) return;
        violations_.emplace_back(promise);
    }

    // As all_zero: without optimisation a loop over the bytes would be most of the time of a check.
    [[nodiscard]] static bool filled_with(std::span<const std::byte> bytes, std::byte value) {
        return bytes.empty() ||
               (bytes[0] == value && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
    }

    // Maps a block, hands it to f(p, n), and frees it.
    template<class F> void with_block(std::size_t bytes, F f, std::size_t align = 1) {
        const std::size_t n = S::rounded(bytes);
        const auto block = source_.map(n, align);
        expect(block.has_value(), "map: gives a block of ordinary size");
        if (!block) return;
        f(*block, n);
        source_.unmap(*block, n);
    }

    void check_granularity() {
        const std::size_t unit = S::granularity();
        expect(std::has_single_bit(unit), "granularity: a power of two");
        expect(unit == S::granularity(), "G: granularity never changes");
        std::size_t previous = 0;
        for (std::size_t n = 1; n < (std::size_t{8} << 20); n += n < 70'000 ? 1 : 4093) {
            const std::size_t r = S::rounded(n);
            expect(r >= n, "rounded: extensive");
            expect(r >= previous, "rounded: monotone");
            expect(S::rounded(r) == r, "rounded: idempotent");
            expect(r % unit == 0, "rounded: a multiple of the granularity");
            previous = r;
        }
    }

    void check_blocks_are_zeroed_aligned_and_disjoint() {
        std::vector<std::pair<std::byte*, std::size_t>> blocks;
        for (const std::size_t align : alignments) {
            for (const std::size_t size : sizes) {
                const std::size_t n = S::rounded(size);
                const auto block = source_.map(n, align);
                expect(block.has_value(), "map: gives a block of ordinary size");
                if (!block) continue;
                expect((reinterpret_cast<std::uintptr_t>(*block) & (align - 1)) == 0, "map: aligned as asked");
                expect(all_zero({*block, n}), "Z: what map returns reads zero");
                std::memset(*block, static_cast<int>(blocks.size() + 1), n);
                blocks.emplace_back(*block, n);
            }
        }
        for (std::size_t i = 0; i < blocks.size(); ++i)
            expect(filled_with({blocks[i].first, blocks[i].second}, static_cast<std::byte>(i + 1)),
                   "N: blocks are disjoint, and nobody writes into them");
        for (const auto& [p, n] : blocks) source_.unmap(p, n);
    }

    void check_reuse() {
        for (int round = 0; round < 8; ++round)
            for (const std::size_t size : sizes)
                with_block(size, [&](std::byte* p, std::size_t n) {
                    expect(all_zero({p, n}), "Z: reads zero after reuse");
                    std::memset(p, static_cast<int>(dirt), n);
                });
    }

    void check_equal_sources_share_blocks() {
        const S copy = source_;
        expect(copy == source_, "E: a copy is equal");
        const std::size_t n = S::rounded(100'000);
        const auto block = source_.map(n, 64);
        if (block) copy.unmap(*block, n);
    }

    void check_refusals() {
        const std::size_t n = S::rounded(static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / 2);
        const auto block = source_.map(n, 1);
        expect(!block.has_value(), "map: refuses what no address space holds");
        if (block) source_.unmap(*block, n);
        expect(!source_.map(S::granularity(), 3).has_value(), "map: refuses an alignment that is no power of two");
    }

    void check_threads() {
        std::atomic<bool> zeroed = true, mine = true;
        const auto work = [&](int id) {
            for (int i = 0; i < 200; ++i) {
                const std::size_t n = S::rounded(sizes[static_cast<std::size_t>(i) % 5]);
                const auto block = source_.map(n, 64);
                if (!block) continue;
                if (!all_zero({*block, n})) zeroed = false;
                std::memset(*block, id, n);
                std::this_thread::yield();
                if (!filled_with({*block, n}, static_cast<std::byte>(id))) mine = false;
                source_.unmap(*block, n);
            }
        };
        std::vector<std::thread> threads;
        for (int id = 1; id <= 4; ++id) threads.emplace_back(work, id);
        for (auto& thread : threads) thread.join();
        expect(zeroed, "T, Z: reads zero when several threads map and unmap");
        expect(mine, "T: no block is given to two threads");
    }

    void check_purge() {
        with_block(1 << 20, [&](std::byte* p, std::size_t n) {
            std::memset(p, static_cast<int>(dirt), n);
            expect(source_.purge(p + 100, n - 300).has_value(), "purge: succeeds");
            expect(all_zero({p + 100, n - 300}), "Z: reads zero after purge");
            expect(filled_with({p, 100}, dirt) && filled_with({p + n - 200, 200}, dirt),
                   "N: purge writes nothing outside its range");
        });
    }

    void check_clear() {
        for (const std::size_t keep : {std::size_t{0}, std::size_t{40'000}, std::size_t{1} << 30})
            with_block(1 << 20, [&](std::byte* p, std::size_t n) {
                for (std::size_t i = 0; i < n; i += 12'345) p[i] = dirt;
                const auto kept = source_.clear(p, n, keep);
                expect(kept.has_value() && *kept <= keep, "clear: keeps at most what it may");
                expect(all_zero({p, n}), "Z: reads zero after clear");
            });
    }

    void check_reserve() {
        const std::size_t n = S::rounded(4 << 20);
        const std::size_t part = S::rounded(64 << 10);
        const auto block = source_.reserve(n, 1 << 16);
        expect(block.has_value(), "reserve: gives address space");
        if (!block) return;
        std::byte* const p = *block;
        expect((reinterpret_cast<std::uintptr_t>(p) & 0xFFFF) == 0, "reserve: aligned as asked");
        expect(source_.commit(p + part, part).has_value(), "commit: succeeds");
        expect(all_zero({p + part, part}), "Z: reads zero after commit");
        std::memset(p + part, static_cast<int>(dirt), part);
        expect(source_.commit(p, 2 * part).has_value(), "commit: succeeds where a part is committed");
        expect(filled_with({p + part, part}, dirt), "N: commit leaves what was committed");
        expect(source_.decommit(p, 2 * part).has_value(), "decommit: succeeds");
        expect(source_.commit(p, 2 * part).has_value(), "commit: succeeds after decommit");
        expect(all_zero({p, 2 * part}), "Z: reads zero after decommit and commit");
        source_.release(p, n);
    }

    void check_resize() {
        const std::size_t from = S::rounded(100'000), to = S::rounded(5 << 20);
        const auto block = source_.map(from, 1);
        if (!block) return;
        std::byte* p = *block;
        std::size_t n = from;
        std::memset(p, static_cast<int>(dirt), n);
        if (source_.extend(p, n, to)) n = to;   // something may be in the way
        expect(filled_with({p, from}, dirt), "extend: keeps the contents");
        expect(all_zero({p + from, n - from}), "Z: what extend adds reads zero");
        const auto moved = source_.remap(p, n, n + to);
        expect(moved.has_value(), "remap: grows a block");
        if (moved) {
            p = *moved;
            expect(filled_with({p, from}, dirt), "remap: keeps the contents");
            expect(all_zero({p + from, n + to - from}), "Z: what remap adds reads zero");
            n += to;
        }
        if (source_.shrink(p, n, from)) n = from;   // the number of mappings may be at its limit
        expect(filled_with({p, from}, dirt), "shrink: keeps the contents");
        source_.unmap(p, n);
    }

    void check_observe() {
        with_block(1 << 20, [&](std::byte* p, std::size_t n) {
            std::vector<unsigned char> reported(n, 0);
            constexpr std::size_t step = 54'321;
            for (std::size_t i = 0; i < n; i += step) p[i] = dirt;
            const auto done = source_.for_each_populated({p, n}, [&](std::span<const std::byte> extent) {
                const auto at = static_cast<std::size_t>(extent.data() - p);
                const bool inside = at <= n && extent.size() <= n - at;
                expect(inside, "for_each_populated: stays in the range");
                if (inside) std::memset(reported.data() + at, 1, extent.size());
            });
            expect(done.has_value(), "for_each_populated: succeeds");
            for (std::size_t i = 0; i < n; i += step)
                expect(reported[i] == 1, "for_each_populated: covers all that is not zero");
        });
    }

    S source_;
    std::vector<std::string> violations_;
};

}   // namespace detail

/// \returns the promises that the source was seen to break, in words; empty when it conforms. Constant time, and tens of
/// MiB while it runs. Any thread; it starts others.
/// \throws std::bad_alloc, std::system_error where no thread can be started
/// \commits yes, and gives it back
template<PageSource S> [[nodiscard]] std::vector<std::string> check_page_source(const S& source = {}) {
    return detail::SourceChecker<S>(source).run();
}

}   // namespace tamalloc::inline TAMALLOC_ABI::testing
