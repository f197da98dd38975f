// SPDX-License-Identifier: MIT
//
// For suites that were written for malloc or operator new, which do not say at the end how large a block was.
//
//   namespace external {
//     class PagesResource;              // every block, however small, is pages of its own: what is done to blocks is done to pages
//     template<class Resource> R& lasting();   // one that is never destroyed
//     template<class Resource> class Heap;     // allocate, free
//     std::atomic<std::size_t> live;           // blocks that are not yet freed
//   }
#pragma once
#include <algorithm>   // std::max
#include <array>       // std::array
#include <atomic>      // std::atomic
#include <cstddef>     // std::byte, std::max_align_t, std::ptrdiff_t, std::size_t
#include <cstdio>      // std::fputs
#include <cstdlib>     // std::abort
#include <limits>      // std::numeric_limits
#include <new>         // placement new, std::bad_alloc

#include "counted_source.hpp"
#include "tamalloc/memory_resource.hpp"
#include "tamalloc/zero_init.hpp"   // all_zero

#ifdef EXTERNAL_MUTANT   // one that breaks its contract, which the suite has to notice
#include "mutant_sources.hpp"
#endif

namespace external {

class PagesResource final : public tamalloc::ZeroedResource {
#ifdef EXTERNAL_MUTANT
    using Source = EXTERNAL_MUTANT;
#else
    using Source = CountedSource;
#endif

    void* do_allocate(std::size_t n, std::size_t align) override {
        if (n > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) throw std::bad_alloc();
        const auto block = Source{}.map(whole(n), align);
        if (!block) throw std::bad_alloc();
        return *block;
    }
    void do_deallocate(void* p, std::size_t n, std::size_t) override {
        Source{}.unmap(static_cast<std::byte*>(p), whole(n));
    }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    static std::size_t whole(std::size_t n) { return Source::rounded(std::max(n, std::size_t{1})); }
};

/// \returns one that stays: what has static storage may free after everything else is gone
template<class Resource> Resource& lasting() {
    alignas(Resource) static std::array<std::byte, sizeof(Resource)> storage;
    static auto* const resource = ::new (static_cast<void*>(storage.data())) Resource;
    return *resource;
}

inline std::atomic<std::size_t> live = 0;   // blocks of all heaps

/// Any thread. A program that breaks something is ended.
template<class Resource> class Heap {
public:
    /// \returns n bytes at a multiple of `align`; null where there are none
    [[nodiscard]] static void* allocate(std::size_t n, std::size_t align = alignof(std::max_align_t)) noexcept {
        const auto offset = std::max(align, sizeof(Header));   // a multiple of align
        if (n > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) - offset) return nullptr;
        try {
            auto* const p = static_cast<std::byte*>(lasting<Resource>().allocate(n + offset, align)) + offset;
            ::new (static_cast<void*>(p - sizeof(Header))) Header{n, offset, align};
            ++live;
            return p;
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }
    /// The same for a suite that does not look whether they read zero.
    [[nodiscard]] static void* allocate_checked(std::size_t n, std::size_t align = alignof(std::max_align_t)) noexcept {
        auto* const p = static_cast<std::byte*>(allocate(n, align));
        if (p != nullptr && !tamalloc::all_zero({p, n})) give_up("a block does not read zero\n");
        return p;
    }
    /// \requires p from allocate, or null
    static void free(void* p) noexcept {
        if (p == nullptr) return;
        const Header header = of(p);
        --live;
        lasting<Resource>().deallocate(static_cast<std::byte*>(p) - header.offset, header.size + header.offset,
                                       header.align);
    }
    /// \returns the bytes that were asked for
    [[nodiscard]] static std::size_t size(void* p) noexcept { return of(p).size; }

private:
    static constexpr std::size_t magic = 0x7a65726f65737d21;
    struct alignas(32) Header {
        std::size_t size, offset, align, mark = magic;
    };

    static Header of(void* p) noexcept {
        const Header header = *reinterpret_cast<Header*>(static_cast<std::byte*>(p) - sizeof(Header));
        if (header.mark != magic)
            give_up("what is freed is no block of this heap, or what stands before it was written over\n");
        return header;
    }
    [[noreturn]] static void give_up(const char* why) noexcept {
        std::fputs(why, stderr);
        std::abort();
    }
};

}   // namespace external
