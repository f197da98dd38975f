// SPDX-License-Identifier: MIT
// Question: what does it cost to write every byte of 1 GiB of fresh memory, with and without huge pages?
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>

#include "cell.hpp"
#include "tamalloc/mmap_source.hpp"

namespace {

using tamalloc::HugePages;

bool kernel_has_huge_pages() {
    std::string modes;
    std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"), modes);
    return !modes.empty() && modes.find("[never]") == std::string::npos;
}

template<HugePages Huge> void first_touch(benchmark::State& state) {
    constexpr std::size_t n = bench::gib;
    constexpr tamalloc::MmapSource<tamalloc::MmapOptions{.huge = Huge}> source;
    if (Huge == HugePages::prefer && !kernel_has_huge_pages()) {
        state.SkipWithError("this kernel has no transparent huge pages");
        return;
    }
    const auto map_and_write = [&] {
        auto* const p = source.map(n, 1).value();
        std::memset(p, 1, n);
        benchmark::DoNotOptimize(p);
        benchmark::ClobberMemory();
        return p;
    };
    bench::MemoryCounters counters;
    // A virtual machine may have to get the memory from its host first.
    bench::warm_up([&] { source.unmap(map_and_write(), n); });
    counters.begin();
    for (auto _ : state) {
        auto* const p = map_and_write();
        state.PauseTiming();
        source.unmap(p, n);
        state.ResumeTiming();
    }
    counters.report(state, static_cast<double>(state.iterations()));
}

constexpr auto never = HugePages::never, prefer = HugePages::prefer;

}   // namespace

BENCHMARK_TEMPLATE(first_touch, never);
BENCHMARK_TEMPLATE(first_touch, prefer);
