// SPDX-License-Identifier: MIT
//
// Zeroed pages for std::pmr, and an allocator that knows that they read zero.
//
//   namespace tamalloc {
//     class ZeroedResource;   // a std::pmr::memory_resource whose blocks read zero
//     template<PageSource = DefaultSource> class MemoryResource;   // pages for large blocks, thread-safe
//     template<PageSource = DefaultSource> class ArenaResource;    // one after the other, all given back at once
//     ZeroedResource* get_default_zeroed_resource() noexcept;
//     ZeroedResource* set_default_zeroed_resource(ZeroedResource*) noexcept;
//     namespace pmr {
//       template<class T = std::byte> class Allocator;
//       template<class T> using vector;
//       template<class T> using deque;
//     }
//   }
//
// std::pmr::polymorphic_allocator writes every element that it constructs, zero or not: std::pmr::vector<double>(n) makes
// all of its pages resident, whatever resource it has. tamalloc::pmr::vector<double>(n) touches none.
#pragma once
#include <algorithm>         // std::clamp, std::max, std::min
#include <array>             // std::array
#include <atomic>            // std::atomic
#include <concepts>          // std::same_as
#include <cstddef>           // std::byte, std::ptrdiff_t, std::size_t
#include <cstdint>           // std::uintptr_t
#include <deque>             // std::deque
#include <limits>            // std::numeric_limits
#include <memory>            // std::uninitialized_construct_using_allocator
#include <memory_resource>   // std::pmr::memory_resource, std::pmr::polymorphic_allocator
#include <new>               // placement new
#include <type_traits>       // std::false_type, std::is_nothrow_constructible_v, std::remove_cv_t, std::true_type
#include <utility>           // std::exchange, std::forward
#include <vector>            // std::vector

#include "tamalloc/allocator.hpp"   // Zeroing, detail::RunOf, detail::construct_value, detail::elides_writes
#include "tamalloc/config.hpp"
#include "tamalloc/default_source.hpp"        // DefaultSource
#include "tamalloc/detail/reservation.hpp"    // Reservation, make_usable, reservable, reserve_most, zero_pages
#include "tamalloc/detail/zeroed_block.hpp"   // allocate_zeroed, deallocate_zeroed
#include "tamalloc/error.hpp"                 // errc, throw_allocation_failure
#include "tamalloc/page_source.hpp"           // PageSource
#include "tamalloc/zero_init.hpp"             // ZeroInitializable

namespace tamalloc::inline TAMALLOC_ABI {

/// The promise is the type: every block that allocate() returns reads zero. What a call costs, and whether several threads may
/// make one, is said by each class derived from it.
/// \commits no, of itself
class ZeroedResource : public std::pmr::memory_resource {
protected:
    ZeroedResource() = default;
};

/// Blocks from page_threshold bytes on are pages of their own, smaller ones come from calloc. Equal only to itself.
/// Any thread. Constant time, to which comes what the source does with a block: at deallocate the pages touched.
/// \throws allocate: AllocationFailure
/// \commits no: pages; below the threshold what calloc does
template<PageSource Source = DefaultSource> class MemoryResource final : public ZeroedResource {
public:
    /// Pages come from this source.
    explicit MemoryResource(Source source = {}) noexcept : source_(source) {}
    MemoryResource(const MemoryResource&) = delete;
    MemoryResource& operator=(const MemoryResource&) = delete;
    ~MemoryResource() override = default;

private:
    [[nodiscard]] void* do_allocate(std::size_t n, std::size_t align) override {
        const auto p = detail::allocate_zeroed(source_, n, align);
        if (!p) detail::throw_allocation_failure(p.error(), n);
        return *p;
    }
    void do_deallocate(void* p, std::size_t n, std::size_t) override {
        detail::deallocate_zeroed(source_, static_cast<std::byte*>(p), n);
    }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    [[no_unique_address]] Source source_;
};

/// Blocks of all sizes, one after the other in large reservations of address space. Freeing one does nothing; release()
/// and the destructor give all of them back, at the cost of what was touched. Constant time otherwise. Not thread-safe.
/// \throws allocate: AllocationFailure
/// \commits no
template<PageSource Source = DefaultSource> class ArenaResource final : public ZeroedResource {
public:
    /// `reserve`: bytes of address space to take at first, and with each further reservation twice as many.
    explicit ArenaResource(std::size_t reserve = std::size_t{1} << 30, Source source = {}) noexcept
        : source_(source), next_size_(reserve) {}
    ArenaResource(const ArenaResource&) = delete;
    ArenaResource& operator=(const ArenaResource&) = delete;
    ~ArenaResource() override {
        for (const auto& chunk : chunks_) detail::release(source_, chunk.space);
    }

    /// Takes all blocks back; nothing may be used that stands in one. The address space is kept, the memory is not.
    /// Proportional to the pages touched.
    /// \commits no
    void release() noexcept {
        for (auto& chunk : chunks_)
            if (chunk.used > 0)
                detail::zero_pages(source_, chunk.space.data, detail::reservable<Source>(std::exchange(chunk.used, 0)));
    }

private:
    struct Chunk {
        detail::Reservation space;
        std::size_t used = 0;
    };

    [[nodiscard]] void* do_allocate(std::size_t n, std::size_t align) override {
        constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
        if (n > most / 2 || align > most / 2) detail::throw_allocation_failure(make_error_code(errc::too_large), n);
        // The latest first, which is the largest. There are few, each twice as large as the one before.
        for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk)
            if (void* const p = take(*chunk, n, align)) return p;

        // Room in the list first: what is reserved then cannot get lost.
        chunks_.emplace_back();
        const auto least = std::max(n, std::size_t{1});
        const auto space = detail::reserve_most(source_, std::clamp(next_size_, least, most), least, align);
        if (!space) {
            chunks_.pop_back();
            detail::throw_allocation_failure(space.error(), n);
        }
        chunks_.back().space = *space;
        next_size_ = std::min(2 * space->size, most);
        return take(chunks_.back(), n, align);
    }
    void do_deallocate(void*, std::size_t, std::size_t) override {}
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    // \returns null where the rest of the chunk is too small, or the system refuses to make it usable
    [[nodiscard]] void* take(Chunk& chunk, std::size_t n, std::size_t align) noexcept {
        const auto unused = reinterpret_cast<std::uintptr_t>(chunk.space.data) + chunk.used;
        const auto start = chunk.used + (-unused & (align - 1));
        const auto end = start + std::max(n, std::size_t{1});   // no two blocks are the same
        if (end > chunk.space.size || !detail::make_usable(source_, chunk.space, end, commit_chunk)) return nullptr;
        chunk.used = end;
        return chunk.space.data + start;
    }

