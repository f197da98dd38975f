// SPDX-License-Identifier: MIT
//
// The cache behind RecyclingSource, one for each type of source.
//
//   namespace tamalloc::detail {
//     template<class Source, RecyclingOptions> class Recycler;
//   }
//
// Blocks lie on a shelf that all threads share, and on some small ones, the stripes, of which each thread has one at hand: so
// that the common cycle finds a lock that nobody else wants. Nobody waits for a lock: who does not get it does without. Freed
// blocks are cleared by whoever frees them, under no lock.
#pragma once
#include <algorithm>     // std::max, std::min
#include <array>         // std::array
#include <atomic>        // std::atomic
#include <cerrno>        // errno: its address is the thread's
#include <cstddef>       // std::byte, std::size_t
#include <cstdint>       // std::uint32_t, std::uint64_t, std::uintptr_t
#include <cstring>       // std::memset
#include <type_traits>   // std::is_trivially_destructible_v
#include <utility>       // std::exchange

#include <pthread.h>   // pthread_atfork

#include "tamalloc/config.hpp"
#include "tamalloc/detail/block_cache.hpp"     // Budget, KeptBlock, OwnedLock, Shelf, coarse_now
#include "tamalloc/detail/block_history.hpp"   // BlockHistory, LentBlocks, count_used_pages, was_worth_keeping
#include "tamalloc/detail/generation.hpp"      // process_generation
#include "tamalloc/detail/memory_limit.hpp"    // address_space_limit, memory_budget
#include "tamalloc/detail/page.hpp"            // huge_page_size
#include "tamalloc/detail/page_scan.hpp"       // takes_zero_page_for_memory
#include "tamalloc/detail/sanitizer.hpp"       // poison, unpoison
#include "tamalloc/error.hpp"                  // result
#include "tamalloc/mmap_source.hpp"            // Charge, OnFork
#include "tamalloc/recycling_source/options.hpp"

