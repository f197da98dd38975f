// SPDX-License-Identifier: MIT
//
// What is in memory: of a range, how many bytes, and which parts.
//
//   namespace tamalloc {
//     result<std::size_t> resident_bytes(std::span<const std::byte>) noexcept;
//     template<std::invocable<std::span<const std::byte>> F>
//     result<void> for_each_populated(std::span<const std::byte>, F);
//     template<class T = std::byte> class PopulatedView;   // the same as an input range, of whole elements
//   }
//
// Populated extents are a superset: every byte that is not zero lies in one, bytes outside read zero. They end at page
// boundaries or at those of the range, and come in order; neighbours may touch. The range must lie in private anonymous
// memory, as every PageSource hands out.
//
// Linux 6.7 and later walk over the page tables that exist, and tell the shared zero page from memory. Before, each page
// of the range costs 8 bytes to read, and a page that was only read counts as populated; in some later ones so does the
// huge zero page. Where /proc/thread-self/pagemap cannot be opened, everything counts as populated: without /proc, with
// no descriptor left, and in a process that is not dumpable, as after setuid(2) (PR_SET_DUMPABLE in prctl(2)).
#pragma once
#include <algorithm>     // std::max
#include <array>         // std::array
#include <concepts>      // std::invocable
#include <cstddef>       // std::byte, std::ptrdiff_t, std::size_t
#include <functional>    // std::invoke
#include <iterator>      // std::default_sentinel_t, std::input_iterator_tag
#include <memory>        // std::make_shared, std::shared_ptr
#include <ranges>        // std::ranges::view_interface
#include <span>          // std::as_bytes, std::span
#include <type_traits>   // std::remove_cv_t

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page_scan.hpp"   // clipped, for_each_extent, for_each_populated, scan_pages, whole_pages
#include "tamalloc/error.hpp"              // result

namespace tamalloc::inline TAMALLOC_ABI {

/// \returns the bytes of memory behind the pages that hold the range: a multiple of the page size
/// \errors ENOENT, EACCES, EMFILE and the like: the pagemap cannot be opened, so nobody knows
/// Proportional to the pages present, before Linux 6.7 to the range; any thread.
/// \commits no
[[nodiscard]] inline result<std::size_t> resident_bytes(std::span<const std::byte> range) noexcept {
    if (range.empty()) return 0;
    std::size_t resident = 0;
    int error = 0;
    const auto pages = detail::whole_pages(range);
    detail::for_each_extent(pages.data(), pages.data() + pages.size(),
                            [&](const detail::PageExtent& extent, const detail::PageScan& scan) {
                                if (scan.method == detail::ScanMethod::none) error = scan.error;
                                else if (!extent.swapped()) resident += extent.size();
                            });
    if (error != 0) return detail::system_failure(error);
    return resident;
}

/// \effects calls f(std::span<const std::byte>) for each populated extent of the range
/// \returns success; without /proc the whole range is one extent
/// \throws what f throws
/// Proportional to the pages present, before Linux 6.7 to the range; any thread; allocates nothing.
/// \commits no; reading what f is given brings back what is in swap space, and no more
template<std::invocable<std::span<const std::byte>> F>
result<void> for_each_populated(std::span<const std::byte> range, F f) {
    detail::for_each_populated(range, [&f](std::span<const std::byte> extent) { std::invoke(f, extent); });
    return {};
}

namespace detail {

// Extents end at page boundaries, which elements may straddle: gives whole elements, each of them once.
template<class T> class WholeElements {
public:
    WholeElements() = default;
    explicit WholeElements(std::span<const T> range) noexcept : range_(range) {}

    /// \requires extents come in order and lie in the range
    /// \returns the elements that the extent meets and none before it did; maybe none
    [[nodiscard]] std::span<const T> operator()(std::span<const std::byte> extent) noexcept {
        const auto offset = static_cast<std::size_t>(extent.data() - std::as_bytes(range_).data());
        const auto first = std::max(offset / sizeof(T), next_);
        next_ = std::max((offset + extent.size() + sizeof(T) - 1) / sizeof(T), first);
        return range_.subspan(first, next_ - first);
    }

private:
    std::span<const T> range_;
    std::size_t next_ = 0;
};

}   // namespace detail

/// The populated extents of a range of T, found as iteration gets there: every element whose bytes are not all zero is in
/// exactly one. Not a snapshot: what is written meanwhile may show or not. Copyable; each begin() starts anew; an iterator
/// is single-pass, and its copies advance together. Constant time where not said otherwise; threads: as a span.
/// \commits no
template<class T = std::byte> class PopulatedView : public std::ranges::view_interface<PopulatedView<T>> {
public:
    class Iterator;

    /// Of no element, or of these.
    /// @{
    PopulatedView() = default;
    explicit PopulatedView(std::span<const T> range) noexcept : range_(range) {}
    /// @}

    /// \throws std::bad_alloc: an iterator keeps a batch of extents on the heap
    /// Proportional to the extents of the first batch, before Linux 6.7 to the range.
    /// \commits no
    [[nodiscard]] Iterator begin() const { return Iterator(range_); }
    /// \returns what an iterator at the end is equal to
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

private:
    std::span<const T> range_;
};

/// Of the elements of any span.
template<class T, std::size_t Extent> PopulatedView(std::span<T, Extent>) -> PopulatedView<std::remove_cv_t<T>>;

/// Single-pass. Constant time, but ++ at the end of a batch: proportional to its extents, before Linux 6.7 to the range. For
/// one thread at a time.
/// \commits no
template<class T> class PopulatedView<T>::Iterator {
public:
    /// As std wants of an input iterator.
    /// \throws the constructor: std::bad_alloc
    /// @{
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::span<const T>;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(std::span<const T> range) : state_(std::make_shared<State>(range)) { state_->advance(); }

    [[nodiscard]] value_type operator*() const noexcept { return state_->current; }
    Iterator& operator++() noexcept {
        state_->advance();
        return *this;
    }
    void operator++(int) noexcept { ++*this; }

    [[nodiscard]] friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept {
        return i.state_ == nullptr || i.state_->current.empty();
    }
    /// @}

private:
    struct State {
        explicit State(std::span<const T> r) noexcept : range(std::as_bytes(r)), elements(r) {
            if (range.empty()) return;
            const auto pages = detail::whole_pages(range);
            next = pages.data();
            last = pages.data() + pages.size();
        }
        // To the next extent that has an element of its own, batch after batch; at the end there is none.
        void advance() noexcept {
            current = {};
            while (current.empty()) {
                if (index < count) {
                    current = elements(detail::clipped(extents[index++], range));
                } else {
                    if (next == last) return;
                    const auto scan = detail::scan_pages(next, last, extents);
                    next = scan.next;
                    count = scan.count;
                    index = 0;
                }
            }
        }

        std::span<const std::byte> range;
        detail::WholeElements<T> elements;
        std::span<const T> current;
        std::byte* next = nullptr;
        std::byte* last = nullptr;
        std::size_t count = 0, index = 0;
        std::array<detail::PageExtent, detail::scan_batch> extents;
    };

    std::shared_ptr<State> state_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI

// An extent stays what it is when the view is gone.
template<class T> inline constexpr bool std::ranges::enable_borrowed_range<tamalloc::PopulatedView<T>> = true;
