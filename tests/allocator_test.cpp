// SPDX-License-Identifier: MIT
// Hazard: a container works, and is not what was promised: it touches pages, gives up a guarantee (noexcept, alignment,
// size limits, the right exception), or compiles only for simple element types. Histories that break zeros are in
// rules_test.cpp, sizes beyond memory in rss/laziness.cpp.
#include "tamalloc/allocator.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <complex>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <unordered_map>
#include <vector>

#include "support.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/testing.hpp"

using tamalloc::Allocator;
using tamalloc::AllocatorOptions;
using tamalloc::PageAllocator;
using tamalloc::SparseAllocator;
using tamalloc::testing::FailingSource;
using tamalloc::testing::FaultPlan;

namespace {

struct alignas(256) Aligned {
    int v;
};
struct alignas(65536) HugelyAligned {   // beyond the page size
    char v;
};
struct Throwing {
    int v = 0;
    Throwing() = default;
    explicit Throwing(int x) : v(x) {
        if (x < 0) throw std::runtime_error("negative");
    }
};
struct Tree {
    std::vector<Tree, PageAllocator<Tree>> children;
};
struct Big {
    std::array<int, 16> v;
};

template<class T> std::size_t resident(const T& container) {
    return tamalloc::resident_bytes(std::as_bytes(std::span(container))).value();
}

}   // namespace

// What a container sees.
template<class A> constexpr bool conforms() {
    using Traits = std::allocator_traits<A>;
    static_assert(std::is_nothrow_copy_constructible_v<A> && std::is_nothrow_move_constructible_v<A>);
    static_assert(std::is_nothrow_copy_assignable_v<A> && std::is_nothrow_move_assignable_v<A>);
    static_assert(std::same_as<typename Traits::pointer, typename A::value_type*>);
    static_assert(std::same_as<typename Traits::template rebind_alloc<typename A::value_type>, A>);
    static_assert(!Traits::propagate_on_container_copy_assignment::value);
    static_assert(Traits::propagate_on_container_move_assignment::value && Traits::propagate_on_container_swap::value);
    return noexcept(std::declval<A&>().deallocate(nullptr, 0)) && noexcept(std::declval<A&>() == std::declval<A&>());
}
static_assert(conforms<Allocator<int>>() && conforms<PageAllocator<int>>() && conforms<SparseAllocator<int>>());
static_assert(conforms<Allocator<std::string>>() && conforms<Allocator<int, FailingSource<>>>());
static_assert(std::allocator_traits<Allocator<int>>::is_always_equal::value);
static_assert(!std::allocator_traits<Allocator<int, FailingSource<>>>::is_always_equal::value);
static_assert(!std::default_initializable<Allocator<int, FailingSource<>>>);
static_assert(std::same_as<std::allocator_traits<Allocator<int>>::rebind_alloc<char>, Allocator<char>>);
static_assert(std::is_constructible_v<Allocator<int>, const Allocator<char>&>);
static_assert(!std::is_constructible_v<Allocator<int>, const PageAllocator<char>&>);
static_assert(std::is_nothrow_move_constructible_v<tamalloc::vector<int>>);
static_assert(std::is_nothrow_move_assignable_v<tamalloc::vector<int>>);
static_assert(std::is_nothrow_swappable_v<tamalloc::vector<int>>);

// The price of laziness, and that nobody pays it in vain.
static_assert(sizeof(Allocator<int>) == 16 && sizeof(SparseAllocator<int>) == 32);
static_assert(std::is_empty_v<PageAllocator<int>> && std::is_empty_v<Allocator<std::string>>);
#ifndef _GLIBCXX_DEBUG
static_assert(sizeof(tamalloc::vector<int>) == sizeof(std::vector<int>) + 16);
static_assert(sizeof(tamalloc::vector<std::string>) == sizeof(std::vector<std::string>));
static_assert(sizeof(std::vector<int, PageAllocator<int>>) == sizeof(std::vector<int>));
#endif

