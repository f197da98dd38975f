// SPDX-License-Identifier: MIT
//
// Arrays of n elements T() in constant time: no element is written, and no page touched, before the user does.
//
//   namespace tamalloc {
//     template<ZeroInitializable T, PageSource = DefaultSource> class ZeroedArray;
//     template<ZeroInitializable T> class PageDeleter;
//     template<ZeroInitializable T> std::unique_ptr<T[], PageDeleter<T>> make_zeroed(std::size_t n);
//   }
//
// Unlike tamalloc::vector<T>(n), which visits every element to find that there is nothing to write.
#pragma once
#include <concepts>      // std::default_initializable
#include <cstddef>       // std::byte, std::ptrdiff_t, std::size_t
#include <iterator>      // std::reverse_iterator
#include <limits>        // std::numeric_limits
#include <memory>        // std::unique_ptr
#include <type_traits>   // std::is_trivially_destructible_v
#include <utility>       // std::exchange, std::move, std::swap

#include "tamalloc/config.hpp"
#include "tamalloc/default_source.hpp"        // DefaultSource
#include "tamalloc/detail/zeroed_block.hpp"   // allocate_zeroed, deallocate_zeroed, rezero
#include "tamalloc/error.hpp"                 // AllocationFailure, result, throw_out_of_range
#include "tamalloc/page_source.hpp"           // PageSource
#include "tamalloc/zero_init.hpp"             // ZeroInitializable, start_lifetime_as_array

namespace tamalloc::inline TAMALLOC_ABI {

namespace detail {

// The n objects T() of zeroed memory, for ZeroedArray and make_zeroed alike. None: null, no memory.
template<class T> struct ZeroedObjects {
    static constexpr std::size_t max_size =
        static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(T);

    template<PageSource Source>
    [[nodiscard]] static result<T*> try_make(const Source& source, std::size_t n) noexcept {
        if (n == 0) return nullptr;
        if (n > max_size) return failure(errc::too_large);
        const auto block = allocate_zeroed(source, n * sizeof(T), alignof(T));
        if (!block) return unexpected<std::error_code>(block.error());
        return tamalloc::start_lifetime_as_array<T>(*block, n);
    }

    template<PageSource Source> [[nodiscard]] static T* make(const Source& source, std::size_t n) {
        if (n > max_size) throw_bad_array_new_length();
        const auto objects = try_make(source, n);
        if (!objects) throw_allocation_failure(objects.error(), n * sizeof(T));
        return *objects;
    }

    template<PageSource Source> static void free(const Source& source, T* objects, std::size_t n) noexcept {
        if (objects != nullptr) deallocate_zeroed(source, reinterpret_cast<std::byte*>(objects), n * sizeof(T));
    }
};

}   // namespace detail

/// A contiguous range of a fixed number of elements, move-only: a copy would touch what nobody touched. Elements live in
/// pages of a Source; below page_threshold bytes in calloc's memory. Threads: as std::vector. Constant time where
/// not said otherwise; freeing memory costs the pages touched.
/// \commits nothing but what the caller writes through it, where not said otherwise
template<ZeroInitializable T, PageSource Source = DefaultSource>
    requires std::is_trivially_destructible_v<T>
class ZeroedArray {
    using Objects = detail::ZeroedObjects<T>;

public:
    /// As of std::vector.
    /// @{
    using value_type = T;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using const_pointer = const T*;
    using reference = T&;
    using const_reference = const T&;
    using iterator = T*;
    using const_iterator = const T*;
    using reverse_iterator = std::reverse_iterator<iterator>;
    using const_reverse_iterator = std::reverse_iterator<const_iterator>;
    /// @}

    /// No elements, no memory.
    constexpr ZeroedArray() noexcept
        requires std::default_initializable<Source>
    = default;

    /// n elements T(); constant time from page_threshold bytes on.
    /// \throws std::bad_array_new_length when n > max_size(); AllocationFailure when the system refuses
    /// \commits no: pages; below the threshold what malloc does
    explicit ZeroedArray(size_type n, Source source = Source{})
        : source_(source), data_(Objects::make(source, n)), size_(n) {}

    /// \returns n elements T()
    /// \errors errc::too_large when n > max_size(); what the source says, or ENOMEM
    /// \commits as the constructor
    [[nodiscard]] static result<ZeroedArray> try_make(size_type n, Source source = Source{}) noexcept {
        const auto objects = Objects::try_make(source, n);
        if (!objects) return unexpected<std::error_code>(objects.error());
        return ZeroedArray(source, *objects, n);
    }