namespace tamalloc::inline TAMALLOC_ABI::detail {

// Trivially destructible, all of it: it outlives every object of static storage duration.
template<class Source, RecyclingOptions Options> class Recycler {
public:
    static_assert(Options.max_blocks > 0, "RecyclingOptions::max_blocks: to keep nothing, take the source itself");
    static_assert(Options.decay_ms < 1U << 31, "RecyclingOptions::decay_ms: at most 24 days");

    static constexpr bool accounted = requires { requires Source::options.accounting == Charge::accounted; };

    /// \returns a block that was kept, or none
    [[nodiscard]] static KeptBlock take(std::size_t n, std::size_t align) noexcept {
        const auto generation = enter();
        if (generation == 0) return {};
        auto& stripe = my_stripe();
        auto block = take_from(stripe, generation, n, align);
        if (!block && keeps_any()) {
            for_each_place([&](auto& place) {
                if (!block) block = take_from(place, generation, n, align);
            });
        }
        (block ? stripe.hits : stripe.misses).fetch_add(1, std::memory_order_relaxed);
        if (!block) {
            decay(generation, coarse_now());
            return {};
        }
        give_back(block);
        block.history.resident = block.resident;
        lent_.note(block.data, block.history);
        unpoison(block.data, n);
        return block;
    }

    /// For a block that is no longer as it was handed out, or that is handed out without ever having been kept.
    static void forget_history(const std::byte* p, bool is_new = false) noexcept {
        if (lent_.take(p).known || is_new) lent_.note(p, {});
    }
    /// For a block that is to be another one's now.
    static void move_history(const std::byte* from, const std::byte* to) noexcept {
        forget_history(to, lent_.take(from).known);
    }

    /// Makes the block read zero and keeps it.
    /// \returns false: it is still the caller's, and may have anything in it
    [[nodiscard]] static bool keep(std::byte* p, std::size_t n) noexcept {
        const auto generation = enter();
        if (generation == 0) return false;
        auto history = lent_.take(p);
        if (!claim_space(generation, n)) {
            decay(generation, coarse_now());
            return false;
        }
        unpoison(p, n);
        const auto wanted = worth_keeping(history, p, n);
        // Claimed when it is known how much it is: the others need not do without what this block does not have.
        const auto allowed = std::min(wanted, memory_.left(limit()));
        const bool whole = history.resident == n && n <= Options.memset_limit && allowed == n &&
                           !takes_zero_page_for_memory.load(std::memory_order_relaxed);
        const auto resident = whole ? clear_whole(p, n) : Source{}.clear(p, n, allowed);
        // More than allowed: where pages are locked.
        if (!resident || *resident > allowed || !memory_.claim(*resident, limit())) {
            space_.give_back(n);
            return false;
        }
        // Part of it was dropped for want of room: for the next. What exceeds the budget would find none in any case.
        if (allowed < wanted && n <= limit() && allowed - *resident < std::min(n, huge_page_size()))
            release_one(generation);
        history.grew = history.resident != 0 && *resident > history.resident + history.resident / 8;
        my_stripe().bytes_cleared.fetch_add(*resident, std::memory_order_relaxed);
        poison(p, n);
        const auto now = coarse_now();
        put(generation, {p, n, *resident, history, now});
        decay(generation, now);
        return true;
    }

    /// Gives back what nobody wanted for long.
    static void decay() noexcept {
        if (!keeps_any()) return;
        if (const auto generation = enter(); generation != 0) decay(generation, coarse_now());
    }

    /// Gives everything back.
    static void trim() noexcept {
        const auto generation = enter();
        if (generation == 0) return;
        for_each_place([&](auto& place) {
            while (const auto block = take_oldest(place, generation, patience)) release(block);
        });
    }

    /// \returns whether anything is kept
    [[nodiscard]] static bool keeps_any() noexcept { return space_.used() != 0; }

    [[nodiscard]] static RecyclingStats stats() noexcept {
        RecyclingStats stats;
        const auto generation = enter();
        if (generation == 0) return stats;
        for_each_place([&](auto& place) {
            if (const Visit visit(place, generation, patience); visit) {
                stats.blocks_kept += place.shelf.count();
                stats.bytes_kept += place.shelf.resident();
                stats.bytes_reserved += place.shelf.reserved();
            }
            stats.hits += place.hits.load(std::memory_order_relaxed);
            stats.misses += place.misses.load(std::memory_order_relaxed);
            stats.bypasses += place.bypasses.load(std::memory_order_relaxed);
            stats.bytes_cleared += place.bytes_cleared.load(std::memory_order_relaxed);
        });
        return stats;
    }

    /// \returns how many bytes may be kept in memory
    [[nodiscard]] static std::size_t limit() noexcept {
        if constexpr (Options.budget != 0) return Options.budget;
        const auto known = limit_.load(std::memory_order_relaxed);
        return known != 0 ? known : find(limit_, memory_budget());
    }

private:
    template<std::size_t Capacity> struct alignas(64) Place {   // a line of the processor's caches
        OwnedLock lock;
        std::uint32_t puts_in_a_row = 0;   // without one taken. Under the lock, as the shelf
        Shelf<Capacity> shelf;
        std::atomic<std::uint64_t> hits = 0, misses = 0, bypasses = 0, bytes_cleared = 0;   // \see RecyclingStats
    };
    using Stripe = Place<4>;

    // A place, for as long as this lives, if it could be had. Handlers of fork(2) find it locked by their own thread.
    class Visit {
    public:
        template<class Place> Visit(Place& place, std::uint32_t generation, int how_patiently = 1) noexcept
            : lock_(place.lock), entered_(lock_.try_once(generation)) {
            if (entered_) return;
            held_ = is_locked_for_fork(lock_);
            entered_ = held_ || lock_.try_lock(generation, how_patiently);
        }
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;
        ~Visit() {
            if (entered_ && !held_) lock_.unlock();
        }
        [[nodiscard]] explicit operator bool() const noexcept { return entered_; }

    private:
        OwnedLock& lock_;
        bool entered_, held_ = false;
    };

    static constexpr int patience =
        100;   // of what has to be complete; some 2000 times the processor is offered to others
    static constexpr std::uint32_t most_puts_in_a_row = 16;   // then others want what a thread frees
    static constexpr int most_decayed = 32;                   // blocks that one call gives back
    // Clearing such a block whole costs no more than two faults.
    static constexpr std::size_t too_small_to_judge = 256 * 1024;
    static constexpr bool copied_to_children = !requires { requires Source::options.fork != OnFork::copy; };
    static constexpr bool omitted_in_children = requires { requires Source::options.fork == OnFork::omit; };

    template<class F> static void for_each_place(F f) noexcept {
        f(shared_);
        for (auto& stripe : stripes_) f(stripe);
    }

    // By the address of what each thread has one of. Fibonacci hashing, as in LentBlocks.
    [[nodiscard]] static Stripe& my_stripe() noexcept {
        const auto thread = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&errno)) >> 6;
        return stripes_[(thread * 0x9E37'79B9'7F4A'7C15) >> 60];
    }

    // \returns the generation of this process; 0: nothing can be kept, because children could not be told from it, or
    // another thread is about to begin
    [[nodiscard]] static std::uint32_t enter() noexcept {
        const auto generation = process_generation();
        if (generation == 0 || generation_.load(std::memory_order_acquire) == generation) return generation;
        return begin(generation) ? generation : 0;
    }

    // In the first process, and in a child that no handler knows of: there locks may have been other threads', and shelves
    // half changed.
    [[nodiscard, gnu::cold, gnu::noinline]] static bool begin(std::uint32_t generation) noexcept {
        if (locked_for_fork_ != 0) {   // a handler of somebody else's, which comes before ours
            after_fork_in_child();
            return true;
        }
        const Visit visit(shared_, generation);
        if (!visit) return false;
        const auto before = generation_.load(std::memory_order_relaxed);
        if (before == generation) return true;
        if (!registered_.exchange(true)) (void)::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        for_each_place([](auto& place) { place.shelf.abandon(); });
        start_child(before != 0, generation);
        return true;
    }

    // What is on the shelves is right; it is all there is.
    static void start_child(bool is_child, std::uint32_t generation) noexcept {
        std::size_t resident = 0, reserved = 0;
        for_each_place([&](auto& place) {
            resident += place.shelf.resident();
            reserved += place.shelf.reserved();
        });
        memory_.set(resident);
        space_.set(reserved);
        if (is_child) share_lent_blocks();
        generation_.store(generation, std::memory_order_release);
    }

    // Pages of what is handed out now are also another process's: writing to one would copy it, only to clear it.
    static void share_lent_blocks() noexcept {
        lent_.clear();
        shares_pages_.store(true, std::memory_order_relaxed);
    }

    [[nodiscard, gnu::cold, gnu::noinline]] static bool is_locked_for_fork(const OwnedLock& lock) noexcept {
        bool held = false;
        auto locked = locked_for_fork_;
        for_each_place([&](const auto& place) {
            held = held || (&place.lock == &lock && (locked & 1) != 0);
            locked >>= 1;
        });
        return held;
    }

    // fork(2) may be called by a handler of a signal that came to a lock's owner: then that place is abandoned in the child.
    static void before_fork() noexcept {
        const auto generation = process_generation();
        // Locks of another generation are not held here, but what they guard may be half changed: begin() is for that.
        if (locked_for_fork_ != 0 || generation_.load(std::memory_order_acquire) != generation) return;
        std::uint32_t bit = 1;
        for_each_place([&](auto& place) {
            if (place.lock.try_lock(generation, patience)) locked_for_fork_ |= bit;
            bit <<= 1;
        });
    }
    static void after_fork_in_parent() noexcept {
        auto locked = std::exchange(locked_for_fork_, 0);
        for_each_place([&](auto& place) {
            if ((locked & 1) != 0 && copied_to_children) place.shelf.share_memory();
            if ((locked & 1) != 0) place.lock.unlock();
            locked >>= 1;
        });
        if (copied_to_children) share_lent_blocks();
    }
    static void after_fork_in_child() noexcept {
        auto locked = std::exchange(locked_for_fork_, 0);
        const auto generation = process_generation();
        if (locked == 0 || generation == 0) return;   // begin() will do
        for_each_place([&](auto& place) {
            if ((locked & 1) != 0 && omitted_in_children)   // others may come to lie there
                place.shelf.for_each([](const KeptBlock& block) { unpoison(block.data, block.size); });
            if ((locked & 1) == 0 || omitted_in_children) place.shelf.abandon();
            else if (!copied_to_children) place.shelf.forget_memory();
            else place.shelf.share_memory();
            if ((locked & 1) != 0) place.lock.unlock();
            locked >>= 1;
        });
        start_child(true, generation);
    }

    template<class Place>
    static KeptBlock take_from(Place& place, std::uint32_t generation, std::size_t n, std::size_t align) noexcept {
        const Visit visit(place, generation);
        if (!visit) return {};
        const auto block = place.shelf.take(n, align);
        if (block) place.puts_in_a_row = 0;
        return block;
    }

    // \returns how much of the block is to stay in memory: all of it or nothing
    [[nodiscard]] static std::size_t worth_keeping(BlockHistory& history, std::byte* p, std::size_t n) noexcept {
        if (!history.known && shares_pages_.load(std::memory_order_relaxed)) return 0;   // from before a fork, perhaps
        if (history.unkept_uses != 0) {
            --history.unkept_uses;
            return 0;
        }
        if (n <= too_small_to_judge || !history.is_due()) return n;
        const bool pays = was_worth_keeping(n, history, count_used_pages(p, n, history.resident));
        history.judge(pays);
        return pays ? n : 0;
    }

    // A stripe that is full passes on its oldest block; where its thread only frees, the new one.
    static void put(std::uint32_t generation, const KeptBlock& block) noexcept {
        auto& stripe = my_stripe();
        auto surplus = block;
        if (const Visit visit(stripe, generation); visit && ++stripe.puts_in_a_row <= most_puts_in_a_row) {
            surplus = stripe.shelf.is_full() ? stripe.shelf.take_oldest() : KeptBlock{};
            stripe.shelf.put(block);
        }
        if (!surplus) return;
        if (const Visit visit(shared_, generation); visit) {
            const auto oldest = shared_.shelf.is_full() ? shared_.shelf.take_oldest() : KeptBlock{};
            shared_.shelf.put(surplus);
            surplus = oldest;
        } else {
            stripe.bypasses.fetch_add(1, std::memory_order_relaxed);
        }
        if (surplus) release(surplus);
    }

    // The oldest goes for it where there is no room.
    [[nodiscard]] static bool claim_space(std::uint32_t generation, std::size_t n) noexcept {
        const auto most = most_address_space();
        if (n > most) return false;
        for (std::size_t attempt = 0; attempt <= Options.max_blocks; ++attempt) {
            if (space_.claim(n, most)) return true;
            if (!release_one(generation)) break;
        }
        return false;
    }

    // The oldest of one place. \returns whether there was any
    static bool release_one(std::uint32_t generation) noexcept {
        KeptBlock block;
        for_each_place([&](auto& place) {
            if (!block) block = take_oldest(place, generation);
        });
        if (block) release(block);
        return static_cast<bool>(block);
    }

    // What nobody wanted for long goes back, a few blocks at a time.
    static void decay(std::uint32_t generation, std::uint32_t now) noexcept {
        if (now - decayed_.load(std::memory_order_relaxed) < std::max(Options.decay_ms / 4, 1U)) return;
        decayed_.store(now, std::memory_order_relaxed);
        space_limit_.store(0, std::memory_order_relaxed);   // setrlimit(2) may have changed it
        while (space_.used() > most_address_space() && release_one(generation)) {
        }
        int count = 0;
        for_each_place([&](auto& place) {
            while (count != most_decayed) {
                KeptBlock block;
                if (const Visit visit(place, generation); visit) block = place.shelf.take_older(now, Options.decay_ms);
                if (!block) break;
                release(block);
                ++count;
            }
        });
        if (count == most_decayed)
            decayed_.store(now - Options.decay_ms, std::memory_order_relaxed);   // there are more
    }

    template<class Place> static KeptBlock take_oldest(Place& place, std::uint32_t generation,
                                                       int how_patiently = 1) noexcept {
        const Visit visit(place, generation, how_patiently);
        return visit ? place.shelf.take_oldest() : KeptBlock{};
    }

    static void give_back(const KeptBlock& block) noexcept {
        memory_.give_back(block.resident);
        space_.give_back(block.size);
    }
    static void release(const KeptBlock& block) noexcept {
        give_back(block);
        Source{}.unmap(block.data, block.size);
    }

    [[nodiscard]] static result<std::size_t> clear_whole(std::byte* p, std::size_t n) noexcept {
        std::memset(p, 0, n);
        return n;
    }

    [[nodiscard]] static std::size_t most_address_space() noexcept {
        const auto known = space_limit_.load(std::memory_order_relaxed);
        return known != 0 ? known : find(space_limit_, address_space_limit(limit(), accounted));
    }

    [[nodiscard, gnu::cold, gnu::noinline]] static std::size_t find(std::atomic<std::size_t>& known,
                                                                    std::size_t found) noexcept {
        known.store(std::max(found, std::size_t{1}), std::memory_order_relaxed);   // 0: not known
        return found;
    }

    static inline constinit Place<Options.max_blocks> shared_;
    static inline constinit std::array<Stripe, 16> stripes_;   // \see my_stripe, and locked_for_fork_
    static inline constinit Budget memory_, space_;
    static inline constinit LentBlocks lent_;
    static inline constinit std::atomic<std::uint32_t> generation_ = 0, decayed_ = 0;
    static inline constinit std::atomic<std::size_t> limit_ = 0, space_limit_ = 0;
    static inline constinit std::atomic<bool> registered_ = false, shares_pages_ = false;
    static inline constinit thread_local std::uint32_t locked_for_fork_ = 0;
    static_assert(std::is_trivially_destructible_v<Place<Options.max_blocks>>);
};

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
