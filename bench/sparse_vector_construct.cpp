// SPDX-License-Identifier: MIT
// Question: does it take constant time to build SparseVector<int>(n) and to destroy it, and how many pairs of mmap and
// munmap is that?
#include <benchmark/benchmark.h>

#include <cstddef>

#include <sys/mman.h>

#include "cell.hpp"
#include "tamalloc/sparse_vector.hpp"

namespace {

void sparse_vector(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0)) / sizeof(int);
    bench::MemoryCounters counters;
    counters.begin();
    for (auto _ : state) {
        tamalloc::SparseVector<int> v(n);
        benchmark::DoNotOptimize(v.data());
    }
    counters.report(state, static_cast<double>(state.iterations()));
}

void mmap_pair(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0));
    bench::MemoryCounters counters;
    counters.begin();
    for (auto _ : state) {
        void* const p = ::mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            state.SkipWithError("mmap failed");
            break;
        }
        ::munmap(p, n);
    }
    counters.report(state, static_cast<double>(state.iterations()));
}

void sizes(benchmark::internal::Benchmark* cells) {
    using bench::gib, bench::mib;
    cells->ArgName("bytes")->Arg(mib)->Arg(64 * mib)->Arg(gib)->Arg(64 * gib)->Arg(1024 * gib);
}

}   // namespace

BENCHMARK(sparse_vector)->Apply(sizes);
BENCHMARK(mmap_pair)->Apply(sizes);
