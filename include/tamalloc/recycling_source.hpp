// SPDX-License-Identifier: MIT
//
// RecyclingSource: keeps freed blocks of another source, brought back to zero at the cost of the pages that were touched.
//
//   namespace tamalloc {
//     struct RecyclingOptions;
//     struct RecyclingStats;
//     template<PageSource Source, RecyclingOptions = {}> struct RecyclingSource;
//   }
#pragma once
#include <algorithm>      // std::max
#include <bit>            // std::bit_floor, std::has_single_bit
#include <cstddef>        // std::byte, std::size_t
#include <system_error>   // std::errc
#include <type_traits>    // std::is_empty_v

#include "tamalloc/config.hpp"
#include "tamalloc/detail/memory_limit.hpp"   // most_mappable
#include "tamalloc/detail/page.hpp"           // round_up
#include "tamalloc/detail/recycler.hpp"
#include "tamalloc/error.hpp"         // result
#include "tamalloc/page_source.hpp"   // ClearingSource, PurgingSource, ReservingSource, ResizingSource, page_threshold
#include "tamalloc/recycling_source/options.hpp"

namespace tamalloc::inline TAMALLOC_ABI {

/// As Source, but freed blocks from page_threshold bytes on are kept for the next who wants one of their class: all zero, in
/// memory as far as the budget allows, for `decay_ms` and a little more. Before a block is freed, protection, advice and
/// locks that were put on it must be undone, and nobody may still read or write it, nor a device or a pipe for him
/// (MSG_ZEROCOPY, O_DIRECT, vmsplice(2)). Stateless: one cache for each type of source. Thread-safe.
/// Constant time where not said otherwise; what goes back to Source costs what that does.
/// \commits no
/// Where Source has a member `options`, as MmapSource, those for fork and accounting are heeded; every multiple of its
/// granularity is a size that it maps.
template<PageSource Source, RecyclingOptions Options = RecyclingOptions{}>
    requires ClearingSource<Source> && std::is_empty_v<Source>
struct RecyclingSource : Source {
    /// \returns n rounded up to a class of whole pages: eight for each power of two from page_threshold on, so at most an
    /// eighth of address space more, or less than a page, also where the process may have only so much; for an accounted
    /// source whole pages
    [[nodiscard]] static std::size_t rounded(std::size_t n) noexcept {
        if (n < page_threshold || Cache::accounted) return Source::rounded(n);
        const auto unit = std::max(Source::granularity(), std::bit_floor(n) / 8);
        return detail::round_up(n, unit);
    }

    /// \requires n a class
    /// \returns n bytes that read zero, at a multiple of `align`
    /// \errors as Source::map
    [[nodiscard]] result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if (n < page_threshold || !std::has_single_bit(align)) return Source::map(n, align);
        if (const auto kept = Cache::take(n, align)) return kept.data;
        const auto block = with_room(n + align, [&] { return Source::map(n, align); });
        if (block) Cache::forget_history(*block, true);
        return block;
    }

    /// Frees [p, p + n), which map returned. Costs what was touched, and adds nothing to what is in memory; but what is in swap
    /// space, or was given back to the kernel by madvise(2), may be cleared as if it were there, in blocks up to memset_limit.
    void unmap(std::byte* p, std::size_t n) const noexcept {
        if (n < page_threshold || n != rounded(n) || !Cache::keep(p, n)) Source::unmap(p, n);
    }

    /// As Source's. Of a part of a block that does not begin with it, as said of madvise(2) for unmap.
    /// \errors as Source's; where memory or address space is refused, what is kept goes first
    /// @{
    result<void> purge(std::byte* p, std::size_t n) const noexcept
        requires PurgingSource<Source>
    {
        Cache::forget_history(p);
        return Source::purge(p, n);
    }
    [[nodiscard]] result<void> extend(std::byte* p, std::size_t from, std::size_t to) const noexcept
        requires ResizingSource<Source>
    {
        Cache::forget_history(p);
        return Source::extend(p, from, to);   // refused, it says that there is something behind; remap has other places
    }
    [[nodiscard]] result<std::byte*> remap(std::byte* p, std::size_t from, std::size_t to) const noexcept
        requires ResizingSource<Source>
    {
        const auto block = with_room(to, [&] { return Source::remap(p, from, to); });
        if (block) Cache::move_history(p, *block);
        return block;
    }
    [[nodiscard]] result<void> shrink(std::byte* p, std::size_t from, std::size_t to) const noexcept
        requires ResizingSource<Source>
    {
        Cache::forget_history(p);
        return with_room(to, [&] { return Source::shrink(p, from, to); });
    }
    /// @}

    /// As Source's: reservations are not kept. What is kept goes before commit is refused, but not for reserve: who wants
    /// much address space asks for less then.
    /// \errors as Source's
    /// @{
    [[nodiscard]] result<void> commit(std::byte* p, std::size_t n) const noexcept
        requires ReservingSource<Source>
    {
        return with_room(n, [&] { return Source::commit(p, n); });
    }
    void release(std::byte* p, std::size_t n) const noexcept
        requires ReservingSource<Source>
    {
        Source::release(p, n);
        Cache::decay();
    }
    /// @}

    /// Gives back everything that is kept. Proportional to that.
    static void trim() noexcept { Cache::trim(); }

    /// \returns what was done and what is kept. Any thread.
    [[nodiscard]] static RecyclingStats stats() noexcept { return Cache::stats(); }

    /// \returns how many bytes in memory may be kept
    [[nodiscard]] static std::size_t budget() noexcept { return Cache::limit(); }

    friend bool operator==(const RecyclingSource&, const RecyclingSource&) = default;   // always

private:
    using Cache = detail::Recycler<Source, Options>;

    // What is kept counts against the limits of the process. n: bytes that are needed
    template<class F> static auto with_room(std::size_t n, F f) noexcept -> decltype(f()) {
        auto answer = f();
        if (answer || !Cache::keeps_any() || n > detail::most_mappable(Cache::accounted)) return answer;
        if (answer.error() != std::errc::not_enough_memory &&
            answer.error() != std::errc::resource_unavailable_try_again)
            return answer;
        trim();
        return f();
    }
};

}   // namespace tamalloc::inline TAMALLOC_ABI
