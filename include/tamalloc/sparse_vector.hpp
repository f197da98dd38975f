// SPDX-License-Identifier: MIT
//
// SparseVector<T>: a vector in reserved address space. Growing it costs nothing and moves nothing.
//
//   namespace tamalloc {
//     struct SparseOptions;
//     template<ZeroInitializable T, PageSource = DefaultSource> class SparseVector;
//   }
//
// Invariant V: every byte from the last element to the end of the reservation reads zero. So new elements need not be
// written, and shrinking clears what it leaves.
#pragma once
#include <algorithm>      // std::clamp, std::equal, std::max, std::min
#include <array>          // std::array
#include <concepts>       // std::constructible_from, std::copy_constructible and their kin
#include <cstddef>        // std::byte, std::ptrdiff_t, std::size_t
#include <cstdint>        // std::uintptr_t
#include <cstring>        // std::memcmp, std::memset
#include <functional>     // std::invoke
#include <iterator>       // std::reverse_iterator
#include <limits>         // std::numeric_limits
#include <memory>         // std::addressof, std::uninitialized_fill
#include <new>            // placement new
#include <span>           // std::as_bytes, std::span
#include <system_error>   // std::error_code
#include <type_traits>    // std::is_trivially_copyable_v, std::is_trivially_destructible_v
#include <utility>        // std::exchange, std::forward, std::move, std::swap

#include "tamalloc/config.hpp"             // TAMALLOC_ASSERT, TAMALLOC_VERIFY
#include "tamalloc/default_source.hpp"     // DefaultSource
#include "tamalloc/detail/page.hpp"        // page_ceiling, page_floor, page_size
#include "tamalloc/detail/page_scan.hpp"   // for_each_populated
#include "tamalloc/detail/populate.hpp"    // populate, populate_write
#include "tamalloc/detail/reservation.hpp"   // Reservation, make_usable, next_smaller, reservable, reserve_most, zero_pages
#include "tamalloc/detail/sparse_copy.hpp"   // copy_sparse
#include "tamalloc/detail/sys.hpp"           // advise
#include "tamalloc/detail/verify.hpp"        // verify_zero
#include "tamalloc/detail/zeroing.hpp"       // zero_in_place
#include "tamalloc/error.hpp"                // errc, result
#include "tamalloc/page_source.hpp"          // PageSource, ResizingSource
#include "tamalloc/residency.hpp"            // PopulatedView, detail::WholeElements, resident_bytes
#include "tamalloc/zero_init.hpp"            // ZeroInitializable, all_zero, start_lifetime_as_array

namespace tamalloc::inline TAMALLOC_ABI {

/// All in bytes. Address space is not memory: a process has 128 TiB of it on x86-64, room for some 2000 vectors with these
/// options. What is charged, and what mlockall(MCL_FUTURE) makes resident, is what was made usable: at least what there
/// are elements.
struct SparseOptions {
    std::size_t reserve = std::size_t{64} << 30;       // address space to take at first; less where it is refused
    std::size_t commit_chunk = std::size_t{2} << 20;   // least to make usable at a time: a system call
    std::size_t scrub_limit = std::size_t{64} << 10;   // shrinking by no more writes zeros and keeps the memory
};

/// Elements stand one behind the other, as in std::vector, and do not move while size() <= capacity(): beyond it they may,
/// and pointers, references and iterators are then invalid. Those that were never written cost no memory. No insertion and
/// removal in the middle: std::vector does that. Not allocator-aware. Trivially copyable: elements are moved as bytes.
///
/// Every function that may throw has the strong guarantee: std::length_error beyond max_size(), AllocationFailure where
/// the system refuses. Indices are checked by TAMALLOC_ASSERT, and by at(). Threads: as std::vector. Constant time where not
/// said otherwise; freeing memory costs the pages touched.
/// \commits nothing but what the caller writes through it, where not said otherwise
template<ZeroInitializable T, PageSource Source = DefaultSource>
    requires std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> && (!std::is_array_v<T>)
class SparseVector {
public:
    /// As of std::vector.
    /// @{
    using value_type = T;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using reference = T&;
    using const_reference = const T&;
    using pointer = T*;
    using const_pointer = const T*;
    using iterator = T*;
    using const_iterator = const T*;
    using reverse_iterator = std::reverse_iterator<iterator>;
    using const_reverse_iterator = std::reverse_iterator<const_iterator>;
    /// @}

