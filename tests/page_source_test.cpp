// SPDX-License-Identifier: MIT
// Hazard: the concept accepts a source that lacks a member, or whose member may throw or answers in another type; the
// error then appears deep inside a container.
#include "tamalloc/page_source.hpp"

#include <doctest/doctest.h>

#include <cstddef>

#include "tamalloc/mmap_source.hpp"
#include "tamalloc/testing.hpp"

namespace sources {

using tamalloc::result;

struct Minimal {
    static std::size_t granularity() noexcept { return 4096; }
    static std::size_t rounded(std::size_t n) noexcept { return n; }
    result<std::byte*> map(std::size_t, std::size_t) const noexcept { return nullptr; }
    void unmap(std::byte*, std::size_t) const noexcept {}
    friend bool operator==(const Minimal&, const Minimal&) = default;
};
struct ThrowingMap : Minimal {
    result<std::byte*> map(std::size_t, std::size_t) const { return nullptr; }
    friend bool operator==(const ThrowingMap&, const ThrowingMap&) = default;
};
struct PointerMap : Minimal {
    std::byte* map(std::size_t, std::size_t) const noexcept { return nullptr; }
    friend bool operator==(const PointerMap&, const PointerMap&) = default;
};
struct MutableUnmap : Minimal {
    void unmap(std::byte*, std::size_t) noexcept {}
    friend bool operator==(const MutableUnmap&, const MutableUnmap&) = default;
};
struct Incomparable {
    static std::size_t granularity() noexcept { return 4096; }
    static std::size_t rounded(std::size_t n) noexcept { return n; }
    result<std::byte*> map(std::size_t, std::size_t) const noexcept { return nullptr; }
    void unmap(std::byte*, std::size_t) const noexcept {}
};
struct BoolPurge : Minimal {
    bool purge(std::byte*, std::size_t) const noexcept { return true; }
    friend bool operator==(const BoolPurge&, const BoolPurge&) = default;
};

}   // namespace sources

using namespace sources;

static_assert(tamalloc::PageSource<Minimal>);
static_assert(!tamalloc::PageSource<ThrowingMap> && !tamalloc::PageSource<PointerMap>);
static_assert(!tamalloc::PageSource<MutableUnmap> && !tamalloc::PageSource<Incomparable> && !tamalloc::PageSource<int>);
static_assert(!tamalloc::PurgingSource<Minimal> && !tamalloc::ClearingSource<Minimal>);
static_assert(!tamalloc::ReservingSource<Minimal> && !tamalloc::ResizingSource<Minimal>);
static_assert(!tamalloc::ObservingSource<Minimal> && !tamalloc::PurgingSource<BoolPurge>);

static_assert(tamalloc::PageSource<tamalloc::testing::LifoSource>);
static_assert(tamalloc::PageSource<tamalloc::testing::AdjacentSource>);
static_assert(tamalloc::PageSource<tamalloc::testing::FailingSource<>>);
static_assert(!tamalloc::PurgingSource<tamalloc::testing::FailingSource<>>);
