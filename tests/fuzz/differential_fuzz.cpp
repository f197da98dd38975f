// SPDX-License-Identifier: MIT
// Hazard: a container reaches its allocator along paths that nobody thinks of, and one wrong belief in fresh memory shows
// old bytes as new elements. So every history of operations must look the same through Allocator<T> and pmr::Allocator<T>
// as through std::allocator<T>. The sources reuse addresses, poison what is freed, and place blocks back to back; resources
// are unequal, and every block must come back to its own.
//
// Usage: differential_fuzz [--steps N] [--seconds S] [--seed K]
// N operations over all kinds of container; with S again and again, each time with the next seed, until the time is over.
// Exit status: 0, 1 when a container differs, 2 for bad arguments.
#include <algorithm>       // std::all_of, std::equal, std::fill, std::max, std::min_element
#include <array>           // std::array
#include <cstddef>         // std::size_t
#include <cstdint>         // std::uint64_t
#include <cstdio>          // std::fflush, std::printf
#include <deque>           // std::deque
#include <functional>      // std::equal_to, std::hash, std::less
#include <iterator>        // std::next
#include <list>            // std::list
#include <map>             // std::map
#include <optional>        // std::optional
#include <random>          // std::mt19937_64
#include <string>          // std::basic_string
#include <type_traits>     // std::is_constructible_v
#include <unordered_map>   // std::unordered_map
#include <utility>         // std::move, std::pair, std::swap
#include <vector>          // std::vector

#include "fuzz/arguments.hpp"   // parse, repeat
#include "nasty_resource.hpp"   // NastyResource
#include "tamalloc/allocator.hpp"
#include "tamalloc/error.hpp"                   // result
#include "tamalloc/memory_resource.hpp"         // pmr::Allocator
#include "tamalloc/testing/nasty_sources.hpp"   // AdjacentSource, LifoSource

namespace {

using support::NastyResource;
using tamalloc::AllocatorOptions;
using tamalloc::Zeroing;
using tamalloc::testing::AdjacentSource;
using tamalloc::testing::LifoSource;

struct Line {   // as large as the unit of AdjacentSource: fills a block to the last byte
    std::array<int, 16> values;