    /// Empty; takes no address space before the first element.
    /// @{
    SparseVector() noexcept
        requires std::default_initializable<Source>
    = default;
    explicit SparseVector(SparseOptions options, Source source = {}) noexcept : source_(source), options_(options) {}
    /// @}

    /// n elements equal to T(), in constant time.
    /// \throws std::length_error, AllocationFailure
    explicit SparseVector(size_type n, SparseOptions options = {}, Source source = {}) : SparseVector(options, source) {
        resize(n);
    }

    /// \returns n elements equal to T(), in constant time
    /// \errors errc::too_large when n > max_size(); what the source says
    [[nodiscard]] static result<SparseVector> try_make(size_type n, SparseOptions options = {},
                                                       Source source = {}) noexcept {
        SparseVector v(options, source);
        if (const auto done = v.try_resize(n); !done) return unexpected<std::error_code>(done.error());
        return v;
    }

    /// A copy reads the populated pages of the other, and costs them; assigning and destroying, the pages touched. What was moved
    /// from is empty.
    /// \throws a copy: AllocationFailure
    /// \commits a copy: the pages in which the other has something other than zero
    /// @{
    SparseVector(const SparseVector& other)
        requires std::copy_constructible<T>
        : SparseVector(other.size_, other.options_, other.source_) {
        detail::copy_sparse(std::as_bytes(std::span(other)), space_.data);
    }
    SparseVector(SparseVector&& other) noexcept
        : source_(other.source_), options_(other.options_), space_(std::exchange(other.space_, {})),
          size_(std::exchange(other.size_, 0)), ready_(std::exchange(other.ready_, 0)) {}
    SparseVector& operator=(const SparseVector& other)
        requires std::copy_constructible<T>
    {
        if (this != &other) SparseVector(other).swap(*this);
        return *this;
    }
    SparseVector& operator=(SparseVector&& other) noexcept {
        SparseVector(std::move(other)).swap(*this);
        return *this;
    }
    ~SparseVector() { release(); }
    /// @}

    /// Exchanges the elements, which stay where they are, the options and the source.
    /// @{
    void swap(SparseVector& other) noexcept {
        std::swap(source_, other.source_);
        std::swap(options_, other.options_);
        std::swap(space_, other.space_);
        std::swap(size_, other.size_);
        std::swap(ready_, other.ready_);
    }
    friend void swap(SparseVector& a, SparseVector& b) noexcept { a.swap(b); }
    /// @}

    /// As of std::vector.
    /// @{
    [[nodiscard]] size_type size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// @}
    /// \returns how many elements there can be before any has to move: address space, not memory
    [[nodiscard]] size_type capacity() const noexcept { return space_.size / sizeof(T); }
    /// \returns the most that could be asked for; the system may refuse less
    [[nodiscard]] static constexpr size_type max_size() noexcept {
        return static_cast<size_type>(std::numeric_limits<difference_type>::max()) / sizeof(T);
    }

