// SPDX-License-Identifier: MIT
// Question: what does a cycle cost that asks for a zeroed block, writes one byte in a fraction of its pages, and frees it?
// same_pages: the same random pages in each cycle. other_pages: others each time, where keeping pages can only lose.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "cell.hpp"

namespace {

template<class Allocator> void cycle(benchmark::State& state, bench::PageSets sets, int warm_ups) {
    const auto n = static_cast<std::size_t>(state.range(0));
    bench::MemoryCounters counters;
    const auto once = [&] {
        auto* const p = Allocator::allocate(n);
        bench::touch(p, sets.next());
        Allocator::deallocate(p, n);
    };
    bench::warm_up(once, warm_ups);
    counters.begin();
    for (auto _ : state) once();
    counters.report(state, static_cast<double>(state.iterations()));
}

template<class Allocator> void same_pages(benchmark::State& state) {
    cycle<Allocator>(state, {state.range(0), state.range(1)}, 2);
}

// Warm is what has had every page once.
template<class Allocator> void other_pages(benchmark::State& state) {
    cycle<Allocator>(state, {state.range(0), state.range(1), 3}, static_cast<int>(1000 / state.range(1)));
}

using bench::Calloc, bench::gib, bench::kib, bench::mib, bench::Tamalloc;

void same_cells(benchmark::internal::Benchmark* cells) {
    cells->ArgNames({"bytes", "permille"});
    cells->ArgsProduct({{4 * kib, 64 * kib, 128 * kib, 256 * kib, mib, 4 * mib, 16 * mib, 64 * mib, 256 * mib, gib},
                        {0, 1, 10, 100, 1000}});
}

void other_cells(benchmark::internal::Benchmark* cells) {
    cells->ArgNames({"bytes", "permille"});
    cells->ArgsProduct({{mib, 4 * mib, 16 * mib, 64 * mib, 256 * mib, gib}, {10, 100}});
    cells->MinTime(0.1);   // what is kept grows over many cycles
}

}   // namespace

BENCHMARK_TEMPLATE(same_pages, Calloc)->Apply(same_cells);
BENCHMARK_TEMPLATE(same_pages, Tamalloc)->Apply(same_cells);
BENCHMARK_TEMPLATE(other_pages, Calloc)->Apply(other_cells);
BENCHMARK_TEMPLATE(other_pages, Tamalloc)->Apply(other_cells);
