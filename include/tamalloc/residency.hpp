// SPDX-License-Identifier: MIT
//
// What is in memory: of a range, how many bytes, and which parts.
//
//   namespace tamalloc {
//     result<std::size_t> resident_bytes(std::span<const std::byte>) noexcept;
//     template<std::invocable<std::span<const std::byte>> F>
//     result<void> for_each_populated(std::span<const std::byte>, F);
//     class PopulatedView;   // the same as an input range
//   }
//
// Populated extents are a superset: every byte that is not zero lies in one, bytes outside read zero. They end at page
// boundaries or at those of the range, and come in order; neighbours may touch. The range must lie in private anonymous
// memory, as every PageSource hands out. Linux 6.7 and later tell the shared zero page from memory; before, a page that
// was only read counts as populated, and in some later ones so does the huge zero page; without /proc everything does.
#pragma once
#include <array>        // std::array
#include <concepts>     // std::invocable
#include <cstddef>      // std::byte, std::ptrdiff_t, std::size_t
#include <functional>   // std::invoke
#include <iterator>     // std::default_sentinel_t, std::input_iterator_tag
#include <memory>       // std::make_shared, std::shared_ptr
#include <ranges>       // std::ranges::view_interface
#include <span>         // std::span

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page_scan.hpp"   // clipped, for_each_extent, for_each_populated, scan_pages, whole_pages
#include "tamalloc/error.hpp"              // result

namespace tamalloc::inline TAMALLOC_ABI {

/// \returns the bytes of memory behind the pages that hold the range: a multiple of the page size
/// \errors ENOENT, EACCES and the like: /proc is not there, so nobody knows
/// Proportional to the pages present; any thread.
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
/// Proportional to the extents; any thread; allocates nothing.
/// \commits no; f may read what it is given without making memory resident
template<std::invocable<std::span<const std::byte>> F>
result<void> for_each_populated(std::span<const std::byte> range, F f) {
    detail::for_each_populated(range, [&f](std::span<const std::byte> extent) { std::invoke(f, extent); });
    return {};
}

/// The populated extents of a range, found as iteration gets there. Not a snapshot: what is written meanwhile may show
/// or not. Copyable; each begin() starts anew; an iterator is single-pass, and its copies advance together.
class PopulatedView : public std::ranges::view_interface<PopulatedView> {
public:
    class Iterator;

    PopulatedView() = default;
    explicit PopulatedView(std::span<const std::byte> range) noexcept : range_(range) {}

    /// \throws std::bad_alloc: an iterator keeps a batch of extents on the heap
    /// \commits no
    [[nodiscard]] Iterator begin() const;
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

private:
    std::span<const std::byte> range_;
};

class PopulatedView::Iterator {
public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::span<const std::byte>;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(std::span<const std::byte> range) : state_(std::make_shared<State>(range)) { state_->settle(); }

    [[nodiscard]] value_type operator*() const noexcept {
        return detail::clipped(state_->extents[state_->index], state_->range);
    }
    Iterator& operator++() noexcept {
        ++state_->index;
        state_->settle();
        return *this;
    }
    void operator++(int) noexcept { ++*this; }

    [[nodiscard]] friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept {
        return i.state_ == nullptr || i.state_->at_end();
    }

private:
    struct State {
        explicit State(std::span<const std::byte> r) noexcept : range(r) {
            if (r.empty()) return;
            const auto pages = detail::whole_pages(r);
            next = pages.data();
            last = pages.data() + pages.size();
        }
        [[nodiscard]] bool at_end() const noexcept { return index == count && next == last; }
        // Moves on to the next batch, when this one is used up, until there is an extent or nothing is left.
        void settle() noexcept {
            while (index == count && next != last) {
                const auto scan = detail::scan_pages(next, last, extents);
                next = scan.next;
                count = scan.count;
                index = 0;
            }
        }

        std::span<const std::byte> range;
        std::byte* next = nullptr;
        std::byte* last = nullptr;
        std::size_t count = 0, index = 0;
        std::array<detail::PageExtent, detail::scan_batch> extents;
    };

    std::shared_ptr<State> state_;
};

inline PopulatedView::Iterator PopulatedView::begin() const { return Iterator(range_); }

}   // namespace tamalloc::inline TAMALLOC_ABI

// An extent stays what it is when the view is gone.
template<> inline constexpr bool std::ranges::enable_borrowed_range<tamalloc::PopulatedView> = true;
