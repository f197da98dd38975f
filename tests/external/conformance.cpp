// SPDX-License-Identifier: MIT
// Hazard: storage changes hands between containers in a way that libstdc++'s own test allocators know and ours does not: it comes
// back without its zeros, is freed by the wrong one, or is lost. The allocators of libstdc++'s tests over ours, which find an
// unequal allocator that frees and count what comes back, in every way in which containers are made, copied, moved and swapped;
// after each, clear and resize must give zeros.
#include <algorithm>       // std::ranges::all_of
#include <cstddef>         // std::byte, std::size_t
#include <deque>           // std::deque
#include <iterator>        // std::ssize
#include <list>            // std::list
#include <map>             // std::map
#include <memory>          // std::allocator_traits
#include <ranges>          // std::ranges::random_access_range
#include <span>            // std::as_bytes
#include <type_traits>     // std::true_type
#include <unordered_map>   // std::unordered_map
#include <utility>         // std::move
#include <vector>          // std::vector

#include "counted_source.hpp"
#include "tamalloc/allocator.hpp"
#include "tamalloc/residency.hpp"

namespace tamalloc {
using std::swap;   // libstdc++'s allocators look for a swap of what they are over with its own namespace only
}

#include <testsuite_allocator.h>
#include <testsuite_hooks.h>