    Line() = default;
    explicit Line(int x) { values.fill(x); }
    friend bool operator==(const Line&, const Line&) = default;
};
static_assert(sizeof(Line) == 64 && tamalloc::ZeroInitializable<Line>);

// One operation, drawn once and applied to the containers of both sides.
struct Step {
    unsigned kind;
    std::size_t i, j;   // on which container, and with which other
    std::size_t n;      // how many elements
    std::size_t at;     // where; modulo what is there
    int value;          // often 0
    bool same_memory;   // whether the allocators are equal, as the standard wants it where nodes change hands
};

constexpr std::size_t group_size = 4;
template<class C> using Group = std::array<C, group_size>;

template<class C> auto nth(C& c, std::size_t n) {
    return std::next(c.begin(), static_cast<typename C::difference_type>(n));
}
template<class C> auto any_place(C& c, const Step& s) { return nth(c, s.at % (c.size() + 1)); }
template<class C> auto any_element(C& c, const Step& s) { return nth(c, s.at % c.size()); }   // \requires !c.empty()

// What every container does: how storage and allocators change hands.
constexpr unsigned common_kinds = 8;
template<class C> void apply_common(unsigned kind, const Step& s, C& c, C& other) {
    switch (kind) {
    case 0: c.clear(); break;
    case 1: c = other; break;
    case 2:
        if (&c == &other) break;
        c = std::move(other);
        other.clear();
        break;
    case 3: c.swap(other); break;
    case 4: {
        C moved(std::move(other));   // and the source goes on living
        other.clear();
        c = other;
        other = std::move(moved);
        break;
    }
    case 5: {
        C moved(std::move(other), c.get_allocator());
        other.clear();
        c.swap(moved);
        break;
    }
    case 6: {
        C copy(other, c.get_allocator());
        std::swap(c, copy);
        break;
    }
    case 7: {
        auto allocator = c.get_allocator();
        auto another = allocator;
        allocator = another;
        C first(allocator), second(std::move(another));
        if (s.n % 2 == 0) c = std::move(s.n % 4 == 0 ? first : second);
        break;
    }
    default: break;
    }
}

constexpr unsigned sequence_kinds = 32;
template<class C> void apply_to_sequence(unsigned kind, const Step& s, C& c, C& other) {
    using T = typename C::value_type;
    const auto value = static_cast<T>(s.value);
    const auto few = s.n % 9;
    switch (kind) {
    case 0:
    case 1:
    case 2: c.resize(s.n); break;
    case 3: c.resize(s.n, value); break;
    case 4: std::fill(c.begin(), c.end(), value); break;
    case 5: c.push_back(value); break;
    case 6:
        if (!c.empty()) c.pop_back();
        break;
    case 7:
        if (!c.empty()) c.erase(any_element(c, s));
        break;
    case 8: c.erase(any_place(c, s), c.end()); break;
    case 9: c.erase(c.begin(), any_place(c, s)); break;
    case 10: c.insert(any_place(c, s), value); break;
    case 11: c.insert(any_place(c, s), few, value); break;
    case 12: {
        const std::vector<T> range(few, value);
        c.insert(any_place(c, s), range.begin(), range.end());
        break;
    }
    case 13: c.assign(s.n, value); break;
    case 14: {
        const std::vector<T> range(s.n, value);
        c.assign(range.begin(), range.end());
        break;
    }
    case 15: c.assign({value, T{}, value}); break;
    case 16:
        if constexpr (requires { c.shrink_to_fit(); }) c.shrink_to_fit();
        break;
    case 17:
        if constexpr (requires { c.reserve(s.n); }) c.reserve(s.n);
        break;
    case 18:
        if constexpr (requires { c.emplace_back(); }) c.emplace_back();
        break;
    case 19:
        if constexpr (requires { c.emplace(c.begin()); }) c.emplace(any_place(c, s));
        break;
    case 20:
        if constexpr (requires { c.emplace_front(); }) c.emplace_front();
        break;
    case 21:
        if constexpr (requires { c.push_front(value); }) c.push_front(value);
        break;
    case 22:
        if constexpr (requires { c.pop_front(); })
            if (!c.empty()) c.pop_front();
        break;
    case 23:   // an argument that lives in the container
        if (!c.empty()) c.push_back(c.front());
        break;
    case 24:
        if (!c.empty()) c.insert(any_place(c, s), c.back());
        break;
    case 25:
        if constexpr (requires { C(s.n); }) c = C(s.n);
        break;
    case 26: c = C(s.n, value); break;
    case 27: {
        C moved(std::move(other), c.get_allocator());
        other.clear();
        moved.resize(s.n);
        c.swap(moved);
        other.resize(few);
        break;
    }
    case 28: {
        C copy(other);
        copy.resize(s.n);
        c = std::move(copy);
        break;
    }
    case 29: {   // two containers with one allocator's copies
        C twin(c.get_allocator());
        twin.resize(s.n, value);
        twin.clear();
        std::swap(c, twin);
        c.resize(s.n / 2);
        break;
    }
    case 30: {
        C moved(std::move(other));
        other.clear();
        other.resize(few);
        moved.resize(s.n);
        c = std::move(moved);
        break;
    }
    case 31:
        if constexpr (requires { c.splice(c.begin(), other); }) {
            if (&c != &other && s.same_memory) c.splice(any_place(c, s), other);
        } else if constexpr (requires { c.append(other); }) {
            c.append(other).replace(0, few, other);
        } else if constexpr (requires { c.flip(); }) {
            c.flip();
        }
        break;
    default: break;
    }
    if (c.size() > 1000) c.clear();
}

// Moves the node with the least key from one container to the other, with another key.
template<class C> void hand_over_node(C& from, C& to, int key) {
    auto node = from.extract(std::min_element(from.begin(), from.end())->first);
    node.key() = key;
    to.insert(std::move(node));
}

constexpr unsigned map_kinds = 12;
template<class C> void apply_to_map(unsigned kind, const Step& s, C& c, C& other) {
    const auto key = static_cast<int>(s.at % 50);
    switch (kind) {
    case 0:
    case 1: c[key]; break;
    case 2: c[key] = s.value; break;
    case 3: c.insert({key, s.value}); break;
    case 4: c.emplace(key, s.value); break;
    case 5: c.try_emplace(key); break;
    case 6: c.insert_or_assign(key, s.value); break;
    case 7: c.erase(key); break;
    case 8:
        if (!other.empty() && s.same_memory) hand_over_node(other, c, key);
        break;
    case 9:
        if (&c != &other && s.same_memory) c.merge(other);
        break;
    case 10: {
        const std::vector<std::pair<const int, int>> range{{key, s.value}, {key + 1, 0}, {key + 2, s.value}};
        c.insert(range.begin(), range.end());
        break;
    }
    case 11:
        if constexpr (requires { c.rehash(s.n); }) c.rehash(s.n);
        else c.erase(c.begin(), c.lower_bound(key));
        break;
    default: break;
    }
}

template<class C>
concept Map = requires { typename C::mapped_type; };

template<class C> constexpr unsigned own_kinds = Map<C> ? map_kinds : sequence_kinds;

template<class C> void apply(const Step& s, Group<C>& containers) {
    C& c = containers[s.i];
    C& other = containers[s.j];
    if (s.kind >= own_kinds<C>) apply_common(s.kind - own_kinds<C>, s, c, other);
    else if constexpr (Map<C>) apply_to_map(s.kind, s, c, other);
    else apply_to_sequence(s.kind, s, c, other);
}

template<class C> Step draw(std::mt19937_64& random, const Group<C>& containers) {
    const auto below = [&random](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const bool common = below(5) == 0;   // not more: they empty many containers
    const auto kind = common ? own_kinds<C> + below(common_kinds) : below(own_kinds<C>);
    const auto i = below(group_size), j = below(group_size);
    return {.kind = kind,
            .i = i,
            .j = j,
            .n = below(60),
            .at = below(1000),
            .value = static_cast<int>(below(3) * below(1000)),
            .same_memory = containers[i].get_allocator() == containers[j].get_allocator()};
}

// Elements that are moved one by one, between unequal resources, may come to another place in an unordered_map.
template<class Tested, class Reference> bool same(const Tested& tested, const Reference& reference) {
    if constexpr (requires { tested.bucket_count(); }) {
        return tested.size() == reference.size() && std::all_of(tested.begin(), tested.end(), [&](const auto& element) {
                   const auto found = reference.find(element.first);
                   return found != reference.end() && found->second == element.second;
               });
    } else {
        return std::equal(tested.begin(), tested.end(), reference.begin(), reference.end());
    }
}

// Two for containers to choose from, and the one that is used by default.
std::array<NastyResource, 3>& resources() {
    static std::array<NastyResource, 3> all;
    return all;
}

template<class C> Group<C> make_group() {
    if constexpr (std::is_constructible_v<typename C::allocator_type, tamalloc::ZeroedResource*>) {
        auto& [x, y, by_default] = resources();
        tamalloc::set_default_zeroed_resource(&by_default);
        using A = typename C::allocator_type;
        return {C(A(&x)), C(A(&y)), C(A(&x)), C(A(&y))};
    } else {
        return {};
    }
}

// \returns the step after which the two sides differ, or behind the last one where a block is not back
template<class Tested, class Reference>
std::optional<std::uint64_t> first_difference(std::uint64_t seed, std::uint64_t steps) {
    std::mt19937_64 random(seed);
    {
        auto tested = make_group<Tested>();
        Group<Reference> reference;
        for (std::uint64_t step = 0; step < steps; ++step) {
            const Step s = draw(random, tested);
            apply(s, tested);
            apply(s, reference);
            for (const auto k : {s.i, s.j})
                if (!same(tested[k], reference[k])) return step;
        }
    }
    for (const auto& resource : resources())
        if (resource.live_blocks() != 0) return steps;
    return std::nullopt;
}

// One of the nasty sources, the same as long as there is a block. Not a parameter of the containers: each of them is compiled once.
struct NastySource : LifoSource {
    static inline bool adjacent = false;

    [[nodiscard]] tamalloc::result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        return adjacent ? AdjacentSource{}.map(n, align) : LifoSource{}.map(n, align);
    }
    void unmap(std::byte* p, std::size_t n) const noexcept {
        if (adjacent) AdjacentSource{}.unmap(p, n);
        else LifoSource{}.unmap(p, n);
    }
};
static_assert(LifoSource::granularity() == AdjacentSource::granularity());

struct Kind {
    std::string name;
    std::optional<std::uint64_t> (*first_difference)(std::uint64_t seed, std::uint64_t steps);
    bool adjacent = false;
    std::uint64_t operations = 0;
};

template<class T, Zeroing Zero = Zeroing::value_init>
using Tested = tamalloc::Allocator<T, NastySource, AllocatorOptions{.page_threshold = 1, .zero = Zero}>;

template<template<class...> class C, class T> void add_sequence(std::vector<Kind>& kinds, const std::string& name) {
    using enum Zeroing;
    for (const bool adjacent : {false, true}) {
        const auto prefix = name + (adjacent ? " adjacent" : " lifo");
        kinds.push_back({prefix + " value_init", first_difference<C<T, Tested<T, value_init>>, C<T>>, adjacent});
        kinds.push_back({prefix + " zero_copies", first_difference<C<T, Tested<T, zero_copies>>, C<T>>, adjacent});
        kinds.push_back({prefix + " eager", first_difference<C<T, Tested<T, eager>>, C<T>>, adjacent});
    }
}

std::vector<Kind> all_kinds() {
    using Pair = std::pair<const int, int>;
    using Bools = std::vector<bool, Tested<bool>>;
    using List = std::list<int, Tested<int>>;
    using String = std::basic_string<char, std::char_traits<char>, Tested<char>>;
    using Tree = std::map<int, int, std::less<int>, Tested<Pair>>;
    using Table = std::unordered_map<int, int, std::hash<int>, std::equal_to<int>, Tested<Pair>>;
    std::vector<Kind> kinds;
    add_sequence<std::vector, int>(kinds, "vector<int>");
    add_sequence<std::vector, Line>(kinds, "vector<Line>");
    add_sequence<std::vector, char>(kinds, "vector<char>");
    add_sequence<std::deque, int>(kinds, "deque<int>");
    add_sequence<std::deque, Line>(kinds, "deque<Line>");
    add_sequence<std::deque, char>(kinds, "deque<char>");
    using tamalloc::pmr::Allocator;
    using PmrList = std::list<int, Allocator<int>>;
    using PmrString = std::basic_string<char, std::char_traits<char>, Allocator<char>>;
    using PmrTree = std::map<int, int, std::less<int>, Allocator<Pair>>;
    using PmrTable = std::unordered_map<int, int, std::hash<int>, std::equal_to<int>, Allocator<Pair>>;
    kinds.push_back({"pmr::vector<int>", first_difference<tamalloc::pmr::vector<int>, std::vector<int>>});
    kinds.push_back({"pmr::vector<Line>", first_difference<tamalloc::pmr::vector<Line>, std::vector<Line>>});
    kinds.push_back({"pmr::vector<char>", first_difference<tamalloc::pmr::vector<char>, std::vector<char>>});
    kinds.push_back({"pmr::deque<int>", first_difference<tamalloc::pmr::deque<int>, std::deque<int>>});
    kinds.push_back({"pmr list<int>", first_difference<PmrList, std::list<int>>});
    kinds.push_back({"pmr string", first_difference<PmrString, std::string>});
    kinds.push_back({"pmr map<int, int>", first_difference<PmrTree, std::map<int, int>>});
    kinds.push_back({"pmr unordered_map<int, int>", first_difference<PmrTable, std::unordered_map<int, int>>});
    kinds.push_back({"vector<bool>", first_difference<Bools, std::vector<bool>>});
    kinds.push_back({"list<int>", first_difference<List, std::list<int>>});
    kinds.push_back({"string", first_difference<String, std::string>});
    kinds.push_back({"map<int, int>", first_difference<Tree, std::map<int, int>>});
    kinds.push_back({"unordered_map<int, int>", first_difference<Table, std::unordered_map<int, int>>});
    return kinds;
}

}   // namespace

int main(int argc, char** argv) {
    const auto arguments = fuzz::parse(argc, argv);
    auto kinds = all_kinds();
    const auto share = (arguments.steps + kinds.size() - 1) / kinds.size();
    const bool equal = fuzz::repeat(arguments, [&](std::uint64_t seed) {
        std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
        std::fflush(stdout);   // a crash must not take it along
        for (auto& kind : kinds) {
            NastySource::adjacent = kind.adjacent;
            if (const auto step = kind.first_difference(seed, share)) {
                std::printf("%s differs from std: seed %llu, step %llu; to repeat: --steps %llu --seed %llu\n",
                            kind.name.c_str(), static_cast<unsigned long long>(seed),
                            static_cast<unsigned long long>(*step), static_cast<unsigned long long>(arguments.steps),
                            static_cast<unsigned long long>(seed));
                return false;
            }
            kind.operations += share;
        }
        return true;
    });
    if (!equal) return 1;
    for (const auto& kind : kinds)
        std::printf("%-32s %12llu operations\n", kind.name.c_str(), static_cast<unsigned long long>(kind.operations));
    return 0;
}
