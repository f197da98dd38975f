// SPDX-License-Identifier: MIT
//
// Allocator<T>: a standard allocator for zeroed pages, with which std::vector<T>(n) touches none of them.
//
//   namespace tamalloc {
//     enum class Zeroing;
//     struct AllocatorOptions;
//     template<class T, PageSource = DefaultSource, AllocatorOptions = {}> class Allocator;
//     template<class T> using PageAllocator;     // never elides a write
//     template<class T> using SparseAllocator;   // elides copies of zero, too
//     template<class T, PageSource = DefaultSource> using vector;
//   }
//
// Value-initialisation of an element in memory that is still as the kernel gave it writes nothing; everywhere else it
// writes T(), as std requires, whatever the container's history. Memory becomes resident when something is written.
//
// A container must construct through its allocator, as all of std do. One that writes into raw storage in another way, as
// a pool that links its free slots, needs Zeroing::eager; TAMALLOC_VERIFY finds it.
#pragma once
#include <algorithm>     // std::max
#include <bit>           // std::bit_cast
#include <cerrno>        // ENOMEM
#include <concepts>      // std::default_initializable, std::same_as
#include <cstddef>       // std::byte, std::ptrdiff_t, std::size_t
#include <cstdint>       // std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t
#include <limits>        // std::numeric_limits
#include <memory>        // std::allocation_result, std::allocator, std::construct_at
#include <new>           // std::align_val_t, std::nothrow
#include <type_traits>   // std::is_constant_evaluated, std::is_empty_v
#include <utility>       // std::forward
#include <vector>        // std::vector

#include "tamalloc/config.hpp"
#include "tamalloc/default_source.hpp"   // DefaultSource
#include "tamalloc/detail/verify.hpp"    // verify_zero
#include "tamalloc/error.hpp"            // AllocationFailure, result
#include "tamalloc/fresh_run.hpp"        // FreshRun
#include "tamalloc/page_source.hpp"      // PageSource, page_threshold
#include "tamalloc/zero_init.hpp"        // ZeroInitializable, start_lifetime_as