namespace {

#ifdef EXTERNAL_NO_INIT   // the usual trick, which the tests have to notice
template<class T> struct Ours : std::allocator<T> {
    using propagate_on_container_swap = std::true_type;
    template<class U> struct rebind {
        using other = Ours<U>;
    };
    Ours() = default;
    template<class U> Ours(const Ours<U>&) noexcept {}
    template<class U> void construct(U* p) noexcept { ::new (static_cast<void*>(p)) U; }
    template<class U, class... Args> void construct(U* p, Args&&... args) {
        ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
    }
};
#else
template<class T>
using Pages = tamalloc::Allocator<T, external::CountedSource, tamalloc::AllocatorOptions{.page_threshold = 1}>;

// What derives from an allocator and adds to it cannot take a copy that is but the allocator.
template<class T> struct Ours : Pages<T> {
    template<class U> struct rebind {
        using other = Ours<U>;
    };
    Ours() = default;
    template<class U> Ours(const Ours<U>& other) noexcept : Pages<T>(other) {}
    void select_on_container_copy_construction() const = delete;
};
#endif

// Those whose storage changes hands without the allocator are not among them: it belongs to the run of one (rule N6).
template<class T> using Unequal = __gnu_test::uneq_allocator<T, Ours<T>>;
template<class T> using Propagating = __gnu_test::propagating_allocator<T, true, Ours<T>>;
template<class T> using Tracker = __gnu_test::tracker_allocator<T, Ours<T>>;

// Personalities: equal allocators, and unequal ones.
template<class A> constexpr bool may_differ = requires(const A a) { a.get_personality(); };
template<class A> A personality([[maybe_unused]] int which) {
    if constexpr (may_differ<A>) return A(which);
    else return A();
}

// So many elements. Where each is a block of its own, and so a page, fewer do.
template<class C> constexpr int many = std::ranges::random_access_range<C> ? 200 : 20;

template<class C> void fill(C& c, int n) {
    for (int i = 1; i <= n; ++i)
        if constexpr (requires { c.push_back(i); }) c.push_back(i);
        else c.emplace(i, i * i);
}

template<class C> void check_filled(const C& c, int n) {
    C expected(c.get_allocator());
    fill(expected, n);
    VERIFY(c == expected);
}

// What is value-initialised after anything else was there reads zero.
template<class C> void check_zeros(C& c) {
    if constexpr (requires { c.resize(1); }) {
        for (const int n : {3, many<C> / 2, many<C> * 8}) {
            c.clear();
            c.resize(static_cast<std::size_t>(n));
            VERIFY(std::ssize(c) == n && std::ranges::all_of(c, [](int value) { return value == 0; }));
            int next = 1;
            for (auto& value : c) value = next++;
        }
    } else {
        c.clear();
        for (int i = 0; i < many<C>; ++i) VERIFY(c[i] == 0);
    }
}

template<class C> void copies(int there) {
    using A = typename C::allocator_type;
    const A here_allocator = personality<A>(1), there_allocator = personality<A>(there);
    C from(here_allocator);
    fill(from, many<C>);
    C copy(from), elsewhere(from, there_allocator), assigned(there_allocator);
    fill(assigned, 10);
    assigned = from;
    for (C* const c : {&copy, &elsewhere, &assigned, &from}) {
        check_filled(*c, many<C>);
        check_zeros(*c);
    }
}

template<class C> void moves(int there) {
    using A = typename C::allocator_type;
    const A here_allocator = personality<A>(1), there_allocator = personality<A>(there);
    C from(here_allocator);
    fill(from, many<C>);
    C moved(std::move(from));
    check_filled(moved, many<C>);
    C elsewhere(std::move(moved), there_allocator);
    check_filled(elsewhere, many<C>);
    C assigned(here_allocator);
    fill(assigned, 10);
    assigned = std::move(elsewhere);
    check_filled(assigned, many<C>);
    for (C* const c : {&from, &moved, &elsewhere, &assigned}) {
        c->clear();
        fill(*c, many<C> / 2);
        check_filled(*c, many<C> / 2);
        check_zeros(*c);
    }
}

template<class C> void swaps(int there) {
    using A = typename C::allocator_type;
    C one(personality<A>(1)), other(personality<A>(there));
    fill(one, many<C>);
    fill(other, 10);
    for (int round = 0; round < 3; ++round) {
        one.swap(other);
        check_filled(round % 2 == 0 ? other : one, many<C>);
        check_filled(round % 2 == 0 ? one : other, 10);
    }
    check_zeros(one);
    swap(one, other);
    check_zeros(one);
    check_zeros(other);
    one.swap(other);
    check_zeros(one);
    check_zeros(other);
}

template<class C> void every_way() {
    for (const int there : {1, 2}) {
        if (there == 2 && !may_differ<typename C::allocator_type>) break;
        copies<C>(there);
        moves<C>(there);
        swaps<C>(there);
    }
}

template<template<class> class A> void every_container() {
    using Entry = std::pair<const int, int>;
    every_way<std::vector<int, A<int>>>();
    every_way<std::deque<int, A<int>>>();
    every_way<std::list<int, A<int>>>();
    every_way<std::map<int, int, std::less<>, A<Entry>>>();
    every_way<std::unordered_map<int, int, std::hash<int>, std::equal_to<>, A<Entry>>>();
}

// \returns whether fewer than 1 of 100 bytes have memory behind them
template<class C> bool hardly_committed(const C& c) {
    const auto bytes = std::as_bytes(std::span(c));
    return tamalloc::resident_bytes(bytes).value_or(bytes.size()) < bytes.size() / 100;
}

template<template<class> class A> void laziness() {
    std::vector<double, A<double>> v(std::size_t{1} << 21, personality<A<double>>(1));   // 16 MiB
    VERIFY(hardly_committed(v));
    v[v.size() / 2] = 1;
    VERIFY(hardly_committed(v));
    auto moved = std::move(v);
    VERIFY(hardly_committed(moved) && moved[moved.size() / 2] == 1 && moved.back() == 0);
}

}   // namespace

int main() {
    every_container<Unequal>();
    every_container<Propagating>();
    __gnu_test::tracker_allocator_counter::reset();
    every_container<Tracker>();
    VERIFY(__gnu_test::tracker_allocator_counter::get_allocation_count() ==
           __gnu_test::tracker_allocator_counter::get_deallocation_count());
    VERIFY(__gnu_test::tracker_allocator_counter::get_construct_count() ==
           __gnu_test::tracker_allocator_counter::get_destruct_count());
    laziness<Unequal>();
    laziness<Tracker>();
}
