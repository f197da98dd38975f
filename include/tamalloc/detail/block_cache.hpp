// SPDX-License-Identifier: MIT
//
// Freed blocks that read zero again: what RecyclingSource keeps. It knows nothing of where they come from.
//
//   namespace tamalloc::detail {
//     struct KeptBlock;                          // a block, and how much of it is in memory
//     template<std::size_t> class Shelf;         // some of them, by age
//     class Budget;                              // how much of something they may have, all together
//     class OwnedLock;                           // a lock nobody waits for, which a vanished owner does not hold
//   }
#pragma once
#include <algorithm>   // std::max, std::min, std::move
#include <array>       // std::array
#include <atomic>      // std::atomic
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint8_t, std::uint32_t, std::uintptr_t
#include <ctime>       // clock_gettime

#include <sched.h>   // sched_yield

#include "tamalloc/config.hpp"
#include "tamalloc/detail/block_history.hpp"   // BlockHistory

namespace tamalloc::inline TAMALLOC_ABI::detail {

struct KeptBlock {
    std::byte* data = nullptr;
    std::size_t size = 0, resident = 0;   // bytes
    BlockHistory history;
    std::uint32_t since = 0;   // coarse_now()

    [[nodiscard]] explicit operator bool() const noexcept { return data != nullptr; }
};

/// \returns milliseconds since some moment, modulo 2^32, a few behind. No system call: vdso(7).
[[nodiscard]] inline std::uint32_t coarse_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);   // cannot fail, clock_gettime(2)
    return static_cast<std::uint32_t>(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

/// Blocks in the order in which they were put here. Not thread-safe.
template<std::size_t Capacity> class Shelf {
public:
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] bool is_full() const noexcept { return count_ == Capacity; }
    [[nodiscard]] std::size_t resident() const noexcept { return resident_; }
    [[nodiscard]] std::size_t reserved() const noexcept { return reserved_; }

    /// \requires !is_full()
    void put(const KeptBlock& block) noexcept {
        blocks_[count_++] = block;
        resident_ += block.resident;
        reserved_ += block.size;
    }

    /// \returns the last block of that size and alignment that was put here: the warmest. Or none.
    [[nodiscard]] KeptBlock take(std::size_t size, std::size_t align) noexcept {
        for (std::size_t i = count_; i-- != 0;)
            if (blocks_[i].size == size && (reinterpret_cast<std::uintptr_t>(blocks_[i].data) & (align - 1)) == 0)
                return take_at(i);
        return {};
    }

    /// \returns the first block, or none
    [[nodiscard]] KeptBlock take_oldest() noexcept { return count_ == 0 ? KeptBlock{} : take_at(0); }

    /// \returns the first block if it was put here longer than `age` before `now`, or none
    [[nodiscard]] KeptBlock take_older(std::uint32_t now, std::uint32_t age) noexcept {
        constexpr std::uint32_t ahead = 0xffff'0000;   // another thread's clock may be, by up to a minute
        const auto waited = count_ == 0 ? 0 : now - blocks_[0].since;
        return waited > age && waited < ahead ? take_at(0) : KeptBlock{};
    }

    /// f(const KeptBlock&) for each
    template<class F> void for_each(F f) const {
        for (std::size_t i = 0; i != count_; ++i) f(blocks_[i]);
    }

    /// For blocks that do not exist in this process.
    void abandon() noexcept { count_ = resident_ = reserved_ = 0; }

    /// For blocks whose memory this process does not have.
    void forget_memory() noexcept {
        for (std::size_t i = 0; i != count_; ++i) blocks_[i].resident = 0;
        resident_ = 0;
    }

    /// For blocks whose pages are another process's as well: the next use of each is not kept, because to clear them in place
    /// copies them first.
    void share_memory() noexcept {
        for (std::size_t i = 0; i != count_; ++i)
            blocks_[i].history.unkept_uses = std::max<std::uint8_t>(blocks_[i].history.unkept_uses, 1);
    }

private:
    [[nodiscard]] KeptBlock take_at(std::size_t i) noexcept {
        const auto block = blocks_[i];
        std::move(blocks_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                  blocks_.begin() + static_cast<std::ptrdiff_t>(count_),
                  blocks_.begin() + static_cast<std::ptrdiff_t>(i));
        --count_;
        resident_ -= block.resident;
        reserved_ -= block.size;
        return block;
    }

    std::array<KeptBlock, Capacity> blocks_{};
    std::size_t count_ = 0, resident_ = 0, reserved_ = 0;
};

/// Bytes that may be kept. Thread-safe.
class Budget {
public:
    /// \returns whether so much may be kept, herewith taken
    [[nodiscard]] bool claim(std::size_t bytes, std::size_t limit) noexcept {
        auto used = used_.load(std::memory_order_relaxed);
        do
            if (used > limit || bytes > limit - used) return false;
        while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
        return true;
    }
    /// \returns what is left now
    [[nodiscard]] std::size_t left(std::size_t limit) const noexcept { return limit - std::min(limit, used()); }
    /// What was taken before a raw clone(2) is not known here in the child: no less than nothing is left.
    void give_back(std::size_t bytes) noexcept {
        auto used = used_.load(std::memory_order_relaxed);
        while (!used_.compare_exchange_weak(used, used - std::min(used, bytes), std::memory_order_relaxed)) {
        }
    }
    void set(std::size_t bytes) noexcept { used_.store(bytes, std::memory_order_relaxed); }
    [[nodiscard]] std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::size_t> used_ = 0;
};

/// Held by a generation of the process (process_generation()): one that was taken before a fork, by a thread that does
/// not exist in the child, is free there.
class OwnedLock {
public:
    [[nodiscard]] bool try_once(std::uint32_t generation) noexcept {
        auto owner = owner_.load(std::memory_order_relaxed);
        return owner != generation && owner_.compare_exchange_strong(owner, generation, std::memory_order_acquire);
    }
    /// For as long as it takes an owner to do what it has to, running or not; not for ever.
    [[nodiscard]] bool try_lock(std::uint32_t generation, int patience = 1) noexcept {
        for (int attempt = 0; attempt != 80 * patience; ++attempt) {
            if (try_once(generation)) return true;
            if (attempt < 64) pause();
            else ::sched_yield();
        }
        return false;
    }
    void unlock() noexcept { owner_.store(0, std::memory_order_release); }

private:
    static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    std::atomic<std::uint32_t> owner_ = 0;
};

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
