// SPDX-License-Identifier: MIT
//
// FreshRun: the part of a block that still reads zero because nothing was ever constructed there.
//
//   namespace tamalloc {
//     template<bool Split> class FreshRun;
//   }
//
// An allocator that carries one can tell which writes of zero are needless. The run is affine: moving it transfers it,
// copying it forfeits it in both, so at most one allocator object ever believes in a byte. Invariant: every byte of the
// run reads zero and no object was ever constructed in it. Why that is enough for every container that follows
// [container.reqmts] is argued in the rules N1 to N9, named where they are kept here and in allocator.hpp.
#pragma once
#include <cstddef>       // std::byte, std::size_t
#include <cstdint>       // std::uintptr_t
#include <type_traits>   // std::conditional_t, std::is_constant_evaluated
#include <utility>       // std::exchange

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI {

namespace detail {

// Bytes [first, last). Mutable, since a copy empties the run of the const object it copies from.
struct Run {
    mutable std::byte* first = nullptr;
    mutable std::byte* last = nullptr;

    // On addresses, not pointers: p may belong to any block. One unsigned comparison tests both ends.
    [[nodiscard]] static std::size_t offset(const std::byte* from, const std::byte* to) noexcept {
        return reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
    }
    // N8: false for an exhausted run, whose first == last may be the start of a neighbouring live block.
    [[nodiscard]] bool contains(const std::byte* p) const noexcept { return offset(first, p) < offset(first, last); }

    // Two threads may copy one const allocator at once, so these stores are atomic.
    void forfeit() const noexcept {
        __atomic_store_n(&first, nullptr, __ATOMIC_RELAXED);
        __atomic_store_n(&last, nullptr, __ATOMIC_RELAXED);
    }
    void take(Run& other) noexcept {
        auto* const f = std::exchange(other.first, nullptr);
        auto* const l = std::exchange(other.last, nullptr);
        first = f;
        last = l;
    }
};

struct NoRun {
    void forfeit() const noexcept {}
    void take(NoRun&) noexcept {}
};

}   // namespace detail

/// Split: after a jump forward remember also the part that was jumped over, for containers that construct the tail of a
/// grown block first and copy the old elements in front of it later. 16 bytes, or 32. Constant time. Threads: as a pointer,
/// where not said otherwise.
/// \commits no: writes nothing but itself
template<bool Split> class FreshRun {
public:
    /// Empty; a copy starts empty and empties the source, a move takes its run along.
    /// @{
    constexpr FreshRun() noexcept = default;
    // N4: a copy starts empty and forfeits the source's run: the container may go on with either.
    constexpr FreshRun(const FreshRun& other) noexcept { other.forfeit(); }
    // N5: a move takes the run along.
    constexpr FreshRun(FreshRun&& other) noexcept { take(other); }
    constexpr FreshRun& operator=(const FreshRun& other) noexcept {
        other.forfeit();
        forfeit();
        return *this;
    }
    constexpr FreshRun& operator=(FreshRun&& other) noexcept {
        take(other);
        return *this;
    }
    constexpr ~FreshRun() = default;
    /// @}

    /// \effects empties the run
    /// Safe to call from several threads at once on one object.
    constexpr void forfeit() const noexcept {
        if (std::is_constant_evaluated()) return;   // always empty there
        ahead_.forfeit();
        skipped_.forfeit();
    }

    /// \effects N1: the run is [block, block + n), and nothing else
    /// \requires the block reads zero and nothing was ever constructed in it
    void open(std::byte* block, std::size_t n) noexcept {
        forfeit();
        ahead_.first = block;
        ahead_.last = block + n;
    }

    /// \effects N7: empties the run if it lies in [block, block + n), which is going away
    void close(const std::byte* block, std::size_t n) noexcept {
        if (detail::Run::offset(block, ahead_.first) <= n && detail::Run::offset(block, ahead_.last) <= n) forfeit();
    }

    /// N2: something is about to be constructed in [p, p + n); nothing at or below it is believed fresh again. N9: what was jumped
    /// over is not written, since live elements may be there.
    /// \returns whether these bytes were fresh, and so read zero
    [[nodiscard, gnu::always_inline]] bool consume(std::byte* p, std::size_t n) noexcept {
        if (p == ahead_.first && p != ahead_.last) [[likely]] {
            ahead_.first = p + n;
            return true;
        }
        if (ahead_.contains(p)) {
            if constexpr (Split) skipped_ = detail::Run{ahead_.first, p};
            ahead_.first = p + n;
            return true;
        }
        if constexpr (Split) {
            if (skipped_.contains(p)) {
                skipped_.first = p + n;
                return true;
            }
        }
        return false;
    }

private:
    constexpr void take(FreshRun& other) noexcept {
        if (std::is_constant_evaluated()) return;
        ahead_.take(other.ahead_);
        skipped_.take(other.skipped_);
    }

    detail::Run ahead_;
    [[no_unique_address]] std::conditional_t<Split, detail::Run, detail::NoRun> skipped_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI
