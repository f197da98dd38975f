// SPDX-License-Identifier: MIT
// range-v3: a histogram over all numbers of 26 bits of which few occur, and what its views and actions find in it.
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint32_t, std::uint64_t
#include <memory>    // std::allocator
#include <random>    // std::mt19937_64
#include <utility>   // std::move
#include <vector>    // std::vector

#include <range/v3/action/sort.hpp>
#include <range/v3/action/unique.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/chunk.hpp>
#include <range/v3/view/generate_n.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/transform.hpp>

#include "tamalloc/allocator.hpp"
#include "work.hpp"

namespace {

template<class T, template<class> class Allocator> using Vector = std::vector<T, Allocator<T>>;

template<template<class> class Allocator> std::uint64_t histogram() {
    Vector<std::uint32_t, Allocator> counts(std::size_t{1} << 26);   // 256 MiB
    std::mt19937_64 random(3);
    const auto numbers =
        ranges::views::generate_n([&] { return ((random() % 16) << 22) + (random() % 1000) * (random() % 100); },
                                  1'000'000) |
        ranges::to<Vector<std::uint64_t, Allocator>>();
    for (const auto n : numbers) ++counts[n];
    const auto seen = Vector<std::uint64_t, Allocator>(numbers) | ranges::actions::sort | ranges::actions::unique;
    work::Checksum sum;
    for (const auto chunk :
         seen | ranges::views::transform([&](auto n) { return n * counts[n]; }) | ranges::views::chunk(100))
        for (const auto value : chunk) sum.add(value);
    sum.add(counts[counts.size() - 1]);
    return sum.value();
}

}   // namespace

template<class T> using Ours = tamalloc::Allocator<T>;

int main(int argc, char** argv) { return work::compare(argc, argv, histogram<std::allocator>, histogram<Ours>); }