    /// As of std::vector.
    /// @{
    [[nodiscard]] T* data() noexcept { return elements(); }
    [[nodiscard]] const T* data() const noexcept { return elements(); }
    [[nodiscard]] T& operator[](size_type i) noexcept {
        TAMALLOC_ASSERT(i < size_);
        return elements()[i];
    }
    [[nodiscard]] const T& operator[](size_type i) const noexcept {
        TAMALLOC_ASSERT(i < size_);
        return elements()[i];
    }
    /// @}
    /// \throws std::out_of_range
    /// @{
    [[nodiscard]] T& at(size_type i) {
        if (i >= size_) detail::throw_out_of_range();
        return elements()[i];
    }
    [[nodiscard]] const T& at(size_type i) const {
        if (i >= size_) detail::throw_out_of_range();
        return elements()[i];
    }
    /// @}
    /// As of std::vector. Writing through them commits the page.
    /// @{
    [[nodiscard]] T& front() noexcept { return (*this)[0]; }
    [[nodiscard]] const T& front() const noexcept { return (*this)[0]; }
    [[nodiscard]] T& back() noexcept { return (*this)[size_ - 1]; }
    [[nodiscard]] const T& back() const noexcept { return (*this)[size_ - 1]; }

    [[nodiscard]] iterator begin() noexcept { return elements(); }
    [[nodiscard]] const_iterator begin() const noexcept { return elements(); }
    [[nodiscard]] const_iterator cbegin() const noexcept { return elements(); }
    [[nodiscard]] iterator end() noexcept { return elements() + size_; }
    [[nodiscard]] const_iterator end() const noexcept { return elements() + size_; }
    [[nodiscard]] const_iterator cend() const noexcept { return elements() + size_; }
    [[nodiscard]] reverse_iterator rbegin() noexcept { return reverse_iterator(end()); }
    [[nodiscard]] const_reverse_iterator rbegin() const noexcept { return const_reverse_iterator(end()); }
    [[nodiscard]] const_reverse_iterator crbegin() const noexcept { return rbegin(); }
    [[nodiscard]] reverse_iterator rend() noexcept { return reverse_iterator(begin()); }
    [[nodiscard]] const_reverse_iterator rend() const noexcept { return const_reverse_iterator(begin()); }
    [[nodiscard]] const_reverse_iterator crend() const noexcept { return rend(); }
    /// @}

    /// New elements are T(): constant time. Removing some costs the pages that were touched.
    /// \throws std::length_error, AllocationFailure
    void resize(size_type n) { or_throw(try_resize(n), n); }
    /// \errors as try_make; the vector is as it was
    [[nodiscard]] result<void> try_resize(size_type n) noexcept {
        if (n < size_) {
            shrink_to(n);
            return {};
        }
        if (const auto done = make_room(n); !done) return done;
        verify_fresh(n);
        size_ = n;
        return {};
    }
    /// New elements are copies of `value`; where all of its bytes are zero they are not written. Linear in what is
    /// written.
    /// \throws std::length_error, AllocationFailure, what copying throws
    /// \commits what is written
    void resize(size_type n, const T& value)
        requires std::copy_constructible<T>
    {
        const auto old = size_;
        const bool zero = all_zero(std::as_bytes(std::span(std::addressof(value), 1)));
        const auto place = place_of(value);
        resize(n);
        if (n > old && !zero) std::uninitialized_fill(elements() + old, elements() + n, found_at(place, value));
    }

    /// Without arguments nothing is written. Constant time on average.
    /// \throws std::length_error, AllocationFailure, what the constructor throws
    /// \commits with arguments, pages ahead of the next elements: at most 64 KiB, and a sixteenth of what there are
    template<class... Args>
        requires std::constructible_from<T, Args...>
    T& emplace_back(Args&&... args) {
        if constexpr (sizeof...(Args) == 0) {
            resize(size_ + 1);
        } else if ((size_ + 1) * sizeof(T) > ready_) [[unlikely]] {
            grow_and_emplace(std::forward<Args>(args)...);
        } else {
            append(std::forward<Args>(args)...);
        }
        return back();
    }
    /// As emplace_back.
    /// \throws as emplace_back
    /// \commits as emplace_back
    void push_back(const T& value)
        requires std::copy_constructible<T>
    {
        if ((size_ + 1) * sizeof(T) > ready_) [[unlikely]] {
            const auto place = place_of(value);
            or_throw(make_room(size_ + 1), size_ + 1);
            populate_ahead();
            append(found_at(place, value));
        } else {
            append(value);
        }
    }
    /// Makes the last element T(), and removes it.
    void pop_back() noexcept {
        TAMALLOC_ASSERT(size_ > 0);
        if constexpr (sizeof(T) <= 64) {
            constexpr std::array<std::byte, sizeof(T)> zero{};
            auto* const element = space_.data + --size_ * sizeof(T);
            // Invariant V; read first, since its page may be untouched.
            if (std::memcmp(element, zero.data(), sizeof(T)) != 0) std::memset(element, 0, sizeof(T));
        } else {
            shrink_to(size_ - 1);
        }
    }
    /// Removes all elements and keeps the address space. Costs the pages touched.
    void clear() noexcept { shrink_to(0); }