namespace tamalloc::inline TAMALLOC_ABI {

/// Which writes an allocator elides in memory that still reads zero.
enum class Zeroing : unsigned char {
    eager,         // none: elements are constructed as by std::allocator, with its memcpy and memset shortcuts
    value_init,    // of T()
    zero_copies,   // of T(), and of copies of a scalar whose bits are all zero
};

/// What an Allocator does otherwise.
struct AllocatorOptions {
    std::size_t page_threshold = tamalloc::page_threshold;   // bytes; below: operator new
    Zeroing zero = Zeroing::value_init;                      // which writes it elides
};

/// What allocate_at_least gives: std::allocation_result where there is one.
#if defined(__cpp_lib_allocate_at_least)
template<class Pointer> using allocation_result = std::allocation_result<Pointer>;
#else
/// What allocate_at_least gives, as std::allocation_result.
template<class Pointer> struct allocation_result {
    Pointer ptr;         // the storage
    std::size_t count;   // of objects that it has room for
};
#endif

namespace detail {

template<class T>
concept Complete = requires { sizeof(T); };

// Eager first: with it T may be incomplete, as in struct Tree { std::vector<Tree, PageAllocator<Tree>> children; }.
template<class T, Zeroing Zero> consteval bool elides_writes() {
    if constexpr (Zero == Zeroing::eager) return false;
    else if constexpr (!Complete<T>) return false;   // refused by Allocator, with a reason
    else {
        static_assert(!enable_zero_init<T> || ImplicitLifetime<T>,
                      "enable_zero_init<T> is promised for a T whose lifetime cannot begin without its constructor");
        return ZeroInitializable<T>;
    }
}

// A scalar that one comparison of an integer tells to be all zero bits.
template<class T>
concept BitTestable = std::is_scalar_v<T> && !std::is_member_pointer_v<T> && sizeof(T) <= 8;

template<BitTestable T> [[nodiscard]] constexpr bool all_bits_zero(T value) noexcept {
    if constexpr (sizeof(T) == 8) return std::bit_cast<std::uint64_t>(value) == 0;
    else if constexpr (sizeof(T) == 4) return std::bit_cast<std::uint32_t>(value) == 0;
    else if constexpr (sizeof(T) == 2) return std::bit_cast<std::uint16_t>(value) == 0;
    else return std::bit_cast<std::uint8_t>(value) == 0;
}

// The run of an allocator that elides nothing.
struct NoFreshRun {
    constexpr void forfeit() const noexcept {}
    void open(std::byte*, std::size_t) noexcept {}
    void close(const std::byte*, std::size_t) noexcept {}
};

template<Zeroing Zero, bool Elides>
using RunOf = std::conditional_t<Elides, FreshRun<Zero == Zeroing::zero_copies>, NoFreshRun>;

template<class T> [[gnu::always_inline]] inline void begin_zero_lifetime(T* p) noexcept {
#if TAMALLOC_VERIFY
    verify_zero(p, sizeof(T), __PRETTY_FUNCTION__);
#endif
    (void)tamalloc::start_lifetime_as<T>(p);   // not one that T's namespace may have
}

// Makes *p the value U(): writes nothing where p is fresh and U() is all zero bytes.
template<class Run, class U>
[[gnu::always_inline]] constexpr void construct_value(Run& run,
                                                      U* p) noexcept(std::is_nothrow_default_constructible_v<U>) {
    using Object = std::remove_cv_t<U>;   // allocate_shared<const U> constructs through a pointer to const
    auto* const object = const_cast<Object*>(p);
    if (std::is_constant_evaluated()) {
        std::construct_at(object);
        return;
    }
    [[maybe_unused]] const bool fresh = run.consume(reinterpret_cast<std::byte*>(object), sizeof(Object));
    if constexpr (ZeroInitializable<Object>) {
        if (fresh) [[likely]] {
            begin_zero_lifetime(object);
            return;
        }
    }
    ::new (static_cast<void*>(object)) Object();
}

// Operator new, for what is too small for pages. Null where it fails.
[[nodiscard]] inline void* small_allocate(std::size_t bytes, std::size_t align) noexcept {
    if (align > __STDCPP_DEFAULT_NEW_ALIGNMENT__) return ::operator new(bytes, std::align_val_t(align), std::nothrow);
    return ::operator new(bytes, std::nothrow);
}

inline void small_deallocate(void* p, std::size_t align) noexcept {
    if (align > __STDCPP_DEFAULT_NEW_ALIGNMENT__) ::operator delete(p, std::align_val_t(align));
    else ::operator delete(p);
}

}   // namespace detail

/// Blocks of Options.page_threshold bytes and more are zeroed pages of a Source, smaller ones come from operator new.
/// One object is used like one container: const use (copying, comparing) from several threads at once, other use by one.
/// Equal allocators free each other's blocks. It propagates on move and swap, not on copy: rule N6.
/// Constant time where not said otherwise; what the source does with a block is added to it.
/// \commits no, where not said otherwise
template<class T, PageSource Source = DefaultSource, AllocatorOptions Options = AllocatorOptions{}> class Allocator {
    static_assert(Options.zero == Zeroing::eager || detail::Complete<T>,
                  "tamalloc::Allocator<T> decides by looking at T which writes it elides, so T must be complete here; "
                  "for a T that contains a container of itself use tamalloc::PageAllocator<T>");
    static constexpr bool elides = detail::elides_writes<T, Options.zero>();

public:
    /// As std wants of an allocator.
    /// @{
    using value_type = T;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    // N6: storage may not change hands between containers without the run that belongs to it.
    using propagate_on_container_copy_assignment = std::false_type;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;
    using is_always_equal = std::is_empty<Source>;
    /// @}
    /// As std wants of an allocator.
    template<class U> struct rebind {
        using other = Allocator<U, Source, Options>;   // the same for U
    };

    /// An equal allocator has the same source. A copy forfeits the fresh run in both, a move takes it along.
    /// @{
    constexpr Allocator() noexcept
        requires std::default_initializable<Source>
    = default;
    constexpr explicit Allocator(Source source) noexcept : source_(source) {}
    constexpr Allocator(const Allocator&) noexcept = default;   // N4
    // N5: the run moves, the source is copied: what was moved from must still be equal, and usable ([allocator.requirements]).
    constexpr Allocator(Allocator&& other) noexcept : source_(other.source_), run_(std::move(other.run_)) {}
    constexpr Allocator& operator=(const Allocator&) noexcept = default;
    constexpr Allocator& operator=(Allocator&& other) noexcept {
        source_ = other.source_;
        run_ = std::move(other.run_);
        return *this;
    }
    constexpr ~Allocator() = default;
    // N4, for a copy that changes the type.
    template<class U>
    constexpr Allocator(const Allocator<U, Source, Options>& other) noexcept : source_(other.source_) {
        other.run_.forfeit();
    }
    /// @}

    /// \returns an allocator with the same source; the argument keeps its run, which a copy would forfeit
    [[nodiscard]] constexpr Allocator select_on_container_copy_construction() const noexcept {
        return Allocator(source_);
    }

    /// \returns storage for n objects; from Options.page_threshold bytes on it reads zero. n == 0 is allowed.
    /// \throws std::bad_array_new_length when n > max_size(); AllocationFailure when the system refuses
    /// \commits no: pages; below the threshold what operator new does
    [[nodiscard]] constexpr T* allocate(size_type n) { return allocate_at_least(n).ptr; }

    /// \returns likewise, and for how many objects there is room: whole pages. Any count from n up to that may be given
    /// to deallocate.
    /// \throws as allocate
    /// \commits as allocate
    [[nodiscard]] constexpr allocation_result<T*> allocate_at_least(size_type n) {
        if (std::is_constant_evaluated()) return {std::allocator<T>{}.allocate(n), n};
        if (n > max_size()) detail::throw_bad_array_new_length();
        const auto p = try_allocate(n);
        if (!p) detail::throw_allocation_failure(p.error(), n * sizeof(T));
        return {*p, paged(n * sizeof(T)) ? Source::rounded(n * sizeof(T)) / sizeof(T) : n};
    }

    /// \returns as allocate
    /// \errors errc::too_large when n > max_size(); what the source says, or ENOMEM
    /// \commits as allocate
    [[nodiscard]] result<T*> try_allocate(size_type n) noexcept {
        if (n > max_size()) return detail::failure(errc::too_large);
        const size_type bytes = n * sizeof(T);
        run_.forfeit();
        if (!paged(bytes)) {
            if (void* const p = detail::small_allocate(bytes, alignof(T))) return static_cast<T*>(p);
            return detail::system_failure(ENOMEM);
        }
        const auto block = source_.map(Source::rounded(bytes), alignof(T));
        if (!block) return unexpected<std::error_code>(block.error());
        run_.open(*block, Source::rounded(bytes));
        return reinterpret_cast<T*>(*block);
    }

    /// Gives storage back.
    /// \requires p from an equal allocator, n between what was asked for and what was returned
    /// Costs what the source's unmap does: with DefaultSource, and with MmapSource in the kernel, the pages touched.
    /// \commits no: the block is not written
    constexpr void deallocate(T* p, size_type n) noexcept {
        if (std::is_constant_evaluated()) {
            std::allocator<T>{}.deallocate(p, n);
            return;
        }
        const size_type bytes = n * sizeof(T);
        if (!paged(bytes)) {
            detail::small_deallocate(static_cast<void*>(p), alignof(T));
            return;
        }
        auto* const block = reinterpret_cast<std::byte*>(p);
        run_.close(block, Source::rounded(bytes));
        source_.unmap(block, Source::rounded(bytes));
    }

    /// \returns the largest n that allocate accepts; the system may refuse less
    [[nodiscard]] static constexpr size_type max_size() noexcept {
        return static_cast<size_type>(std::numeric_limits<difference_type>::max()) / sizeof(T);
    }

    /// Makes *p the value U(): writes nothing where p is fresh and U() is all zero bytes.
    /// \throws what the constructor throws
    /// \commits only what is written
    template<class U>
    constexpr void construct(U* p) noexcept(std::is_nothrow_default_constructible_v<U>)
        requires elides
    {
        detail::construct_value(run_, p);
    }

    /// Makes *p the value U(args...). N3: without this overload libc++ would relocate by memcpy, and libstdc++ construct,
    /// behind the run's back.
    /// \throws what the constructor throws
    /// \commits only what is written; with Zeroing::zero_copies a copy of a zero scalar into fresh memory is not
    template<class U, class Arg, class... Args>
    constexpr void construct(U* p, Arg&& arg, Args&&... args) noexcept(std::is_nothrow_constructible_v<U, Arg, Args...>)
        requires elides
    {
        using Object = std::remove_cv_t<U>;
        auto* const object = const_cast<Object*>(p);
        if (std::is_constant_evaluated()) {
            std::construct_at(object, std::forward<Arg>(arg), std::forward<Args>(args)...);
            return;
        }
        [[maybe_unused]] const bool fresh = run_.consume(reinterpret_cast<std::byte*>(object), sizeof(Object));
        if constexpr (Options.zero == Zeroing::zero_copies && detail::BitTestable<Object> && sizeof...(Args) == 0 &&
                      std::same_as<std::remove_cvref_t<Arg>, Object>) {
            if (fresh && detail::all_bits_zero<Object>(arg)) {
                detail::begin_zero_lifetime(object);
                return;
            }
        }
        ::new (static_cast<void*>(object)) Object(std::forward<Arg>(arg), std::forward<Args>(args)...);
    }

    /// \returns where pages come from
    [[nodiscard]] constexpr const Source& source() const noexcept { return source_; }

private:
    template<class U, PageSource S, AllocatorOptions O> friend class Allocator;

    static constexpr bool paged(size_type bytes) noexcept {
        return bytes >= std::max(Options.page_threshold, size_type{1});   // no source maps 0 bytes
    }

    [[no_unique_address]] Source source_{};
    [[no_unique_address]] detail::RunOf<Options.zero, elides> run_{};
};

/// \returns whether each may free the other's blocks; the fresh run is no part of the value. Constant time; threads: reads both.
/// \commits no
template<class T, class U, PageSource Source, AllocatorOptions Options>
[[nodiscard]] constexpr bool operator==(const Allocator<T, Source, Options>& x,
                                        const Allocator<U, Source, Options>& y) noexcept {
    if constexpr (std::is_empty_v<Source>) return true;
    else return x.source() == y.source();
}

/// Zeroed pages for storage, elements constructed as by std::allocator: for dense data and for incomplete T.
template<class T> using PageAllocator = Allocator<T, DefaultSource, AllocatorOptions{.zero = Zeroing::eager}>;

/// Copies and reallocations of sparse data stay sparse, at the price of a test per element constructed from a value.
template<class T> using SparseAllocator = Allocator<T, DefaultSource, AllocatorOptions{.zero = Zeroing::zero_copies}>;

/// std::vector whose untouched elements cost no memory.
template<class T, PageSource Source = DefaultSource> using vector = std::vector<T, Allocator<T, Source>>;

}   // namespace tamalloc::inline TAMALLOC_ABI
