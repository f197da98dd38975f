// SPDX-License-Identifier: MIT
// Hazard: an allocator that leaves out the write of T() wherever it believes the memory to be fresh shows old bytes as new
// elements as soon as it is wrong once. Each of the rules N1 to N9 keeps it from one way of being wrong. The histories that
// need a rule are rare, and random tests may miss them; so each rule has a history here that reads the old bytes when the
// rule is taken away, which mutants.sh does. The sources hand out the address freed last, or put blocks back to back.
// Those that pmr::Allocator keeps itself are held against it, too.
#include "tamalloc/allocator.hpp"   // first: proves that the header stands alone

#include <algorithm>     // std::ranges::all_of
#include <array>         // std::array
#include <cstddef>       // std::size_t
#include <deque>         // std::deque
#include <memory>        // std::allocator_traits
#include <thread>        // std::thread
#include <type_traits>   // std::is_nothrow_move_constructible_v
#include <utility>       // std::forward, std::move, std::swap
#include <vector>        // std::vector

#include <doctest/doctest.h>

#include "nasty_resource.hpp"                   // NastyDefault
#include "tamalloc/memory_resource.hpp"         // pmr::Allocator
#include "tamalloc/testing/nasty_sources.hpp"   // AdjacentSource, LifoSource

namespace {

using support::NastyDefault;
using tamalloc::AllocatorOptions;
using tamalloc::Zeroing;
using tamalloc::testing::AdjacentSource;
using tamalloc::testing::LifoSource;

template<class T, Zeroing Zero = Zeroing::value_init, class Source = LifoSource>
using Tested = tamalloc::Allocator<T, Source, AllocatorOptions{.page_threshold = 1, .zero = Zero}>;
using Ints = std::vector<int, Tested<int>>;
using SparseInts = std::vector<int, Tested<int, Zeroing::zero_copies>>;
using IntDeque = std::deque<int, Tested<int>>;
using PmrInts = tamalloc::pmr::vector<int>;
using PmrIntDeque = tamalloc::pmr::deque<int>;

struct Line {   // as large as the unit of AdjacentSource: fills a block to the last byte
    std::array<int, 16> values;
    friend bool operator==(const Line&, const Line&) = default;
};

// A container of the user's own. It does all that [container.reqmts] lets it do and the one library or the other does: its
// move constructor leaves the source storage (std::deque in libstdc++), and assign builds the new contents in a temporary
// made with a copy of its allocator, then swaps the storage alone (std::vector in libstdc++).
template<class Allocator> class Swapping {
    using Traits = std::allocator_traits<Allocator>;

public:
    Swapping() : Swapping(Allocator()) {}
    explicit Swapping(const Allocator& allocator) : allocator_(allocator), data_(Traits::allocate(allocator_, room)) {}
    Swapping(Swapping&& other) : allocator_(std::move(other.allocator_)), data_(Traits::allocate(allocator_, room)) {
        swap_storage(other);
    }
    Swapping& operator=(Swapping&& other) noexcept {
        swap_storage(other);
        other.clear();
        allocator_ = std::move(other.allocator_);
        return *this;
    }
    ~Swapping() {
        clear();
        Traits::deallocate(allocator_, data_, room);
    }

    template<class... Args> void emplace_back(Args&&... args) {
        Traits::construct(allocator_, data_ + size_, std::forward<Args>(args)...);
        ++size_;
    }
    void push_back(int value) { emplace_back(value); }
    void pop_back() { Traits::destroy(allocator_, data_ + --size_); }
    void clear() {
        while (!empty()) pop_back();
    }
    void resize(std::size_t n) {
        while (size_ < n) emplace_back();
    }
    void assign(std::size_t n, int value) {
        Swapping temporary(allocator_);
        while (temporary.size_ < n) temporary.push_back(value);
        swap_storage(temporary);
    }
    void swap(Swapping& other) noexcept {
        swap_storage(other);
        std::swap(allocator_, other.allocator_);
    }

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] const int* begin() const { return data_; }
    [[nodiscard]] const int* end() const { return data_ + size_; }

private:
    static constexpr std::size_t room = 16;

    void swap_storage(Swapping& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }

    Allocator allocator_;
    int* data_;
    std::size_t size_ = 0;
};

constexpr std::size_t count = 16;   // elements; one chunk of any deque holds them

template<class Container> bool reads_zero(const Container& c) {
    return std::all_of(c.begin(), c.end(), [](int x) { return x == 0; });
}

// Has storage for count elements, in which nothing was constructed but for the first.
template<class Container> void give_storage(Container& c) {
    if constexpr (requires { c.reserve(count); }) c.reserve(count);
    c.emplace_back();
    c.pop_back();
}

// Leaves old values in the storage. Not clear(): with libc++ a deque would go on elsewhere in its chunk.
template<class Container> void dirty(Container& c) {
    for (std::size_t i = 0; i < count; ++i) c.push_back(7);
    for (std::size_t i = 0; i < count; ++i) c.pop_back();
}

}   // namespace