    static constexpr std::size_t commit_chunk = std::size_t{2} << 20;

    [[no_unique_address]] Source source_;
    std::size_t next_size_;
    std::vector<Chunk> chunks_;
};

namespace detail {

inline std::atomic<ZeroedResource*>& default_zeroed_resource() noexcept {
    // Never destroyed: containers with static storage may free after everything else is gone.
    alignas(MemoryResource<>) static std::array<std::byte, sizeof(MemoryResource<>)> storage;
    static std::atomic<ZeroedResource*> current = ::new (static_cast<void*>(storage.data())) MemoryResource<>;
    return current;
}

}   // namespace detail

/// \returns what pmr::Allocator uses unless told otherwise: a MemoryResource<>, until it is set. Constant time, any thread.
/// \commits no
[[nodiscard]] inline ZeroedResource* get_default_zeroed_resource() noexcept {
    return detail::default_zeroed_resource().load(std::memory_order_acquire);
}

/// Sets it; null sets the one from the beginning again.
/// \requires the resource outlives what is allocated from it
/// \returns what it was. Constant time, any thread.
/// \commits no
inline ZeroedResource* set_default_zeroed_resource(ZeroedResource* resource) noexcept {
    static ZeroedResource* const original = detail::default_zeroed_resource();
    return detail::default_zeroed_resource().exchange(resource == nullptr ? original : resource,
                                                      std::memory_order_acq_rel);
}