    /// Takes address space for n elements. Where that does not fit behind the last one, they move: by page tables where the
    /// source can, else the populated pages are copied: costs the pages touched.
    /// \throws std::length_error, AllocationFailure
    void reserve(size_type n) {
        if (n <= capacity()) return;
        if (n > max_size()) detail::throw_length_error();
        const auto needed = n * sizeof(T);
        or_throw(relocate(needed, needed), n);
    }
    /// Gives back the address space behind the last element, where the source can.
    void shrink_to_fit() noexcept {
        if (size_ == 0) {
            release();
        } else if constexpr (ResizingSource<Source>) {
            const auto least = detail::reservable<Source>(size_ * sizeof(T));
            if (least < space_.size && source_.shrink(space_.data, space_.size, least)) {
                space_.size = least;
                space_.usable = std::min(space_.usable, least);
                ready_ = 0;
            }
        }
    }

    /// Makes the elements [first, last) T() and gives back the memory behind their whole pages, at the cost of what was
    /// touched.
    void zero(size_type first, size_type last) noexcept {
        TAMALLOC_ASSERT(first <= last && last <= size_);
        if (first != last) zero_bytes(first, last);
    }
    /// Makes all elements T(): zero(0, size()).
    void reset() noexcept { zero(0, size_); }

    /// Makes the pages of the elements [first, last) resident, so that writing there will not fault.
    /// \errors what madvise(2) says: EFAULT, ENOMEM
    /// Proportional to their bytes.
    /// \commits all of them
    [[nodiscard]] result<void> touch(size_type first, size_type last) noexcept {
        TAMALLOC_ASSERT(first <= last && last <= size_);
        return detail::populate({space_.data + first * sizeof(T), (last - first) * sizeof(T)});
    }

    /// \returns the bytes of memory behind the pages of the elements
    /// \errors as tamalloc::resident_bytes
    /// Proportional to the pages present, before Linux 6.7 to all.
    [[nodiscard]] result<std::size_t> resident_bytes() const noexcept {
        return tamalloc::resident_bytes(std::as_bytes(std::span(*this)));
    }
    /// \returns an input range of std::span<const T>: every element whose bytes are not all zero is in one of them
    /// @{
    [[nodiscard]] PopulatedView<T> populated() const& noexcept { return PopulatedView<T>(std::span(*this)); }
    [[nodiscard]] PopulatedView<T> populated() const&& = delete;   // of a vector that is gone before it is looked at
    /// @}
    /// \effects calls f(std::span<const T>) for each of these; allocates nothing. Proportional to the pages present, before Linux
    /// 6.7 to all.
    /// \throws what f throws
    template<class F> void for_each_populated(F f) const {
        detail::WholeElements<T> whole{std::span(*this)};
        detail::for_each_populated(std::as_bytes(std::span(*this)), [&](std::span<const std::byte> extent) {
            const auto elements = whole(extent);
            if (!elements.empty()) std::invoke(f, elements);
        });
    }

