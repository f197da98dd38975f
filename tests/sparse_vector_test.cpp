// SPDX-License-Identifier: MIT
// Hazard: an element that is new shows what an earlier one left, or one moves while somebody points at it. Or growing,
// copying or clearing costs memory for pages that nobody wrote.
#include "tamalloc/sparse_vector.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>

#include "support.hpp"
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/testing.hpp"

using support::page;
using tamalloc::MmapSource;
using tamalloc::SparseOptions;
using tamalloc::SparseVector;
using tamalloc::testing::memory_use;

static_assert(std::ranges::contiguous_range<SparseVector<int>> && std::ranges::sized_range<SparseVector<int>>);
static_assert(std::ranges::contiguous_range<const SparseVector<int>>);
static_assert(std::ranges::view<decltype(std::declval<SparseVector<int>&>().populated())>);
static_assert(std::is_nothrow_move_constructible_v<SparseVector<int>> && std::regular<SparseVector<int>>);
static_assert(!std::is_constructible_v<SparseVector<int>, const char*>);

struct Large {
    std::array<char, 16 << 20> bytes;
};
template<> inline constexpr bool tamalloc::enable_zero_init<Large> = true;   // more than a compiler likes to look at

namespace {

template<class T>
concept Sparse = requires { typename SparseVector<T>; };
static_assert(!Sparse<int[4]>);   // no elements of std::vector either
struct MoveOnly {
    int value = 0;
    MoveOnly() = default;
    explicit MoveOnly(int v) : value(v) {}
    MoveOnly(MoveOnly&&) = default;
    MoveOnly& operator=(MoveOnly&&) = default;
};
static_assert(std::movable<SparseVector<MoveOnly>> && !std::copyable<SparseVector<MoveOnly>>);
static_assert(Sparse<int> && Sparse<std::array<double, 3>> && !Sparse<std::string> && !Sparse<std::unique_ptr<int>>);

constexpr std::size_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30;
constexpr std::int64_t code = 1 << 20;   // what runs for the first time comes into memory

// Pages of 4 KiB even where the system prefers huge ones, so that they can be counted.
using Source = MmapSource<{.huge = tamalloc::HugePages::never}>;
template<class T> using Vector = SparseVector<T, Source>;

std::size_t resident(const auto& v) { return v.resident_bytes().value(); }

// The kernel's count of the process, which no code of ours is in.
std::int64_t committed() { return static_cast<std::int64_t>(memory_use().committed); }

bool all_default(const auto& v) { return tamalloc::all_zero(std::as_bytes(std::span(v))); }

}   // namespace

TEST_CASE("a vector of 2^38 elements takes no memory, whatever is read") {
    const auto before = memory_use();
    const Vector<int> v(std::size_t{1} << 38);
    const auto added = memory_use() - before;
    CHECK(v.size() == std::size_t{1} << 38);
    CHECK(v.capacity() >= v.size());
    CHECK(added.reserved >= std::uint64_t{1} << 40);
    CHECK(added.reserved < (std::uint64_t{1} << 40) + 64 * mib);
    for (std::size_t i = 0; i < v.size(); i += v.size() / 1000) CHECK(v[i] == 0);
    CHECK(v.back() == 0);
    if (!support::asserts_residency) return;
    CHECK(static_cast<std::int64_t>(added.committed) < code);
    CHECK(added.minor_faults < 64);
    CHECK(resident(v) == 0);
    CHECK(std::ranges::distance(v.populated()) == 0);
}

TEST_CASE("an empty vector takes no address space, and gives all of it back") {
    (void)resident(Vector<int>(1));   // whoever looks at pages first maps one, for good
    const auto before = memory_use().reserved;
    Vector<int> v;
    CHECK(v.capacity() == 0);
    CHECK(v.empty());
    CHECK(v.begin() == v.end());
    CHECK(v == Vector<int>());
    v.clear();
    v.reset();
    v.shrink_to_fit();
    CHECK(v.touch(0, 0).has_value());
    CHECK(resident(v) == 0);
    CHECK(std::ranges::distance(v.populated()) == 0);
    CHECK(memory_use().reserved == before);
    v.push_back(7);
    CHECK(v.capacity() == (gib << 6) / sizeof(int));
    CHECK(memory_use().reserved >= before + (gib << 6));
    v.clear();
    CHECK(v.capacity() > 0);
    v.shrink_to_fit();
    CHECK(v.capacity() == 0);
    CHECK(memory_use().reserved == before);
}

TEST_CASE("elements stay where they are while there is room") {
    Vector<std::uint64_t> v;
    v.push_back(1);
    auto* const first = v.data();
    const auto& element = v.front();
    for (std::uint64_t i = 2; i <= 100'000; ++i) v.push_back(i);
    v.resize(gib);
    v.resize(100'000);
    v.reserve(v.capacity());
    CHECK(v.data() == first);
    CHECK(element == 1);
    std::uint64_t wrong = 0;
    for (std::uint64_t i = 0; i < v.size(); ++i) wrong += v[i] != i + 1;
    CHECK(wrong == 0);
}

TEST_CASE("appending up to 1 GiB never needs more than 1.05 of it") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    CHECK(support::in_child([] {   // the peak is one of the process
              Vector<std::uint64_t> v;
              const auto before = committed();
              for (std::uint64_t i = 0; i < gib / sizeof(std::uint64_t); ++i) v.push_back(~i);
              rusage usage{};
              ::getrusage(RUSAGE_SELF, &usage);
              const auto peak = usage.ru_maxrss * 1024 - before;
              const auto now = committed() - before;
              if (now < static_cast<std::int64_t>(gib)) return 1;
              return static_cast<double>(peak) <= 1.05 * static_cast<double>(gib) ? 0 : 2;
          }) == 0);
}

TEST_CASE("appending makes a sixteenth more resident ahead, and no more than 64 KiB") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    const std::size_t per_page = page / sizeof(std::uint64_t);
    const auto appended = [&](std::size_t pages) {
        Vector<std::uint64_t> v;
        for (std::uint64_t i = 0; i != pages * page / sizeof(std::uint64_t); ++i) v.push_back(i + 1);
        v.push_back(1);   // the first of one more page
        const auto size = v.size();
        v.resize(size + 100 * per_page);   // so that it counts what is behind
        const auto pages_resident = resident(v) / page;
        std::uint64_t wrong = 0;
        for (auto i = size; i != v.size(); ++i) wrong += v[i];
        CHECK(wrong == 0);
        return pages_resident;
    };
    CHECK(appended(3) == 4);
    CHECK(appended(15) == 16);
    CHECK(appended(31) <= 34);
    CHECK(appended(1024) <= 1024 + 64 * kib / page);
    const int status = support::in_child([&] {
        if (!support::refuse(SYS_madvise, EPERM)) return 77;
        return appended(1024) == 1025 ? 0 : 1;
    });
    if (status == 77) support::skip("seccomp is not permitted here");
    else CHECK(status == 0);
    Vector<std::uint64_t> v;
    for (std::uint64_t i = 0; i != 100'000; ++i) v.push_back(i);
    v.resize(10);
    CHECK(resident(v) <= page);
    for (std::uint64_t i = 10; i != 100; ++i) v.push_back(i);   // nothing is taken for ready that went back
    CHECK(std::ranges::equal(v, std::views::iota(std::uint64_t{0}, std::uint64_t{100})));
}

TEST_CASE("of a large element only what is written becomes resident") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    struct Table {
        std::array<std::byte, 1 << 20> bytes;
        Table() = default;
        explicit Table(std::byte first) { bytes[0] = first; }   // NOLINT(cppcoreguidelines-pro-type-member-init)
    };
    Vector<Table> v;
    v.reserve(100);
    for (int i = 0; i != 100; ++i) v.emplace_back(std::byte{1});
    CHECK(resident(v) == 100 * page);
}

TEST_CASE("address space that is short is not written behind, and leaves room for others") {
    if (support::sanitized) return support::skip("sanitizers reserve more address space than any limit");
    for (std::size_t more = 1030; more < 1700; more += 30) {
        CAPTURE(more);
        CHECK(support::in_child([&] {
                  const auto all = memory_use().reserved + more * mib;
                  const rlimit limit{all, all};
                  if (::setrlimit(RLIMIT_AS, &limit) != 0) return 77;
                  SparseVector<char> v(gib);   // from the default source, which rounds what it keeps
                  v.resize(gib - 1);
                  for (int i = 0; i != 100; ++i) v.push_back('x');
                  v.resize(v.capacity());   // mprotect(2) to the very end: what lies behind is not ours
                  v.back() = 'x';
                  void* const p = std::malloc(mib);
                  return p != nullptr ? 0 : 1;
              }) == 0);
    }
}

TEST_CASE("a copy costs the pages that hold something, and equals the original") {
    Vector<std::uint64_t> v(16 * gib / sizeof(std::uint64_t));
    const auto per_page = page / sizeof(std::uint64_t);
    const auto pages = v.size() / per_page;
    std::vector<std::size_t> written;
    for (std::size_t i = 0; i < 1000; ++i) {
        const auto at = i * (pages / 1000) * per_page;
        v[at + i % per_page] = i + 1;
        written.push_back(at);
        (void)support::read(reinterpret_cast<const std::byte*>(&v[at + 5 * per_page]));   // the zero page
        v[at + 7 * per_page] = 0;                                                         // written, and nothing
    }
    const auto before = committed();
    const Vector<std::uint64_t> copy = v;
    const auto added = committed() - before;
    CHECK(copy == v);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 1000; ++i) wrong += copy[written[i] + i % per_page] != i + 1;
    CHECK(wrong == 0);
    CHECK(copy.size() == v.size());
    if (support::asserts_residency) {
        CHECK(resident(copy) == 1000 * page);
        CHECK(added < static_cast<std::int64_t>(1000 * page + mib));
    }
    v[written[500] + 1] = 1;
    CHECK(copy != v);
    CHECK(v != copy);
}

TEST_CASE("zero, reset and shrinking bring the zeros back, and the memory") {
    Vector<std::uint32_t> v(64 * mib / sizeof(std::uint32_t));
    const auto fill = [&](std::size_t first, std::size_t last) {
        std::fill(v.begin() + static_cast<std::ptrdiff_t>(first), v.begin() + static_cast<std::ptrdiff_t>(last), 7U);
    };
    const auto n = v.size();
    fill(0, n);
    if (support::asserts_residency) CHECK(resident(v) == 64 * mib);

    SUBCASE("zero") {
        v.zero(1000, n - 1000);
        CHECK(v[999] == 7);
        CHECK(v[n - 1000] == 7);
        CHECK(tamalloc::all_zero(std::as_bytes(std::span(v).subspan(1000, n - 2000))));
        if (support::asserts_residency) CHECK(resident(v) <= 2 * page);
        v.zero(5, 5);
        v.zero(0, 1);
        CHECK(v[0] == 0);
        CHECK(v[1] == 7);
    }
    SUBCASE("reset") {
        const auto before = committed();
        v.reset();
        CHECK(v.size() == n);
        CHECK(all_default(v));
        if (support::asserts_residency) {
            CHECK(resident(v) == 0);
            CHECK(before - committed() > static_cast<std::int64_t>(63 * mib));
        }
    }
    SUBCASE("reset of a vector that ends inside a page") {
        v.resize(n - 7);
        v.reset();
        if (support::asserts_residency) CHECK(resident(v) == 0);
        v.resize(n);
        CHECK(all_default(v));
    }
    SUBCASE("resize") {
        v.resize(1000);
        if (support::asserts_residency) CHECK(resident(v) == page);
        v.resize(n);
        CHECK(tamalloc::all_zero(std::as_bytes(std::span(v).subspan(1000))));
        CHECK(v[999] == 7);
        if (support::asserts_residency) CHECK(resident(v) == page);
    }
    SUBCASE("clear") {
        v.clear();
        v.resize(n);
        CHECK(all_default(v));
        if (support::asserts_residency) CHECK(resident(v) == 0);
    }
    SUBCASE("a little at a time") {
        for (std::size_t i = 0; i < 1000; ++i) v.resize(v.size() - 37);
        for (std::size_t i = 0; i < 1000; ++i) v.pop_back();
        const auto size = v.size();
        v.resize(n);
        CHECK(v[size - 1] == 7);
        CHECK(tamalloc::all_zero(std::as_bytes(std::span(v).subspan(size))));
    }
    SUBCASE("swap of the contents with an empty one") {
        Vector<std::uint32_t>().swap(v);
        CHECK(v.empty());
    }
}

TEST_CASE("what shrinking leaves untouched stays untouched") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    Vector<int> v(std::size_t{1} << 38);
    v[0] = v[v.size() - 1] = 1;
    const auto before = memory_use();
    v.resize(v.size() / 2);
    v.resize(v.size() - 100);   // written in place, where it is not zero already
    v.reset();
    v.resize(1);
    const auto added = memory_use() - before;
    CHECK(static_cast<std::int64_t>(added.committed) < code);
    CHECK(added.minor_faults < 64);
    CHECK(resident(v) == 0);
}

TEST_CASE("beyond the capacity elements keep their values, and those behind them are zero") {
    for (const bool obstructed : {false, true}) {
        CAPTURE(obstructed);
        Vector<std::uint64_t> v(1000, SparseOptions{.reserve = 64 * kib});
        CHECK(v.capacity() == 64 * kib / sizeof(std::uint64_t));
        for (std::size_t i = 0; i < v.size(); ++i) v[i] = i;
        void* obstacle = nullptr;
        if (obstructed) {   // in the way of growing in place
            obstacle = ::mmap(v.data() + v.capacity(), page, PROT_READ,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        }
        const auto* const at = v.data();
        const auto extended = v.data() + v.capacity();
        v.resize(100'000);
        CHECK(v.capacity() >= 100'000);
        if (obstructed) CHECK((v.data() != at || obstacle != extended));
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < v.size(); ++i) wrong += v[i] != (i < 1000 ? i : 0);
        CHECK(wrong == 0);
        const auto capacity = v.capacity();
        v.reserve(capacity + 1);
        CHECK(v.capacity() > capacity);
        CHECK(v.size() == 100'000);
        CHECK(v[999] == 999);
        if (obstacle != nullptr && obstacle != MAP_FAILED) ::munmap(obstacle, page);
    }
}

TEST_CASE("push_back of an element survives the move of all elements") {
    Vector<std::uint64_t> v({.reserve = page});
    v.push_back(42);
    while (v.size() < 100'000) {
        v.push_back(v.front());
        v.emplace_back(v.back());
    }
    CHECK(std::ranges::all_of(v, [](auto x) { return x == 42; }));
}

TEST_CASE("elements of any kind are appended: moved only, constant, odd, and very large ones") {
    Vector<MoveOnly> movable({.reserve = page});
    for (int i = 1; i <= 5000; ++i) movable.emplace_back(i);
    CHECK(movable[4999].value == 5000);

    struct Constant {
        int value = 0;
        const int fixed = 0;
    };
    Vector<Constant> constant;
    constant.resize(1000, Constant{1, 2});
    constant.push_back(constant.front());
    CHECK(constant.back().fixed == 2);

    struct Odd {
        int value = 0;
        Odd* operator&() const { return nullptr; }   // NOLINT(google-runtime-operator)
    };
    Vector<Odd> odd;
    odd.resize(10, Odd{3});
    odd.push_back(odd[5]);
    CHECK(odd.back().value == 3);

    Vector<Large> large({.reserve = page});   // no stack holds an element
    large.resize(1);
    large.front().bytes[5] = 'x';
    large.push_back(large.front());
    large.push_back(large.front());
    large.resize(4, large.back());
    CHECK(large.back().bytes[5] == 'x');
    large.pop_back();
    large.resize(4);
    CHECK(large.back().bytes[5] == 0);
}

TEST_CASE("a constructor that throws leaves nothing behind the last element") {
    struct Throws {
        std::array<char, 100> bytes;
        Throws() = default;
        explicit Throws(bool now) {
            bytes.fill('x');
            if (now) throw std::runtime_error("no");
        }
    };
    Vector<Throws> v;
    v.emplace_back(false);
    CHECK_THROWS_AS(v.emplace_back(true), std::runtime_error);
    CHECK(v.size() == 1);
    v.resize(2);
    CHECK(tamalloc::all_zero(std::as_bytes(std::span(v).subspan(1))));
}

TEST_CASE("emplace_back of nothing, and removing large elements, cost no memory") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    Vector<double> v;
    for (std::size_t i = 0; i < mib; ++i) v.emplace_back();
    CHECK(resident(v) == 0);
    Vector<std::array<char, 256 * kib>> large(64);
    for (auto& element : large) element.fill('x');
    const auto before = committed();
    while (!large.empty()) large.pop_back();
    CHECK(before - committed() > static_cast<std::int64_t>(15 * mib));
}

TEST_CASE("reserve on an empty vector takes no less than the first element would") {
    Vector<int> v;
    v.reserve(1000);
    CHECK(v.capacity() == (gib << 6) / sizeof(int));
    Vector<int> small({.reserve = page});
    small.reserve(page);
    CHECK(small.capacity() == page);
}

TEST_CASE("a locked page makes nothing expensive, and is cleared where it is") {
    Vector<int> v(std::size_t{1} << 33);
    v[0] = v[1 << 20] = v[v.size() - 1] = 1;
    if (::mlock(&v[1 << 20], 4) != 0) return support::skip("mlock is not permitted here");
    const auto before = memory_use();
    v.reset();
    CHECK(v[0] == 0);
    CHECK(v[1 << 20] == 0);
    CHECK(v.back() == 0);
    const auto added = memory_use() - before;
    if (support::asserts_residency) {
        CHECK(added.minor_faults < 100);
        CHECK(resident(v) == page);
    }
}

TEST_CASE("resize with a value fills, unless the value is zero") {
    Vector<double> v;
    v.resize(1 << 20, 0.0);
    if (support::asserts_residency) CHECK(resident(v) == 0);
    v.resize((1 << 20) + 1000, 2.5);
    CHECK(v[(1 << 20) - 1] == 0);
    CHECK(std::ranges::count(v, 2.5) == 1000);
    v.resize((1 << 20) + 2000, v.back());
    CHECK(std::ranges::count(v, 2.5) == 2000);
    v.resize(10, 3.0);
    CHECK(v.size() == 10);
    CHECK(v.back() == 0);
    v.resize(20, -0.0);   // its bytes are not all zero
    CHECK(std::signbit(v.back()));
}

TEST_CASE("moving takes everything along and leaves an empty vector that can be used") {
    Vector<int> a(1000, SparseOptions{.reserve = mib});
    a[5] = 5;
    const auto* const at = a.data();
    Vector<int> b = std::move(a);
    CHECK(b.data() == at);
    CHECK(b[5] == 5);
    CHECK(a.empty());   // NOLINT(bugprone-use-after-move): what it guarantees
    CHECK(a.capacity() == 0);
    a.push_back(1);
    CHECK(a.capacity() == mib / sizeof(int));
    a = std::move(b);
    CHECK(a.data() == at);
    CHECK(b.empty());   // NOLINT(bugprone-use-after-move)
    auto& self = a;
    a = std::move(self);
    CHECK(a[5] == 5);
    a = self;
    CHECK(a[5] == 5);
    b = a;
    CHECK(b == a);
    b[6] = 6;
    swap(a, b);
    CHECK(a[6] == 6);
    CHECK(b[6] == 0);
}

TEST_CASE("access is checked where it says so") {
    Vector<int> v(3);
    v.at(2) = 1;
    CHECK(std::as_const(v).at(2) == 1);
    CHECK_THROWS_AS((void)v.at(3), std::out_of_range);
    CHECK_THROWS_AS((void)std::as_const(v).at(3), std::out_of_range);
    CHECK(v.back() == 1);
    CHECK(*v.rbegin() == 1);
    CHECK(*(v.crend() - 1) == 0);
    CHECK(std::span<int>(v).size() == 3);
}

TEST_CASE("touch makes pages resident and keeps what is there") {
    Vector<int> v(mib);
    v[1000] = 7;
    const auto n = 256 * kib;
    REQUIRE(v.touch(1000, 1000 + n).has_value());
    CHECK(v[1000] == 7);
    if (support::asserts_residency) {
        CHECK(resident(v) >= n * sizeof(int));
        CHECK(resident(v) <= n * sizeof(int) + 2 * page);
        const auto faults = memory_use().minor_faults;
        std::fill_n(v.begin() + 1000, n, 9);
        CHECK(memory_use().minor_faults - faults < 16);
    }
}

TEST_CASE("touch works without MADV_POPULATE_WRITE") {
    Vector<int> v(mib);
    v[1000] = 7;
    CHECK(support::in_child([&] {
              if (!support::refuse(SYS_madvise, EINVAL)) return 1;
              if (!v.touch(1000, 2000)) return 2;
              if (support::asserts_residency && resident(v) < 1000 * sizeof(int)) return 3;
              return v[1000] == 7 && v[1001] == 0 ? 0 : 4;
          }) == 0);
    CHECK(support::in_child([&] {
              if (!support::refuse(SYS_madvise, ENOMEM)) return 1;
              return v.touch(1000, 2000).error() == std::errc::not_enough_memory ? 0 : 2;
          }) == 0);
}

TEST_CASE("populated extents are whole elements, in order") {
    struct Wide {
        std::uint64_t a, b, c;
    };
    Vector<Wide> v(1'000'000);
    std::mt19937 random(3);
    std::vector<std::size_t> written;
    for (int i = 0; i < 300; ++i) {
        written.push_back(random() % v.size());
        v[written.back()].c = 1;
    }
    std::ranges::sort(written);
    const auto [last, end] = std::ranges::unique(written);
    written.erase(last, end);
    std::vector<std::size_t> found;
    const auto collect = [&](std::span<const Wide> elements) {
        for (const auto& element : elements)
            if (element.c != 0) found.push_back(static_cast<std::size_t>(&element - v.data()));
    };
    v.for_each_populated(collect);
    CHECK(found == written);
    found.clear();
    for (const auto elements : v.populated()) collect(elements);
    CHECK(found == written);
    const auto sizes = v.populated() | std::views::transform([](auto elements) { return elements.size(); });
    std::size_t sum = 0;
    for (const auto size : sizes) sum += size;
    if (support::asserts_residency) CHECK(sum < 2 * 300 * page / sizeof(Wide));
}

TEST_CASE("equality needs no populated page in both") {
    Vector<int> a(1'000'000), b(1'000'000);
    CHECK(a == b);
    a[500'000] = 0;   // written, and still zero
    CHECK(a == b);
    b[999'999] = 1;
    CHECK(a != b);
    CHECK(b != a);
    b.pop_back();
    CHECK(a != b);
    a.pop_back();
    CHECK(a == b);
}

TEST_CASE("sizes that no address space holds are refused and lose nothing") {
    Vector<int> v(10);
    v[3] = 3;
    CHECK_THROWS_AS(v.resize(v.max_size() + 1), std::length_error);
    CHECK_THROWS_AS(v.reserve(v.max_size() + 1), std::length_error);
    CHECK_THROWS_AS(Vector<int>(v.max_size() + 1), std::length_error);
    CHECK_THROWS_AS(v.resize(v.max_size()), tamalloc::AllocationFailure);
    CHECK_THROWS_AS(v.reserve(v.max_size()), tamalloc::AllocationFailure);
    CHECK(v.try_resize(v.max_size() + 1).error() == tamalloc::errc::too_large);
    CHECK(v.try_resize(v.max_size()).error() == std::errc::not_enough_memory);
    CHECK(!Vector<int>::try_make(v.max_size() + 1));
    CHECK(v.size() == 10);
    CHECK(v[3] == 3);
    auto made = Vector<int>::try_make(100);
    REQUIRE(made.has_value());
    CHECK(made->size() == 100);
}

TEST_CASE("where address space is short, less of it is reserved") {
    if (support::sanitized) return support::skip("sanitizers reserve more address space than any limit");
    CHECK(support::in_child([] {
              rlimit limit{};
              ::getrlimit(RLIMIT_AS, &limit);
              limit.rlim_cur = memory_use().reserved + gib;
              if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
              Vector<int> v;
              v.push_back(1);
              if (v.capacity() < gib / 32 / sizeof(int) || v.capacity() > gib / 4 / sizeof(int)) return 2;
              {
                  std::vector<Vector<int>> more(20);
                  for (auto& other : more) other.push_back(2);
                  const std::unique_ptr<char[]> room(new char[16 * mib]);   // there is still some for others
              }
              v.clear();
              v.shrink_to_fit();
              v.resize((900 * mib) / sizeof(int));   // just fits
              v.back() = 2;
              const auto* const at = v.data();
              if (v.try_resize(2 * gib / sizeof(int)).error() != std::errc::not_enough_memory) return 3;
              if (v.data() != at || v.back() != 2) return 4;
              try {
                  v.resize(2 * gib / sizeof(int));
                  return 5;
              } catch (const tamalloc::AllocationFailure& failure) {
                  return failure.bytes() == 2 * gib ? 0 : 6;
              }
          }) == 0);
}

namespace sparse_vector_test {

// As the kernel with vm.overcommit_memory = 2: what is mapped is charged, address space alone is not.
struct Strict : Source {
    static inline std::size_t limit = 0, charged = 0;

    [[nodiscard]] tamalloc::result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if (n > limit - charged) return tamalloc::detail::system_failure(ENOMEM);
        charged += n;
        return Source::map(n, align);
    }
    [[nodiscard]] tamalloc::result<void> commit(std::byte* p, std::size_t n) const noexcept {
        if (n > limit - charged) return tamalloc::detail::system_failure(ENOMEM);
        charged += n;
        return Source::commit(p, n);
    }
    friend bool operator==(const Strict&, const Strict&) = default;
};

// Without refinements; gives no block larger than a limit.
struct Limited {
    static constexpr std::size_t limit = 24 * mib;
    static inline std::size_t maps = 0;

    static std::size_t granularity() noexcept { return Source::granularity(); }
    static std::size_t rounded(std::size_t n) noexcept { return Source::rounded(n); }
    [[nodiscard]] tamalloc::result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if (n > limit) return tamalloc::detail::system_failure(ENOMEM);
        ++maps;
        return Source{}.map(n, align);
    }
    void unmap(std::byte* p, std::size_t n) const noexcept { Source{}.unmap(p, n); }
    friend bool operator==(const Limited&, const Limited&) = default;
};

}   // namespace sparse_vector_test

using sparse_vector_test::Limited;

using sparse_vector_test::Strict;

TEST_CASE("where memory is charged when it is mapped, only what is used is charged") {
    Strict::limit = 100 * mib;
    Strict::charged = 0;
    SparseVector<std::uint64_t, Strict> v;
    v.push_back(1);
    const auto* const at = v.data();
    CHECK(v.capacity() == (gib << 6) / sizeof(std::uint64_t));
    CHECK(Strict::charged <= 2 * mib + page);
    constexpr std::uint64_t n = mib;
    for (std::uint64_t i = 2; i <= n; ++i) v.push_back(i);
    CHECK(Strict::charged >= 8 * mib);
    CHECK(Strict::charged <= 14 * mib);
    CHECK(v.data() == at);
    v.resize(100 * mib / sizeof(std::uint64_t));   // to the last page, without the room for more that is usual
    CHECK(Strict::charged == 100 * mib);
    CHECK(v.try_resize(v.size() + 1).error() == std::errc::not_enough_memory);
    CHECK_THROWS_AS(v.push_back(1), tamalloc::AllocationFailure);
    CHECK(v.size() == 100 * mib / sizeof(std::uint64_t));
    CHECK(v[n - 1] == n);
    CHECK(v[n] == 0);
    v.shrink_to_fit();
    CHECK(v.capacity() == v.size());
    CHECK(v[n - 1] == n);
    Strict::limit = 300 * mib;
    v.resize(v.size() + 1);
    CHECK(v[n - 1] == n);
    CHECK(v.back() == 0);
}

TEST_CASE("where there is plenty to be charged, no more than what is used is charged") {
    Strict::limit = gib << 8;
    Strict::charged = 0;
    SparseVector<std::uint64_t, Strict> v(1000);
    CHECK(v.capacity() == (gib << 6) / sizeof(std::uint64_t));
    CHECK(Strict::charged <= 2 * mib);
}

TEST_CASE("where doubling is refused, growth is still by a factor") {
    Limited::maps = 0;
    SparseVector<char, Limited> v(16 * mib, {.reserve = 0});
    const auto most = Limited::limit - mib;
    while (v.size() < most) v.resize(v.size() + 64 * kib);
    CHECK(v.size() >= most);
    CHECK(Limited::maps < 60);
}

TEST_CASE("growth beyond a reservation that is partly charged copies the pages that hold something") {
    Strict::limit = 2 * mib;
    Strict::charged = 0;
    SparseVector<std::uint64_t, Strict> v({.reserve = 8 * mib, .commit_chunk = page});
    v.resize(1000);
    v[999] = 9;
    Strict::limit = 64 * mib;
    v.resize(2 * mib);
    CHECK(v[999] == 9);
    CHECK(v[998] == 0);
    CHECK(v.back() == 0);
}

TEST_CASE("accounted memory is refused when it is asked for, and address space is not memory") {
    SparseVector<char, MmapSource<{.accounting = tamalloc::Charge::accounted}>> v({.reserve = gib << 12});   // 4 TiB
    v.push_back('x');
    CHECK(v.capacity() >= gib);
    v.resize(10 * mib);
    CHECK(v.front() == 'x');
    CHECK(v.back() == 0);
}

TEST_CASE("a source without any refinement will do") {
    using tamalloc::testing::FailingSource;
    tamalloc::testing::FaultPlan plan;
    {
        SparseVector<int, FailingSource<>> v({.reserve = 64 * kib}, FailingSource<>(plan));
        for (int i = 1; i <= 100'000; ++i) v.push_back(i);
        const auto copy = v;
        CHECK(copy == v);
        CHECK(v[99'999] == 100'000);
        v.zero(10, 99'990);
        CHECK(v[9] == 10);
        CHECK(v[10] == 0);
        CHECK(v[99'990] == 99'991);
        v.resize(5);
        v.resize(100'000);
        CHECK(v[5] == 0);
        CHECK(v[99'999] == 0);
        v.shrink_to_fit();
        v.reserve(200'000);
        CHECK(v[4] == 5);
    }
    CHECK(plan.live_blocks == 0);
    CHECK(plan.live_bytes == 0);
}

TEST_CASE("failure at any call leaves the vector as it was, and nothing behind") {
    using tamalloc::testing::FailingSource;
    tamalloc::testing::FaultPlan plan;
    std::size_t n = 0, failures = 0;
    for (bool reached = true; reached; reached = plan.calls >= n) {
        plan.calls = 0;
        plan.fail_at = ++n;
        {
            SparseVector<int, FailingSource<>> v({.reserve = 0}, FailingSource<>(plan));
            try {
                for (int i = 1; i <= 40'000; ++i) v.push_back(i);
                auto copy = v;
                copy.resize(100'000);
                v = copy;
                v.reserve(1'000'000);
            } catch (const tamalloc::AllocationFailure&) {
                ++failures;
            }
            bool good = true;
            for (std::size_t i = 0; i < v.size() && i < 40'000; ++i) good = good && v[i] == static_cast<int>(i + 1);
            CAPTURE(n);
            CHECK(good);
            CHECK((v.size() <= 40'000 || v.size() == 100'000));
        }
        CHECK(plan.live_blocks == 0);
    }
    CHECK(n > (support::page == 4096 ? 8U : 6U));   // where pages are large there are few blocks
    CHECK(failures > 2);                            // where twice the room is refused, less will do
}

TEST_CASE("addresses that are used again, and neighbours, are no danger") {
    const auto exercise = []<class S>(S) {
        std::mt19937 random(5);
        std::vector<SparseVector<std::uint16_t, S>> vectors(4, SparseVector<std::uint16_t, S>({.reserve = 256}));
        std::vector<std::vector<std::uint16_t>> models(4);
        bool good = true;
        for (int step = 0; step < 5000; ++step) {
            const auto i = random() % 4, j = random() % 4;
            const std::size_t n = random() % 700;
            auto& v = vectors[i];
            auto& m = models[i];
            switch (random() % 9) {
            case 0: v.resize(n), m.resize(n); break;
            case 1: v.push_back(3), m.push_back(3); break;
            case 2: v = vectors[j], m = models[j]; break;
            case 3: v.swap(vectors[j]), m.swap(models[j]); break;
            case 4: v.reset(), std::ranges::fill(m, std::uint16_t{0}); break;
            case 5: v.shrink_to_fit(); break;
            case 6: v.reserve(n); break;
            case 7: v.resize(n, 9), m.resize(n, 9); break;
            default:
                for (auto& x : v) x = 7;
                std::ranges::fill(m, std::uint16_t{7});
            }
            good = good && std::ranges::equal(v, m);
        }
        return good;
    };
    CHECK(exercise(tamalloc::testing::LifoSource{}));
    CHECK(exercise(tamalloc::testing::AdjacentSource{}));
    CHECK(exercise(MmapSource<>{}));
}

TEST_CASE("over-aligned elements are aligned wherever they move") {
    struct alignas(1 << 14) Block {
        std::array<char, 1 << 14> bytes;
    };
    Vector<Block> v({.reserve = 1 << 16});
    for (int i = 0; i < 100; ++i) {
        v.resize(v.size() + 1);
        v.back().bytes[0] = static_cast<char>(i);
        CHECK(reinterpret_cast<std::uintptr_t>(v.data()) % alignof(Block) == 0);
    }
    CHECK(v[42].bytes[0] == 42);
}

#if TAMALLOC_VERIFY
TEST_CASE("TAMALLOC_VERIFY stops a program that wrote behind the last element") {
    CHECK(support::in_child([] {
              if (std::freopen("/dev/null", "w", stderr) == nullptr) return 1;
              Vector<int> v(10);
              v.data()[20] = 1;
              v.resize(30);
              return 0;
          }) == -SIGABRT);
}
#endif
