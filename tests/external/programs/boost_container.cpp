// SPDX-License-Identifier: MIT
// Boost.Container: an index of words in a flat map of small vectors, and a stable vector. It constructs elements that are trivially
// copyable without asking the allocator, so ours must elide nothing: the case for PageAllocator.
#include <cstdint>   // std::uint64_t
#include <memory>    // std::allocator
#include <random>    // std::mt19937_64
#include <utility>   // std::pair

#include <boost/container/deque.hpp>
#include <boost/container/flat_map.hpp>
#include <boost/container/stable_vector.hpp>
#include <boost/container/vector.hpp>

#include "tamalloc/allocator.hpp"
#include "work.hpp"

namespace {

namespace bc = boost::container;

template<template<class> class Allocator> std::uint64_t index() {
    using Places = bc::vector<std::uint64_t, Allocator<std::uint64_t>>;
    using Entry = std::pair<std::uint64_t, Places>;
    bc::flat_map<std::uint64_t, Places, std::less<>, Allocator<Entry>> places;
    bc::deque<std::uint64_t, Allocator<std::uint64_t>> text;
    std::mt19937_64 random(4);
    for (std::uint64_t i = 0; i < 1'500'000; ++i) {
        text.push_back((random() % 50) * (random() % 200));
        places[text.back()].push_back(i);
    }
    bc::vector<std::uint64_t, Allocator<std::uint64_t>> seen(10'000);
    bc::stable_vector<std::uint64_t, Allocator<std::uint64_t>> order;
    for (const auto& [word, where] : places) {
        seen.resize(word % 1000);   // what comes again must be 0
        seen.resize(10'000);
        for (const auto place : where) seen[place % seen.size()] += text[place];
        order.push_back(seen[word] + seen[9'999 - word] + where.size());
    }
    work::Checksum sum;
    for (const auto value : order) sum.add(value);
    for (const auto value : seen) sum.add(value);
    return sum.value();
}

}   // namespace

int main(int argc, char** argv) {
    return work::compare(argc, argv, index<std::allocator>, index<tamalloc::PageAllocator>);
}