// construct() is there exactly where it is needed, and as noexcept as the constructor.
template<class A, class U, class... Args>
concept Constructs = requires(A a, U* p, Args... args) { a.construct(p, args...); };
static_assert(Constructs<Allocator<int>, int> && Constructs<Allocator<int>, int, int>);
static_assert(!Constructs<PageAllocator<int>, int> && !Constructs<Allocator<std::string>, std::string>);
static_assert(noexcept(std::declval<Allocator<int>&>().construct(std::declval<int*>())));
static_assert(noexcept(std::declval<Allocator<int>&>().construct(std::declval<int*>(), 1)));
static_assert(!noexcept(std::declval<Allocator<int>&>().construct(std::declval<Throwing*>(), 1)));

TEST_CASE("a vector has the values that std::vector has, and touches only what is written") {
    const std::size_t n = 1 << 20;
    tamalloc::vector<double> v(n);
    if (support::asserts_residency) CHECK(resident(v) == 0);
    CHECK(v.front() == 0.0);
    CHECK(v.back() == 0.0);
    v[n / 2] = 1;
    if (support::asserts_residency) CHECK(resident(v) <= std::size_t{2} << 20);   // one page, be it a huge one
    CHECK(std::ranges::count(v, 0.0) == static_cast<std::ptrdiff_t>(n - 1));
    v.resize(n / 4);
    v.resize(n);
    CHECK(std::ranges::count(v, 0.0) == static_cast<std::ptrdiff_t>(n));
}

TEST_CASE_TEMPLATE("below, at and above the threshold memory works alike", A, Allocator<int>, PageAllocator<int>,
                   SparseAllocator<int>) {
    const std::size_t threshold = AllocatorOptions{}.page_threshold / sizeof(int);
    for (const std::size_t n :
         {std::size_t{0}, std::size_t{1}, threshold - 1, threshold, threshold + 1, 3 * threshold}) {
        CAPTURE(n);
        A a;
        int* const p = a.allocate(n);
        CHECK(p != nullptr);
        for (std::size_t i = 0; i < n; ++i) std::allocator_traits<A>::construct(a, p + i);
        CHECK(std::all_of(p, p + n, [](int x) { return x == 0; }));
        std::fill(p, p + n, -1);
        a.deallocate(p, n);
    }
}

TEST_CASE("memory from the threshold on reads zero before anything is constructed") {
    PageAllocator<std::byte> a;
    const std::size_t n = AllocatorOptions{}.page_threshold;
    std::byte* const p = a.allocate(n);
    CHECK(tamalloc::all_zero({p, n}));
    a.deallocate(p, n);
}

TEST_CASE_TEMPLATE("storage is aligned for its type, however strictly", T, Aligned, HugelyAligned) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{64} << 10, std::size_t{1} << 20}) {
        const std::size_t n = bytes / sizeof(T) + 1;
        std::vector<T, Allocator<T>> v(n);
        CHECK(reinterpret_cast<std::uintptr_t>(v.data()) % alignof(T) == 0);
        CHECK(v.back().v == 0);
        v.resize(2 * n);
        CHECK(reinterpret_cast<std::uintptr_t>(v.data()) % alignof(T) == 0);
    }
}

TEST_CASE("allocate_at_least returns whole pages, and takes back any count in between") {
    Allocator<std::array<char, 24>> a;   // no divisor of a page
    for (const std::size_t n : {std::size_t{1}, std::size_t{5461}, std::size_t{5462}, std::size_t{100'000}}) {
        const auto first = a.allocate_at_least(n);
        const auto most = first.count;
        CHECK(most >= n);
        a.deallocate(first.ptr, most);
        for (const std::size_t count : {n, (n + most) / 2, most}) {
            const auto got = a.allocate_at_least(n);
            REQUIRE(got.count == most);
            std::memset(static_cast<void*>(got.ptr), 1, got.count * 24);
            const auto before = tamalloc::testing::memory_use().reserved;
            a.deallocate(got.ptr, count);
            tamalloc::DefaultSource::trim();
            if (support::asserts_residency && n > 5461)
                CHECK(tamalloc::testing::memory_use().reserved + n * 24 <= before);   // nothing is left behind
        }
        a.deallocate(a.allocate_at_least(n).ptr, n);
    }
}

TEST_CASE("more than max_size() is bad_array_new_length, or errc::too_large") {
    Allocator<int> a;
    const std::size_t most = Allocator<int>::max_size();
    CHECK(most == static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(int));
    for (const std::size_t n : {most + 1, std::numeric_limits<std::size_t>::max()}) {
        CHECK_THROWS_AS((void)a.allocate(n), std::bad_array_new_length);
        CHECK_THROWS_AS((void)a.allocate_at_least(n), std::bad_array_new_length);
        CHECK(a.try_allocate(n).error() == tamalloc::errc::too_large);
    }
    CHECK_THROWS_AS((void)tamalloc::vector<int>(most + 1), std::length_error);
}

TEST_CASE("what the system refuses is AllocationFailure, or its errno") {
    Allocator<int> a;
    const std::size_t n = Allocator<int>::max_size();   // more than the address space, so mmap answers ENOMEM
    try {
        (void)a.allocate(n);
        FAIL("allocated the whole address space");
    } catch (const tamalloc::AllocationFailure& failure) {
        CHECK(failure.code() == std::errc::not_enough_memory);
        CHECK(failure.code().category() == std::system_category());
        CHECK(failure.bytes() == n * sizeof(int));
    }
    const auto refused = a.try_allocate(n);
    CHECK(refused.error() == std::error_code(ENOMEM, std::system_category()));
    CHECK_THROWS_AS((void)tamalloc::vector<int>(std::size_t{1} << 60), std::bad_alloc);
}

TEST_CASE("operator new that fails is AllocationFailure, too") {
    // A threshold so high that everything is small.
    Allocator<char, tamalloc::DefaultSource, AllocatorOptions{.page_threshold = PTRDIFF_MAX}> a;
    if (!support::sanitized) {
        CHECK_THROWS_AS((void)a.allocate(PTRDIFF_MAX - 1), tamalloc::AllocationFailure);
        CHECK(a.try_allocate(PTRDIFF_MAX - 1).error() == std::errc::not_enough_memory);
    }
    const auto p = a.try_allocate(10);
    REQUIRE(p.has_value());
    a.deallocate(*p, 10);
}

TEST_CASE("equal allocators free each other's blocks and unequal ones keep to their own") {
    Allocator<int> a, b;
    CHECK(a == b);
    CHECK(a == Allocator<char>(b));
    int* const p = a.allocate(1 << 20);
    b.deallocate(p, 1 << 20);

    FaultPlan first, second;
    using Counted = Allocator<int, FailingSource<>>;
    using Vector = std::vector<int, Counted>;
    const Counted one{FailingSource<>(first)}, two{FailingSource<>(second)};
    CHECK(one != two);
    {
        Vector v(1 << 20, 1, one), w(1 << 20, 2, two);
        v = w;   // does not propagate
        CHECK(v.get_allocator() == one);
        CHECK(v.back() == 2);
        v.swap(w);   // does
        CHECK(v.get_allocator() == two);
        w = std::move(v);
        CHECK(w.get_allocator() == two);
        CHECK(first.live_blocks == 0);
        const Vector copy(w);
        CHECK(copy.get_allocator() == two);
    }
    CHECK(second.live_blocks == 0);
}

namespace {

// A source that a move leaves empty, were it moved.
struct SharedSource : tamalloc::MmapSource<> {
    std::shared_ptr<int> state = std::make_shared<int>(1);
    [[nodiscard]] tamalloc::result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if (state == nullptr) std::abort();
        return MmapSource<>::map(n, align);
    }
    friend bool operator==(const SharedSource&, const SharedSource&) = default;
};

}   // namespace

TEST_CASE("an allocator that was moved from is equal and usable") {
    using Shared = Allocator<int, SharedSource, AllocatorOptions{.page_threshold = 1}>;
    Shared a;
    Shared b(std::move(a));
    CHECK(a == b);
    Shared c;
    CHECK(c != b);
    c = std::move(b);
    CHECK(c == b);
    std::vector<int, Shared> v(100'000);
    const std::vector<int, Shared> w = std::move(v);
    v.resize(10);
    CHECK(v.get_allocator() == w.get_allocator());
    std::deque<int, Shared> d(1000);
    const std::deque<int, Shared> e = std::move(d);
    d.resize(10);
    CHECK(e.size() == 1000);
}

namespace polyfill {
template<class T>
    requires std::is_trivially_copyable_v<T>
T* start_lifetime_as(void*) = delete;
struct Point {
    int x, y;
};
}   // namespace polyfill

TEST_CASE("names of the user's namespace do not get in the way, nor does const") {
    const tamalloc::vector<polyfill::Point> v(100'000);
    CHECK(v.back().y == 0);
    CHECK(*std::allocate_shared<const int>(Allocator<int>{}, 4) == 4);
    CHECK(*std::allocate_shared<const int>(SparseAllocator<int>{}) == 0);
}

TEST_CASE("copying a container does not cost the original its laziness") {
    if (!support::asserts_residency) return;
    const std::size_t n = 1 << 20;
    tamalloc::vector<double> v;
    v.reserve(2 * n);
    v.resize(n);
    const auto copy = v;
    const auto untouched = resident(v);
    v.resize(2 * n);
    CHECK(resident(v) == untouched);
}

TEST_CASE("the standard containers take it") {
    std::deque<int, Allocator<int>> deque(100'000);
    std::list<int, Allocator<int>> list(100);
    std::map<int, std::string, std::less<>, Allocator<std::pair<const int, std::string>>> map;
    std::unordered_map<int, Big, std::hash<int>, std::equal_to<>, Allocator<std::pair<const int, Big>>> table(100'000);
    std::basic_string<char, std::char_traits<char>, Allocator<char>> string(1 << 20, 'x');
    std::vector<bool, Allocator<bool>> bits(1'000'000);
    std::vector<std::vector<std::complex<double>, Allocator<std::complex<double>>>> nested(4);
    for (int i = 0; i < 1000; ++i) {
        map[i] = std::to_string(i);
        table[i].v[3] = i;
        nested[static_cast<std::size_t>(i) % 4].emplace_back(i, -i);
    }
    CHECK(std::ranges::count(deque, 0) == 100'000);
    CHECK(std::ranges::count(list, 0) == 100);
    CHECK(map[999] == "999");
    CHECK(table[999].v[3] == 999);
    CHECK(table[999].v[4] == 0);
    CHECK(string.back() == 'x');
    CHECK(std::ranges::count(bits, true) == 0);
    CHECK(nested[3].back() == std::complex<double>(999, -999));
    const auto shared = std::allocate_shared<Big>(Allocator<Big>());
    CHECK(shared->v[15] == 0);
    Tree tree;
    tree.children.resize(3);
    tree.children[1].children.resize(5);
    CHECK(tree.children[1].children.size() == 5);
}

TEST_CASE("a constructor that throws leaves the container as it was") {
    std::vector<Throwing, Allocator<Throwing>> v(40'000);
    v[5].v = 7;
    v.reserve(80'000);
    CHECK_THROWS_AS(v.emplace_back(-1), std::runtime_error);
    CHECK(v.size() == 40'000);
    CHECK(v[5].v == 7);
    v.resize(60'000);
    CHECK(std::ranges::count(v, 0, &Throwing::v) == 59'999);
}

TEST_CASE("copies of zeros stay untouched with zero_copies only") {
    if (!support::asserts_residency) return;
    const std::size_t n = 1 << 21;
    std::vector<double, SparseAllocator<double>> sparse(n, 0.0);
    CHECK(resident(sparse) == 0);
    sparse[n / 2] = 1;
    const auto copy = sparse;
    CHECK(copy == sparse);
    CHECK(resident(copy) <= std::size_t{2} << 20);
    std::vector<double, SparseAllocator<double>> negative(n, -0.0);
    CHECK(std::signbit(negative[n - 1]));
    const tamalloc::vector<double> dense(n, 0.0);
    CHECK(resident(dense) == n * sizeof(double));
}

TEST_CASE("verify mode stops a program whose memory is not zero") {
    using Dirty = Allocator<int, tamalloc::testing::DirtySource>;
    const int status = support::in_child([] {
        std::freopen("/dev/null", "w", stderr);
        const std::vector<int, Dirty> v(1 << 16);
        return v[0] == 0 ? 0 : 1;
    });
    CHECK(status == (TAMALLOC_VERIFY ? -SIGABRT : 1));
}
