// SPDX-License-Identifier: MIT
// Question: is the first cycle of a size, of which nothing is kept yet, slower than mmap and munmap?
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <new>

#include <sys/mman.h>

#include "cell.hpp"
#include "tamalloc/default_source.hpp"

namespace {

using bench::gib, bench::kib, bench::mib, bench::Tamalloc;

struct MmapPair {
    [[nodiscard]] static std::byte* allocate(std::size_t n) {
        void* const p = ::mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) throw std::bad_alloc();
        return static_cast<std::byte*>(p);
    }
    static void deallocate(std::byte* p, std::size_t n) noexcept { ::munmap(p, n); }
};

// Eight sizes of as many classes at once, for the clock's sake.
template<class Allocator> void first_cycle(benchmark::State& state) {
    const auto unit = static_cast<std::size_t>(state.range(0)) / 8;
    for (auto _ : state) {
        tamalloc::DefaultSource::trim();
        const auto begin = std::chrono::steady_clock::now();
        for (std::size_t units = 8; units != 16; ++units) {
            auto* const p = Allocator::allocate(units * unit);
            benchmark::DoNotOptimize(p);
            Allocator::deallocate(p, units * unit);
        }
        const std::chrono::duration<double> eight = std::chrono::steady_clock::now() - begin;
        state.SetIterationTime(eight.count() / 8);
    }
}

void sizes(benchmark::internal::Benchmark* cells) {
    cells->ArgName("bytes")->Arg(128 * kib)->Arg(mib)->Arg(16 * mib)->Arg(256 * mib)->Arg(gib)->Arg(64 * gib);
    cells->UseManualTime();
}

}   // namespace

BENCHMARK_TEMPLATE(first_cycle, Tamalloc)->Apply(sizes);
BENCHMARK_TEMPLATE(first_cycle, MmapPair)->Apply(sizes);
