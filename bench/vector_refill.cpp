// SPDX-License-Identifier: MIT
// Question: what does the allocator's construct() cost where memory is warm and every element is written anyway? It keeps
// the standard library from using memcpy and memset: here tamalloc::Allocator can only lose.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "tamalloc/allocator.hpp"

namespace {

constexpr std::size_t bytes = 256 * 1024;   // stays in the cache, and is above the page threshold

// Runs fill(v) on an empty vector with room, so that every element is constructed, not assigned.
template<class Vector, class Fill> void refill(benchmark::State& state, Fill fill) {
    const std::size_t n = bytes / sizeof(typename Vector::value_type);
    Vector v(n, typename Vector::value_type{1});
    for (auto _ : state) {
        v.clear();
        fill(v, n);
        benchmark::DoNotOptimize(v.data());
        benchmark::ClobberMemory();
    }
    state.counters["ns/element"] = benchmark::Counter(
        static_cast<double>(n) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template<class Vector> void assign(benchmark::State& state) {
    const Vector source(bytes / sizeof(typename Vector::value_type), typename Vector::value_type{1});
    refill<Vector>(state, [&](Vector& v, std::size_t) { v.assign(source.begin(), source.end()); });
}

template<class Vector> void regrow(benchmark::State& state) {
    refill<Vector>(state, [](Vector& v, std::size_t n) { v.resize(n); });
}

template<class T> using Standard = std::vector<T>;
template<class T> using Lazy = tamalloc::vector<T>;
template<class T> using Eager = std::vector<T, tamalloc::PageAllocator<T>>;

}   // namespace

#define TAMALLOC_BENCH(Vector)                                                                                         \
    BENCHMARK_TEMPLATE(assign, Vector);                                                                                \
    BENCHMARK_TEMPLATE(regrow, Vector)

TAMALLOC_BENCH(Standard<char>);
TAMALLOC_BENCH(Lazy<char>);
TAMALLOC_BENCH(Eager<char>);
TAMALLOC_BENCH(Standard<int>);
TAMALLOC_BENCH(Lazy<int>);
TAMALLOC_BENCH(Eager<int>);
TAMALLOC_BENCH(Standard<double>);
TAMALLOC_BENCH(Lazy<double>);
TAMALLOC_BENCH(Eager<double>);
