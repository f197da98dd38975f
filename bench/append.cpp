// SPDX-License-Identifier: MIT
// Question: what does it cost to append 1 GiB, one element at a time, to a vector that was not told how long it will be, and
// how much memory does that take at most?
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cell.hpp"
#include "tamalloc/allocator.hpp"
#include "tamalloc/sparse_vector.hpp"

namespace {

template<class Vector> void append(benchmark::State& state) {
    const auto once = [] {
        Vector v;
        for (std::uint64_t i = 0; i < bench::gib / sizeof(std::uint64_t); ++i)
            v.push_back(i);   // NOLINT(performance-inefficient-vector-operation): the question
        benchmark::DoNotOptimize(v.data());
        benchmark::ClobberMemory();
    };
    bench::MemoryCounters counters;
    bench::warm_up(once, 1);   // a virtual machine may have to get the memory from its host first
    counters.begin();
    for (auto _ : state) once();
    counters.report(state, static_cast<double>(state.iterations()));
}

using Standard = std::vector<std::uint64_t>;
using Lazy = tamalloc::vector<std::uint64_t>;
using Sparse = tamalloc::SparseVector<std::uint64_t>;

}   // namespace

BENCHMARK_TEMPLATE(append, Standard);
BENCHMARK_TEMPLATE(append, Lazy);
BENCHMARK_TEMPLATE(append, Sparse);