TEST_CASE("N1: only a block of pages is believed zero") {
    constexpr std::size_t threshold = 64;   // elements
    using V = std::vector<int, tamalloc::Allocator<int, LifoSource, AllocatorOptions{threshold * sizeof(int)}>>;
    for (const std::size_t n : {threshold - 1, threshold, threshold + 1}) {
        CAPTURE(n);
        (void)V(n, 7);   // operator new gives the same bytes again
        V v(n);
        CHECK(reads_zero(v));
        v.assign(n, 7);
        v.resize(2 * threshold);
        v.resize(threshold / 2);
        v.shrink_to_fit();   // back below the threshold
        v.resize(n);
        CHECK(std::all_of(v.begin() + threshold / 2, v.end(), [](int x) { return x == 0; }));
    }
}

template<class V> static void grow_by_reallocation() {
    V v(4);
    v.resize(100);   // both libraries construct [4, 100) first, then move [0, 4) in front of it
    CHECK(reads_zero(v));
    v.assign(100, 7);
    v.clear();
    v.resize(100);
    CHECK(reads_zero(v));
}

template<class V> static void construct_again() {
    V v;
    v.reserve(2);
    v.push_back(7);
    v.pop_back();
    v.emplace_back();
    CHECK(v[0] == 0);
}

TEST_CASE("N2: nothing at or below the last construction is believed fresh") {
    const NastyDefault resource;
    grow_by_reallocation<Ints>();
    grow_by_reallocation<SparseInts>();
    grow_by_reallocation<PmrInts>();
    construct_again<Ints>();
    construct_again<PmrInts>();
}

TEST_CASE("N3: relocated and copied elements use up the run") {
    Ints v(count, 7);
    v.reserve(4 * count);
    v.clear();
    v.resize(count);
    CHECK(reads_zero(v));

    const Ints source(count, 7);
    Ints copy(source);
    copy.clear();
    copy.resize(count);
    CHECK(reads_zero(copy));
}

// A and B: allocators for int and for char, of which one is made from the other.
template<class A, class B> static void convert_there_and_back() {
    using Traits = std::allocator_traits<A>;
    A original;
    int* const p = Traits::allocate(original, 1);
    A copy{B(original)};
    Traits::construct(copy, p, 7);
    Traits::construct(original, p);
    CHECK(*p == 0);
    Traits::deallocate(original, p, 1);
}

TEST_CASE("N4: a copy forfeits the run of its source") {
    const NastyDefault resource;
    SUBCASE("std::vector") {
        Ints v;
        v.reserve(count);
        (void)Ints(std::move(v), v.get_allocator());   // frees the block; v has no storage, and no run
        v.assign(count, 7);                            // the same address
        v.clear();
        v.resize(count);
        CHECK(reads_zero(v));
    }
    SUBCASE("storage filled by a temporary that has a copy of the allocator") {
        Swapping<Tested<int>> s;
        s.assign(count, 7);
        s.assign(count, 7);   // at the first address again
        s.clear();
        s.resize(count);
        CHECK(reads_zero(s));
    }
    SUBCASE("an allocator for another type") {
        convert_there_and_back<Tested<int>, Tested<char>>();
        convert_there_and_back<tamalloc::pmr::Allocator<int>, tamalloc::pmr::Allocator<char>>();
    }
    SUBCASE("copy assignment") {
        using Traits = std::allocator_traits<Tested<int>>;
        Tested<int> original, copy;
        int* const p = Traits::allocate(original, 1);
        copy = original;
        Traits::construct(copy, p, 7);
        Traits::construct(original, p);
        CHECK(*p == 0);
        Traits::deallocate(original, p, 1);
    }
}

TEST_CASE("N4: a copy has no run of its own") {
    Ints v;
    v.reserve(count);
    Ints w(std::move(v), v.get_allocator());
    dirty(w);
    Ints u(std::move(w), v.get_allocator());
    u.resize(count);
    CHECK(reads_zero(u));
}

TEST_CASE("N4: threads may copy the allocator of one const vector") {
    const Ints v(count, 7);
    const auto copy = [&v] {
        for (int i = 0; i < 1000; ++i) (void)v.get_allocator();
    };
    std::thread first(copy), second(copy);
    first.join();
    second.join();
    CHECK(v.get_allocator() == Tested<int>());
}

template<class Container> static void reuse_the_source_of_a_move() {
    Container v;
    give_storage(v);
    Container w(std::move(v));
    dirty(v);
    v = std::move(w);
    w.resize(count);   // where v's elements were, if the libraries hand that storage over
    CHECK(reads_zero(w));
    dirty(w);
    v.resize(count);
    CHECK(reads_zero(v));
}

TEST_CASE("N5: a move takes the run along") {
    static_assert(std::is_nothrow_move_constructible_v<Ints>);
    static_assert(std::is_nothrow_move_assignable_v<Ints>);
    const NastyDefault resource;
    reuse_the_source_of_a_move<Ints>();
    reuse_the_source_of_a_move<IntDeque>();
    reuse_the_source_of_a_move<PmrInts>();
    reuse_the_source_of_a_move<PmrIntDeque>();
    reuse_the_source_of_a_move<Swapping<tamalloc::pmr::Allocator<int>>>();
    reuse_the_source_of_a_move<Swapping<Tested<int>>>();
    reuse_the_source_of_a_move<Swapping<Tested<int, Zeroing::zero_copies>>>();
}

