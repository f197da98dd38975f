// SPDX-License-Identifier: MIT
//
// Sources of pages that bring out what is wrong in the code above them. All but the last keep the contract, though the
// units of two are smaller than a page.
//
//   namespace tamalloc::testing {
//     struct FaultPlan;                                    // when to fail, and what is still out
//     template<PageSource = MmapSource<>> class FailingSource;
//     struct LifoSource;       // hands out the address freed last, poisons what is freed
//     struct AdjacentSource;   // the same, with blocks back to back: the end of one is the start of the next
//     struct DirtySource;      // breaks the promise of zeros
//   }
#pragma once
#include <array>     // std::array
#include <atomic>    // std::atomic
#include <cerrno>    // ENOMEM
#include <cstddef>   // std::byte, std::size_t
#include <cstdint>   // std::uintptr_t
#include <cstring>   // std::memset
#include <map>       // std::multimap
#include <mutex>     // std::mutex
#include <new>       // placement new

#include "tamalloc/config.hpp"
#include "tamalloc/error.hpp"         // failure, result, system_failure
#include "tamalloc/mmap_source.hpp"   // MmapSource
#include "tamalloc/page_source.hpp"   // PageSource

namespace tamalloc::inline TAMALLOC_ABI::testing {

/// When a FailingSource fails, and what it counts.
struct FaultPlan {
    std::size_t fail_at = 0;                    // which call of map fails with ENOMEM, counted from 1; 0: none
    std::atomic<std::size_t> calls = 0;         // of map, so far
    std::atomic<std::size_t> live_blocks = 0;   // handed out and not yet back
    std::atomic<std::size_t> live_bytes = 0;    // of these
};

/// Fails once, when the plan says so. Refers to the plan, which must outlive it; equal with the same plan. Any thread;
/// as Source otherwise, in constant time.
/// \commits as Source
template<PageSource Source = MmapSource<>> class FailingSource {
public:
    /// As every PageSource.
    /// \errors map: ENOMEM when the plan says so; what Source says
    /// @{
    explicit FailingSource(FaultPlan& plan) noexcept : plan_(&plan) {}

    [[nodiscard]] static std::size_t granularity() noexcept { return Source::granularity(); }
    [[nodiscard]] static std::size_t rounded(std::size_t n) noexcept { return Source::rounded(n); }

    [[nodiscard]] result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if (++plan_->calls == plan_->fail_at) return tamalloc::detail::system_failure(ENOMEM);
        auto block = Source{}.map(n, align);
        if (block) {
            ++plan_->live_blocks;
            plan_->live_bytes += n;
        }
        return block;
    }
    void unmap(std::byte* p, std::size_t n) const noexcept {
        --plan_->live_blocks;
        plan_->live_bytes -= n;
        Source{}.unmap(p, n);
    }

    friend bool operator==(const FailingSource&, const FailingSource&) = default;
    /// @}

private:
    FaultPlan* plan_;
};

namespace detail {

// Bump allocation from one large reservation; what is freed is poisoned and handed out again, latest first. Blocks are
// multiples of 64 bytes, so that small containers meet each other's old addresses.
template<std::size_t Gap> class RecyclingArena {
public:
    static constexpr std::size_t unit = 64;

    [[nodiscard]] result<std::byte*> take(std::size_t n, std::size_t align) noexcept {
        if (n == 0) return tamalloc::detail::failure(errc::zero_size);
        if ((align & (align - 1)) != 0 || align == 0) return tamalloc::detail::failure(errc::bad_alignment);
        const std::scoped_lock lock(mutex_);
        if (std::byte* const p = reuse(n, align)) {
            std::memset(p, 0, n);
            return p;
        }
        return bump(n, align);
    }
    void give_back(std::byte* p, std::size_t n) noexcept {
        const std::scoped_lock lock(mutex_);
        std::memset(p, 0xEE, n);
        free_.emplace(n, p);
    }

private:
    static constexpr std::size_t size = std::size_t{1} << 32;   // address space; only what is used is ever touched

    [[nodiscard]] static bool aligned(const std::byte* p, std::size_t align) noexcept {
        return (reinterpret_cast<std::uintptr_t>(p) & (align - 1)) == 0;
    }
    [[nodiscard]] std::byte* reuse(std::size_t n, std::size_t align) {
        const auto [first, last] = free_.equal_range(n);
        for (auto it = last; it != first;) {
            --it;
            if (!aligned(it->second, align)) continue;
            std::byte* const p = it->second;
            free_.erase(it);
            return p;
        }
        return nullptr;
    }
    [[nodiscard]] result<std::byte*> bump(std::size_t n, std::size_t align) noexcept {
        if (arena_ == nullptr) {
            const auto arena = MmapSource<>{}.map(size, unit);
            if (!arena) return arena;
            arena_ = *arena;
        }
        std::size_t start = used_;
        while (!aligned(arena_ + start, align)) start += unit;
        if (n > size || start > size - n) return tamalloc::detail::system_failure(ENOMEM);
        used_ = start + n + Gap;
        return arena_ + start;
    }

    std::mutex mutex_;
    std::multimap<std::size_t, std::byte*> free_;
    std::byte* arena_ = nullptr;
    std::size_t used_ = 0;
};

template<std::size_t Gap> struct ArenaSource {
    [[nodiscard]] static constexpr std::size_t granularity() noexcept { return RecyclingArena<Gap>::unit; }
    [[nodiscard]] static constexpr std::size_t rounded(std::size_t n) noexcept {
        return (n + granularity() - 1) & ~(granularity() - 1);
    }
    [[nodiscard]] result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        return arena().take(n, align);
    }
    void unmap(std::byte* p, std::size_t n) const noexcept { arena().give_back(p, n); }

    friend bool operator==(const ArenaSource&, const ArenaSource&) = default;

private:
    // Never destroyed: containers with static storage may free after everything else is gone.
    [[nodiscard]] static RecyclingArena<Gap>& arena() noexcept {
        alignas(RecyclingArena<Gap>) static std::array<std::byte, sizeof(RecyclingArena<Gap>)> storage;
        static auto* const instance = ::new (static_cast<void*>(storage.data())) RecyclingArena<Gap>;
        return *instance;
    }
};

}   // namespace detail

/// Reuses addresses at once: a run that is believed in a moment too long meets the bytes of its successor.
/// Any thread; linear in the block, which is cleared and poisoned.
/// \commits yes: it writes its blocks
struct LifoSource : detail::ArenaSource<64> {
    friend bool operator==(const LifoSource&, const LifoSource&) = default;   // always
};

/// The first byte behind a block belongs to a live neighbour. Any thread; linear in the block.
/// \commits yes: it writes its blocks
struct AdjacentSource : detail::ArenaSource<0> {
    friend bool operator==(const AdjacentSource&, const AdjacentSource&) = default;   // always
};

/// Says that its memory reads zero; it does not. For tests of what notices. Any thread; linear in the block.
/// \commits all of it
struct DirtySource : MmapSource<> {
    /// \returns a block of bytes that are not zero
    /// \errors as MmapSource::map
    [[nodiscard]] result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        auto block = MmapSource<>::map(n, align);
        if (block) std::memset(*block, 0xA5, n);
        return block;
    }
    friend bool operator==(const DirtySource&, const DirtySource&) = default;   // always
};

}   // namespace tamalloc::inline TAMALLOC_ABI::testing
