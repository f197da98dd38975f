// SPDX-License-Identifier: MIT
// Question: how much memory does the process have after it asked for 256 MiB, after it touched 1 % of them, after it freed
// them, and after trim()? Bytes, against the beginning; the time means nothing here.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cell.hpp"
#include "tamalloc/default_source.hpp"

namespace {

template<class Allocator> void resident(benchmark::State& state) {
    double before = 0;
    const auto added = [&before] { return static_cast<double>(tamalloc::testing::memory_use().committed) - before; };
    const auto round = [&](std::int64_t bytes) {
        const auto n = static_cast<std::size_t>(bytes);
        bench::PageSets sets(bytes, 10);
        const auto pages = sets.next();
        before = 0;
        before = added();
        auto* const p = Allocator::allocate(n);
        benchmark::DoNotOptimize(p);
        state.counters["allocated"] = added();
        bench::touch(p, pages);
        state.counters["touched"] = added();
        Allocator::deallocate(p, n);
        state.counters["freed"] = added();
        if constexpr (std::is_same_v<Allocator, bench::Tamalloc>) {
            tamalloc::DefaultSource::trim();
            state.counters["trimmed"] = added();
        }
        state.counters["written"] = static_cast<double>(pages.size()) * static_cast<double>(bench::PageSets::page_size);
    };
    round(bench::mib);   // brings code and tables in, which stay
    for (auto _ : state) round(256 * bench::mib);
    state.counters["budget"] = static_cast<double>(tamalloc::DefaultSource::budget());
}

using bench::Calloc, bench::Tamalloc;

}   // namespace

BENCHMARK_TEMPLATE(resident, Calloc)->Iterations(1);
BENCHMARK_TEMPLATE(resident, Tamalloc)->Iterations(1);
