// SPDX-License-Identifier: MIT
// Question: what do blocks of mixed sizes and lifetimes cost? 32 of them are alive, the oldest goes when a new one comes;
// their sizes are log-uniform from 64 KiB to 64 MiB, and 5 % of each is written: the front, as of a buffer that is sized
// for the worst case, or scattered pages.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "cell.hpp"

namespace {

struct Plan {
    std::size_t bytes;
    std::vector<std::uint32_t> pages;
};

enum class Where : unsigned char { front, scattered };

// One round of blocks: each round is the same work, so times of different numbers of rounds compare.
std::vector<Plan> plan_round(Where where) {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> log2_size(16, 26);
    std::vector<Plan> round(256);
    for (auto& [bytes, pages] : round) {
        bytes = static_cast<std::size_t>(std::exp2(log2_size(random)));
        const auto all = static_cast<std::uint32_t>(bytes / static_cast<std::size_t>(bench::PageSets::page_size));
        pages.resize(std::max(all / 20, 1U));
        std::iota(pages.begin(), pages.end(), 0U);
        std::uniform_int_distribution<std::uint32_t> any(0, all - 1);
        if (where == Where::scattered)
            for (auto& page : pages) page = any(random);
        std::ranges::sort(pages);
    }
    return round;
}

template<class Allocator> void mixed(benchmark::State& state, Where where) {
    struct Block {
        std::byte* data = nullptr;
        std::size_t bytes = 0;
    };
    const auto plans = plan_round(where);
    bench::MemoryCounters counters;
    std::array<Block, 32> live;
    std::size_t oldest = 0;
    const auto replace_oldest = [&](std::size_t bytes) {
        auto& [data, size] = live[oldest++ % live.size()];
        if (data != nullptr) Allocator::deallocate(data, size);
        data = bytes == 0 ? nullptr : Allocator::allocate(bytes);
        size = bytes;
        return data;
    };
    const auto round = [&] {
        for (const auto& [bytes, pages] : plans) bench::touch(replace_oldest(bytes), pages);
    };
    bench::warm_up(round);
    counters.begin();
    for (auto _ : state) round();
    counters.report(state, static_cast<double>(state.iterations()) * static_cast<double>(plans.size()));
    for (std::size_t i = 0; i < live.size(); ++i) replace_oldest(0);
}

template<class Allocator> void front(benchmark::State& state) { mixed<Allocator>(state, Where::front); }
template<class Allocator> void scattered(benchmark::State& state) { mixed<Allocator>(state, Where::scattered); }

using bench::Calloc, bench::Tamalloc;

}   // namespace

BENCHMARK_TEMPLATE(front, Calloc)->MinTime(0.1);
BENCHMARK_TEMPLATE(front, Tamalloc)->MinTime(0.1);
BENCHMARK_TEMPLATE(scattered, Calloc)->MinTime(0.1);
BENCHMARK_TEMPLATE(scattered, Tamalloc)->MinTime(0.1);