template<class Container> static void swap_there_and_back() {
    Container v, w;
    give_storage(v);
    v.swap(w);
    dirty(w);
    v.swap(w);
    v.resize(count);
    CHECK(reads_zero(v));
}

template<class Container> static void move_there_and_back() {
    Container v, w;
    give_storage(v);
    w = std::move(v);
    dirty(w);
    v = std::move(w);
    v.resize(count);
    CHECK(reads_zero(v));
}

TEST_CASE("N6: storage that is swapped takes its run along") {
    const NastyDefault resource;
    swap_there_and_back<Ints>();
    swap_there_and_back<IntDeque>();
    swap_there_and_back<PmrInts>();
    swap_there_and_back<PmrIntDeque>();
    swap_there_and_back<Swapping<Tested<int>>>();
}

TEST_CASE("N6: storage that is moved takes its run along") {
    const NastyDefault resource;
    move_there_and_back<Ints>();
    move_there_and_back<IntDeque>();
    move_there_and_back<PmrInts>();
    move_there_and_back<PmrIntDeque>();
    move_there_and_back<Swapping<Tested<int>>>();
}

// No container history needs this rule while the others hold: it is a second line of defence, seen by an allocator alone.
template<class A> static void use_a_freed_address(bool through_a_copy) {
    using Traits = std::allocator_traits<A>;
    A first, second;
    int* const p = Traits::allocate(first, 1);
    if (through_a_copy) A(first).deallocate(p, 1);
    else Traits::deallocate(first, p, 1);
    REQUIRE(Traits::allocate(second, 1) == p);
    Traits::construct(second, p, 7);
    Traits::construct(first, p);
    CHECK(*p == 0);
    Traits::deallocate(second, p, 1);
}

TEST_CASE("N7: a block that was freed is no longer believed in") {
    const NastyDefault resource;
    for (const bool through_a_copy : {false, true}) {
        CAPTURE(through_a_copy);
        use_a_freed_address<Tested<int>>(through_a_copy);
        use_a_freed_address<tamalloc::pmr::Allocator<int>>(through_a_copy);
    }
}

TEST_CASE("N8: a run that is used up does not reach into the next block") {
    using D = std::deque<Line, Tested<Line, Zeroing::value_init, AdjacentSource>>;
    const D hoard(4096);   // takes what chunks other tests have freed
    (void)D(256);          // frees its chunks in order of address: the next two are handed out in the reverse order
    D d;
    d.push_back({{7}});
    d.emplace_front();   // uses up the run at once: a front chunk is filled from its end
    REQUIRE(&d[0] + 1 == &d[1]);
    d.pop_back();
    d.emplace_back();
    CHECK(d[1] == Line{});
}

TEST_CASE("N9: nothing but the new element is written") {
    IntDeque d;
    for (int n = 1; n < 1000; ++n) {
        d.emplace_front();
        REQUIRE(d.front() == 0);
        d.front() = 7;
        REQUIRE(std::ranges::all_of(d, [](int x) { return x == 7; }));
    }
}

[[gnu::noinline]] static void dirty_stack() {
    volatile unsigned char bytes[4096];
    for (auto& byte : bytes) byte = 0xEE;
}

template<class V> static void emplace_in_the_middle() {
    V v;
    v.reserve(100);
    v.resize(9);
    for (int n = 0; n < 50; ++n) {
        dirty_stack();
        REQUIRE(*v.emplace(v.begin() + 4) == typename V::value_type());
    }
}

// Both libraries construct it in a temporary on the stack first, and through the allocator.
TEST_CASE("stack temporary: an element emplaced in the middle is T()") {
    emplace_in_the_middle<Ints>();
    emplace_in_the_middle<SparseInts>();
    emplace_in_the_middle<std::vector<Line, Tested<Line>>>();
}

#ifndef _GLIBCXX_DEBUG   // whose vector is not constexpr
template<class V> constexpr bool whole_life() {
    V v(10);
    v.push_back(3);
    v.resize(2);
    v.resize(20);
    V w = v;
    w.swap(v);
    w = std::move(v);
    w.emplace(w.begin() + 1, 4);
    w.shrink_to_fit();
    int sum = 0;
    for (const int x : w) sum += x;
    return sum == 4 && w.size() == 21;
}
static_assert(whole_life<tamalloc::vector<int>>());
static_assert(whole_life<Ints>());
static_assert(whole_life<SparseInts>());
static_assert(whole_life<std::vector<int, tamalloc::PageAllocator<int>>>());

TEST_CASE("constant evaluation: a vector lives and dies in it, and the same at run time") {
    CHECK(whole_life<tamalloc::vector<int>>());
    CHECK(whole_life<Ints>());
}
#endif
