// SPDX-License-Identifier: MIT
//
// PageSource: where zeroed pages come from, and what else a source of pages may be able to do.
//
//   namespace tamalloc {
//     template<class S> concept PageSource;        // map, unmap
//     template<class S> concept PurgingSource;     // purge: zero again, memory returned
//     template<class S> concept ClearingSource;    // clear: zero again, some of the memory kept
//     template<class S> concept ReservingSource;   // reserve, commit, decommit: address space first, memory later
//     template<class S> concept ResizingSource;    // extend and shrink in place, remap elsewhere
//     template<class S> concept ObservingSource;   // for_each_populated: which parts have memory behind them
//     inline constexpr std::size_t page_threshold; // smaller blocks come from the process's malloc
//   }
//
// The contract that the compiler cannot check (testing.hpp does):
//   Z  bytes from map, and after purge, clear and decommit + commit, read zero; so do the new ones of extend and remap
//   G  granularity() never changes
//   E  equal sources may free each other's blocks
//   T  every member may be called from any thread
//   N  no member writes into pages other than those it is asked to clear
//   U  sanitizers regard what map returns as addressable
//   P  it is private anonymous memory, so that the pagemap of the process tells what is behind it
// Hence MADV_FREE, MAP_UNINITIALIZED and caches of blocks that are not zero again are out of the question.
#pragma once
#include <concepts>      // std::copyable, std::equality_comparable, std::same_as
#include <cstddef>       // std::byte, std::size_t
#include <span>          // std::span
#include <type_traits>   // std::is_nothrow_copy_constructible_v

#include "tamalloc/config.hpp"
#include "tamalloc/error.hpp"   // result

namespace tamalloc::inline TAMALLOC_ABI {

/// In bytes: where front ends that serve small blocks, too, begin to take pages. glibc's own M_MMAP_THRESHOLD, mallopt(3).
inline constexpr std::size_t page_threshold = 128 * 1024;

namespace detail {

template<class S>
concept SourceHandle = std::copyable<S> && std::is_nothrow_copy_constructible_v<S> && std::equality_comparable<S>;

/// rounded: a closure operator (extensive, monotone, idempotent) into the multiples of granularity. A block is freed with
/// the size that it has.
template<class S>
concept Granular = requires(std::size_t n) {
    { S::granularity() } noexcept -> std::same_as<std::size_t>;   // a power of two; the page size, or more
    { S::rounded(n) } noexcept -> std::same_as<std::size_t>;
};

template<class S>
concept Mapping = requires(const S s, std::byte* p, std::size_t n, std::size_t align) {
    { s.map(n, align) } noexcept -> std::same_as<result<std::byte*>>;   // n = rounded(n) > 0, align a power of two
    { s.unmap(p, n) } noexcept -> std::same_as<void>;
};

}   // namespace detail

/// A handle to something that maps pages which read zero, and unmaps them: the least that a front end needs. Copies are equal.
template<class S>
concept PageSource = detail::SourceHandle<S> && detail::Granular<S> && detail::Mapping<S>;

/// Afterwards the range reads zero and the whole pages in it have no memory behind them, but for pages locked in memory.
template<class S>
concept PurgingSource = PageSource<S> && requires(const S s, std::byte* p, std::size_t n) {
    { s.purge(p, n) } noexcept -> std::same_as<result<void>>;
};

/// Afterwards the range reads zero; of its memory at most `keep` bytes stay, and the answer is how many did.
template<class S>
concept ClearingSource = PageSource<S> && requires(const S s, std::byte* p, std::size_t n, std::size_t keep) {
    { s.clear(p, n, keep) } noexcept -> std::same_as<result<std::size_t>>;
};

/// reserve: address space that cannot be accessed and is not charged; commit makes a part of it read zero and writable,
/// decommit takes the memory, the charge and the access away, release all of it.
template<class S>
concept ReservingSource = PageSource<S> && requires(const S s, std::byte* p, std::size_t n, std::size_t align) {
    { s.reserve(n, align) } noexcept -> std::same_as<result<std::byte*>>;
    { s.commit(p, n) } noexcept -> std::same_as<result<void>>;
    { s.decommit(p, n) } noexcept -> std::same_as<result<void>>;
    { s.release(p, n) } noexcept -> std::same_as<void>;
};

/// extend: the block grows in place or stays as it was; remap: it grows, and may move, without being copied; shrink: its
/// end is given back, or it stays as it was.
template<class S>
concept ResizingSource = PageSource<S> && requires(const S s, std::byte* p, std::size_t from, std::size_t to) {
    { s.extend(p, from, to) } noexcept -> std::same_as<result<void>>;
    { s.remap(p, from, to) } noexcept -> std::same_as<result<std::byte*>>;
    { s.shrink(p, from, to) } noexcept -> std::same_as<result<void>>;
};

/// Every byte of the range that is not zero lies in an extent given to the sink; extents come in order.
template<class S>
concept ObservingSource =
    PageSource<S> && requires(const S s, std::span<const std::byte> range, void (*sink)(std::span<const std::byte>)) {
        { s.for_each_populated(range, sink) } -> std::same_as<result<void>>;
    };

}   // namespace tamalloc::inline TAMALLOC_ABI
