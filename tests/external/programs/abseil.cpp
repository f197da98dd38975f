// SPDX-License-Identifier: MIT
// Abseil: a flat hash map counts the steps of a random walk, and a B-tree puts them in order.
#include <cstdint>   // std::uint64_t
#include <memory>    // std::allocator
#include <random>    // std::mt19937_64
#include <utility>   // std::pair

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include "tamalloc/allocator.hpp"
#include "work.hpp"

namespace {

using Key = std::uint64_t;
template<template<class> class Allocator>
using Counts = absl::flat_hash_map<Key, Key, absl::Hash<Key>, std::equal_to<>, Allocator<std::pair<const Key, Key>>>;
template<template<class> class Allocator>
using Ordered = absl::btree_map<Key, Key, std::less<>, Allocator<std::pair<const Key, Key>>>;

template<template<class> class Allocator> std::uint64_t walk() {
    Counts<Allocator> counts;
    std::mt19937_64 random(1);
    Key place = 1 << 20;
    for (int step = 0; step < 3'000'000; ++step) {
        ++counts[place];
        place += random() % 2 == 0 ? random() % 1000 : -(random() % 1000);
        if (step % 5 == 0) counts.erase(place - random() % 1000);
    }
    Ordered<Allocator> ordered(counts.begin(), counts.end());
    work::Checksum sum;
    for (const auto& [where, how_often] : ordered) {
        sum.add(where);
        sum.add(how_often);
    }
    return sum.value();
}

}   // namespace

template<class T> using Ours = tamalloc::Allocator<T>;

int main(int argc, char** argv) { return work::compare(argc, argv, walk<std::allocator>, walk<Ours>); }