    /// Looks at elements that are populated in one of the two: the others are T() in both, and T() == T(). Costs the
    /// pages touched.
    /// \throws what comparing elements throws
    [[nodiscard]] friend bool operator==(const SparseVector& a, const SparseVector& b)
        requires std::equality_comparable<T>
    {
        if (a.size_ != b.size_) return false;
        bool equal = true;
        const auto compare = [&equal](const SparseVector& x, const SparseVector& y) {
            x.for_each_populated([&](std::span<const T> s) {
                equal = equal && std::equal(s.begin(), s.end(), y.data() + (s.data() - x.data()));
            });
        };
        compare(a, b);
        if (equal) compare(b, a);
        return equal;
    }

private:
    [[nodiscard]] T* elements() const noexcept { return reinterpret_cast<T*>(space_.data); }
    static void or_throw(const result<void>& done, size_type n) {
        if (done) return;
        if (n > max_size()) detail::throw_length_error();
        detail::throw_allocation_failure(done.error(), n * sizeof(T));
    }

    // Room for n elements, by what is the least work.
    [[nodiscard]] result<void> make_room(size_type n) noexcept {
        if (n > max_size()) return detail::failure(errc::too_large);
        const auto needed = n * sizeof(T);
        if (needed <= space_.size) return detail::make_usable(source_, space_, needed, options_.commit_chunk);
        return relocate(2 * space_.size, needed);
    }

    // Address space for `wanted` bytes, at first for those of the options, or at least for `needed`: behind what there is,
    // or elsewhere.
    [[nodiscard]] result<void> relocate(size_type wanted, size_type needed) noexcept {
        if (space_.data == nullptr) wanted = options_.reserve;
        wanted = std::clamp(wanted, needed, static_cast<size_type>(std::numeric_limits<difference_type>::max()));
        if (space_.data != nullptr &&
            grow_mapping(detail::reservable<Source>(wanted), detail::reservable<Source>(needed)))
            return {};
        const auto fresh = detail::reserve_most(source_, wanted, needed, alignof(T));
        if (!fresh) return unexpected<std::error_code>(fresh.error());
        if (size_ > 0) detail::copy_sparse(std::as_bytes(std::span(*this)), fresh->data);
        detail::release(source_, space_);
        adopt(*fresh);
        return {};
    }
    // By page tables; as much of `wanted` as can be had.
    [[nodiscard]] bool grow_mapping(size_type wanted, size_type needed) noexcept {
        if constexpr (ResizingSource<Source>) {
            // What is partly inaccessible is two mappings; mremap(2) takes one.
            if (!detail::make_usable(source_, space_, space_.size, 0)) return false;
            for (auto to = wanted;; to = detail::next_smaller<Source>(to, needed)) {
                auto* moved = space_.data;
                bool done = source_.extend(space_.data, space_.size, to).has_value();
                if (!done && alignof(T) <= Source::granularity()) {
                    const auto remapped = source_.remap(space_.data, space_.size, to);
                    done = remapped.has_value();
                    if (done) moved = *remapped;
                }
                if (done) adopt({moved, to, to});
                if (done || to == needed) return done;
            }
        }
        return false;
    }
    void adopt(const detail::Reservation& space) noexcept {
        space_ = space;
        (void)tamalloc::start_lifetime_as_array<T>(space.data, capacity());
    }
    void release() noexcept {
        detail::release(source_, space_);
        space_ = {};
        size_ = ready_ = 0;
    }

    // Where a value stands among the elements, if it does: these may move before it is read.
    [[nodiscard]] size_type place_of(const T& value) const noexcept {
        const auto offset =
            reinterpret_cast<std::uintptr_t>(std::addressof(value)) - reinterpret_cast<std::uintptr_t>(space_.data);
        return offset < size_ * sizeof(T) ? offset / sizeof(T) : elsewhere;
    }
    [[nodiscard]] const T& found_at(size_type place, const T& value) const noexcept {
        return place == elsewhere ? value : elements()[place];
    }
    static constexpr auto elsewhere = std::numeric_limits<size_type>::max();