    ZeroedArray(const ZeroedArray&) = delete;
    ZeroedArray& operator=(const ZeroedArray&) = delete;
    /// What was moved from is empty. Elements stay where they are.
    /// @{
    constexpr ZeroedArray(ZeroedArray&& other) noexcept
        : source_(other.source_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    ZeroedArray& operator=(ZeroedArray&& other) noexcept {
        ZeroedArray(std::move(other)).swap(*this);
        return *this;
    }
    ~ZeroedArray() { Objects::free(source_, data_, size_); }

    void swap(ZeroedArray& other) noexcept {
        std::swap(source_, other.source_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }
    /// @}

    /// As of std::vector.
    /// @{
    [[nodiscard]] T* data() noexcept { return data_; }
    [[nodiscard]] const T* data() const noexcept { return data_; }
    [[nodiscard]] size_type size() const noexcept { return size_; }
    [[nodiscard]] size_type size_bytes() const noexcept { return size_ * sizeof(T); }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// @}
    /// \returns the largest n that can be asked for; the system may refuse less
    [[nodiscard]] static constexpr size_type max_size() noexcept { return Objects::max_size; }

    /// As of std::vector.
    /// @{
    [[nodiscard]] iterator begin() noexcept { return data_; }
    [[nodiscard]] iterator end() noexcept { return data_ + size_; }
    [[nodiscard]] const_iterator begin() const noexcept { return data_; }
    [[nodiscard]] const_iterator end() const noexcept { return data_ + size_; }
    [[nodiscard]] const_iterator cbegin() const noexcept { return begin(); }
    [[nodiscard]] const_iterator cend() const noexcept { return end(); }
    [[nodiscard]] reverse_iterator rbegin() noexcept { return reverse_iterator(end()); }
    [[nodiscard]] reverse_iterator rend() noexcept { return reverse_iterator(begin()); }
    [[nodiscard]] const_reverse_iterator rbegin() const noexcept { return const_reverse_iterator(end()); }
    [[nodiscard]] const_reverse_iterator rend() const noexcept { return const_reverse_iterator(begin()); }
    [[nodiscard]] const_reverse_iterator crbegin() const noexcept { return rbegin(); }
    [[nodiscard]] const_reverse_iterator crend() const noexcept { return rend(); }
    /// @}

    /// \requires i < size()
    /// @{
    [[nodiscard]] T& operator[](size_type i) noexcept {
        TAMALLOC_ASSERT(i < size_);
        return data_[i];
    }
    [[nodiscard]] const T& operator[](size_type i) const noexcept {
        TAMALLOC_ASSERT(i < size_);
        return data_[i];
    }
    /// @}

    /// \throws std::out_of_range when i >= size()
    /// @{
    [[nodiscard]] T& at(size_type i) {
        if (i >= size_) detail::throw_out_of_range();
        return data_[i];
    }
    [[nodiscard]] const T& at(size_type i) const {
        if (i >= size_) detail::throw_out_of_range();
        return data_[i];
    }
    /// @}

    /// \requires !empty()
    /// @{
    [[nodiscard]] T& front() noexcept { return (*this)[0]; }
    [[nodiscard]] const T& front() const noexcept { return (*this)[0]; }
    [[nodiscard]] T& back() noexcept { return (*this)[size_ - 1]; }
    [[nodiscard]] const T& back() const noexcept { return (*this)[size_ - 1]; }
    /// @}

    /// Makes every element T() and gives the memory back. Proportional to the pages touched where the Source can purge,
    /// and below page_threshold bytes, or with another Source, to size().
    /// \commits no
    void reset() noexcept {
        if (data_ != nullptr) detail::rezero(source_, reinterpret_cast<std::byte*>(data_), size_bytes());
    }

private:
    ZeroedArray(const Source& source, T* objects, size_type n) noexcept : source_(source), data_(objects), size_(n) {}

    [[no_unique_address]] Source source_{};
    T* data_ = nullptr;
    size_type size_ = 0;
};

/// Frees what make_zeroed made. Costs the pages touched; threads: as a pointer.
/// \commits no
template<ZeroInitializable T>
    requires std::is_trivially_destructible_v<T>
class PageDeleter {
public:
    /// Of n elements, or of none.
    /// @{
    PageDeleter() = default;
    explicit PageDeleter(std::size_t n) noexcept : size_(n) {}
    /// @}

    /// \returns the number of elements
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Frees them.
    void operator()(T* objects) const noexcept { detail::ZeroedObjects<T>::free(DefaultSource{}, objects, size_); }

private:
    std::size_t size_ = 0;
};

/// \returns n elements T(), as ZeroedArray, for an interface that wants a pointer; null when n is 0. Constant time, any
/// thread.
/// \throws as the constructor of ZeroedArray
/// \commits as it
template<ZeroInitializable T>
    requires std::is_trivially_destructible_v<T>
[[nodiscard]] std::unique_ptr<T[], PageDeleter<T>> make_zeroed(std::size_t n) {
    return {detail::ZeroedObjects<T>::make(DefaultSource{}, n), PageDeleter<T>(n)};
}

}   // namespace tamalloc::inline TAMALLOC_ABI