namespace pmr {

/// A std::pmr::polymorphic_allocator that elides the writes of T() in memory that still reads zero, as tamalloc::Allocator
/// does. Only a ZeroedResource will do. Unlike std's it propagates on move and swap (rule N6): storage may not change
/// hands without the run that belongs to it, so containers that are swapped or moved take their resources along.
/// One object is used like one container, by one thread at a time. Constant time where not said otherwise; what the resource
/// does with a block is added to it.
/// \commits no, where not said otherwise
template<class T = std::byte> class Allocator {
    static_assert(std::is_void_v<T> || tamalloc::detail::Complete<T>, "tamalloc::pmr::Allocator<T> needs to know T");
    static constexpr bool elides = tamalloc::detail::elides_writes<T, Zeroing::value_init>();

public:
    /// As std wants of an allocator.
    /// @{
    using value_type = T;
    using propagate_on_container_copy_assignment = std::false_type;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;
    using is_always_equal = std::false_type;
    /// @}

    /// Uses get_default_zeroed_resource().
    Allocator() noexcept : Allocator(get_default_zeroed_resource()) {}
    /// \requires not null
    Allocator(ZeroedResource* resource) noexcept
        : resource_(resource) {   // NOLINT(google-explicit-constructor): as std's
        TAMALLOC_ASSERT(resource != nullptr);
    }
    /// Only a ZeroedResource promises zeros.
    /// \errors of the compiler: deleted
    /// @{
    Allocator(std::pmr::memory_resource*) = delete;
    // Reached by uses-allocator construction in a container of std::pmr, which would else leave its resource silently.
    template<class U> Allocator(const std::pmr::polymorphic_allocator<U>&) {   // NOLINT(google-explicit-constructor)
        static_assert(
            !std::same_as<U, U>,
            "tamalloc::pmr::Allocator needs a ZeroedResource: give it &resource; and an element that uses it needs a "
            "container that does, tamalloc::pmr::vector<tamalloc::pmr::vector<T>>");
    }
    /// @}
    /// An equal allocator has an equal resource. A copy forfeits the fresh run in both, a move takes it along.
    /// @{
    Allocator(const Allocator&) noexcept = default;   // N4
    // N5: the run moves, the resource is copied: what was moved from must still be equal, and usable.
    Allocator(Allocator&&) noexcept = default;
    Allocator& operator=(const Allocator&) noexcept = default;
    Allocator& operator=(Allocator&&) noexcept = default;
    ~Allocator() = default;
    // N4, for a copy that changes the type.
    template<class U> Allocator(const Allocator<U>& other) noexcept : resource_(other.resource_) {
        other.run_.forfeit();
    }   // NOLINT(google-explicit-constructor)
    /// @}

    /// The same memory for elements that take std's allocator, without the laziness.
    template<class U> operator std::pmr::polymorphic_allocator<U>() const noexcept {
        return resource_;
    }   // NOLINT(google-explicit-constructor)

    /// \returns an allocator with the default resource, as std's does: a copy may outlive what it was copied from
    [[nodiscard]] Allocator select_on_container_copy_construction() const noexcept { return {}; }

    /// \returns storage for n objects that reads zero
    /// \throws std::bad_array_new_length when n is too large for any address space; what the resource throws
    /// \commits as the resource
    [[nodiscard]] T* allocate(std::size_t n) {
        if (n > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(T))
            tamalloc::detail::throw_bad_array_new_length();
        auto* const block = static_cast<std::byte*>(resource_->allocate(n * sizeof(T), alignof(T)));
        run_.open(block, n * sizeof(T));
        return reinterpret_cast<T*>(block);
    }
    /// Gives storage back.
    /// \requires p from an equal allocator, and this n
    void deallocate(T* p, std::size_t n) noexcept {
        run_.close(reinterpret_cast<std::byte*>(p), n * sizeof(T));
        resource_->deallocate(p, n * sizeof(T), alignof(T));
    }

    /// Makes *p the value U(args...), by uses-allocator construction: elements that take a std::pmr allocator or this one
    /// get the same resource. Writes nothing where there are no args, p is fresh, and U() is all zero bytes.
    /// \throws what the constructor throws
    /// \commits only what is written
    template<class U, class... Args> void construct(U* p, Args&&... args) {
        using Object = std::remove_cv_t<U>;
        if constexpr (sizeof...(Args) == 0 && ZeroInitializable<Object> && elides) {
            tamalloc::detail::construct_value(run_, p);
        } else {
            if constexpr (elides)
                (void)run_.consume(reinterpret_cast<std::byte*>(const_cast<Object*>(p)), sizeof(Object));
            std::uninitialized_construct_using_allocator(const_cast<Object*>(p), Allocator<>(resource_),
                                                         std::forward<Args>(args)...);
        }
    }

    /// \returns an object from this resource, as allocate and construct
    /// \throws as these; nothing is leaked
    /// \commits as these
    template<class U, class... Args> [[nodiscard]] U* new_object(Args&&... args) {
        Allocator<U> allocator(resource_);
        U* const p = allocator.allocate(1);
        struct Guard {
            Allocator<U>& allocator;
            U* p;
            ~Guard() {
                if (p != nullptr) allocator.deallocate(p, 1);
            }
        } guard{allocator, p};
        allocator.construct(p, std::forward<Args>(args)...);
        return std::exchange(guard.p, nullptr);
    }
    /// Destroys an object from new_object and gives its storage back.
    template<class U> void delete_object(U* p) noexcept {
        std::destroy_at(p);
        Allocator<U>(resource_).deallocate(p, 1);
    }

    /// \returns where memory comes from
    [[nodiscard]] ZeroedResource* resource() const noexcept { return resource_; }

    /// \returns whether each may free the other's blocks
    template<class U> [[nodiscard]] friend bool operator==(const Allocator& a, const Allocator<U>& b) noexcept {
        return a.resource() == b.resource() || *a.resource() == *b.resource();
    }

private:
    template<class U> friend class Allocator;

    ZeroedResource* resource_;
    [[no_unique_address]] tamalloc::detail::RunOf<Zeroing::value_init, elides> run_;
};

/// std::vector and std::deque whose untouched elements cost no memory, on a resource chosen at run time.
/// @{
template<class T> using vector = std::vector<T, Allocator<T>>;
template<class T> using deque = std::deque<T, Allocator<T>>;
/// @}

}   // namespace pmr
}   // namespace tamalloc::inline TAMALLOC_ABI