    // \requires the bytes of one more element are usable
    template<class... Args> void append(Args&&... args) {
        verify_fresh(size_ + 1);
        auto* const place = space_.data + size_ * sizeof(T);
        struct Guard {   // a constructor that throws may have written something: invariant V
            std::byte* place;
            ~Guard() {
                if (place != nullptr) std::memset(place, 0, sizeof(T));
            }
        } guard{std::is_nothrow_constructible_v<T, Args...> ? nullptr : place};
        ::new (static_cast<void*>(place)) T(std::forward<Args>(args)...);
        guard.place = nullptr;
        ++size_;
    }
    // Not inlined, for the sake of the value on the stack.
    template<class... Args> [[gnu::cold, gnu::noinline]] void grow_and_emplace(Args&&... args) {
        const auto n = size_ + 1;
        if constexpr (std::move_constructible<T>) {
            if (n * sizeof(T) > space_.size) {   // elements may move, to which the arguments may refer
                T value(std::forward<Args>(args)...);
                or_throw(make_room(n), n);
                populate_ahead();
                append(std::move(value));
                return;
            }
        }
        or_throw(make_room(n), n);
        populate_ahead();
        append(std::forward<Args>(args)...);
    }

    // Who appends is going to write the next pages, too: asking for some at once costs two thirds of a fault for each. Where
    // that is refused they are faulted in. Not for elements of many pages, of which the constructor may write but one.
    void populate_ahead() noexcept {
        const auto end = (size_ + 1) * sizeof(T);
        auto* const limit = space_.data + std::min(end + std::min(end / 16, most_ahead), space_.usable);
        auto* const first = detail::page_ceiling(space_.data + size_ * sizeof(T));
        auto* last = detail::page_floor(limit);
        if (sizeof(T) <= detail::page_size() && last > first + detail::page_size())
            (void)detail::sys::advise(first, static_cast<size_type>(last - first), detail::populate_write);
        else last = detail::page_ceiling(space_.data + end);
        ready_ = std::min(static_cast<size_type>(last - space_.data), space_.usable);
    }
    static constexpr auto most_ahead = std::size_t{64} << 10;

    // \requires first != last
    void zero_bytes(size_type first, size_type last) noexcept {
        auto* const begin = space_.data + first * sizeof(T);
        auto* end = space_.data + last * sizeof(T);
        // Behind the last element everything is zero, so its page may go as a whole.
        if (last == size_) end = std::min(detail::page_ceiling(end), space_.data + space_.usable);
        detail::zero_pages(source_, begin, static_cast<size_type>(end - begin));
    }
    // Restores invariant V for the elements from n on.
    void shrink_to(size_type n) noexcept {
        const auto size = (size_ - n) * sizeof(T);
        if (size > options_.scrub_limit) {
            zero_bytes(n, size_);
            const auto* const gone = detail::page_ceiling(space_.data + n * sizeof(T));
            ready_ = std::min(ready_, static_cast<size_type>(gone - space_.data));
        } else {
            detail::zero_in_place(space_.data + n * sizeof(T), space_.data + size_ * sizeof(T));
        }
        size_ = n;
    }
    void verify_fresh([[maybe_unused]] size_type n) const noexcept {
#if TAMALLOC_VERIFY
        const std::span fresh(space_.data + size_ * sizeof(T), (n - size_) * sizeof(T));
        detail::for_each_populated(
            fresh, [](auto extent) { detail::verify_zero(extent.data(), extent.size(), "SparseVector"); });
#endif
    }

    [[no_unique_address]] Source source_{};
    SparseOptions options_;
    detail::Reservation space_;
    size_type size_ = 0;
    size_type ready_ = 0;   // bytes within which append() need not look: usable, and populated where that pays
};

}   // namespace tamalloc::inline TAMALLOC_ABI
