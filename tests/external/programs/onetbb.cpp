// SPDX-License-Identifier: MIT
// oneTBB: two threads fill a concurrent vector and a concurrent hash map. They use the allocator of the container at the same
// time, which an allocator that remembers what is fresh does not allow: the case for PageAllocator, which remembers nothing.
#include <algorithm>   // std::sort
#include <cstddef>     // std::size_t
#include <cstdint>     // std::uint64_t
#include <memory>      // std::allocator
#include <utility>     // std::pair

#include <oneapi/tbb/concurrent_hash_map.h>
#include <oneapi/tbb/concurrent_vector.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include "tamalloc/allocator.hpp"
#include "work.hpp"

namespace {

using Number = std::uint64_t;
using Entry = std::pair<const Number, Number>;

Number steps_to_one(Number n) {   // of Collatz
    Number steps = 0;
    for (; n != 1; ++steps) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return steps;
}

template<template<class> class Allocator> std::uint64_t collatz() {
    const tbb::global_control two(tbb::global_control::max_allowed_parallelism, 2);
    constexpr Number limit = 400'000;
    tbb::concurrent_vector<Number, Allocator<Number>> longest;
    tbb::concurrent_hash_map<Number, Number, tbb::tbb_hash_compare<Number>, Allocator<Entry>> how_many;
    tbb::parallel_for(Number{1}, limit, [&](Number n) {
        const auto steps = steps_to_one(n);
        if (steps > 100) longest.push_back(n);
        typename decltype(how_many)::accessor entry;
        how_many.insert(entry, steps + (n % 1024) * 1000);
        ++entry->second;
    });
    std::sort(longest.begin(), longest.end());
    work::Checksum sum;
    for (const auto n : longest) sum.add(n);
    Number total = 0;   // in no order
    for (const auto& [key, count] : how_many) total += key * count;
    sum.add(total);
    sum.add(how_many.size());
    return sum.value();
}

}   // namespace

int main(int argc, char** argv) {
    return work::compare(argc, argv, collatz<std::allocator>, collatz<tamalloc::PageAllocator>);
}
