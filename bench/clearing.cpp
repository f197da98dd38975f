// SPDX-License-Identifier: MIT
// Question: what would it cost to bring a block of which some pages were written back to zero in another way than by
// PAGEMAP_SCAN? mincore(2) is no way, since it takes what is out in swap space for untouched; it is here for its time.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cell.hpp"
#include "tamalloc/mmap_source.hpp"

namespace {

using Source = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;

// One cycle: write one byte in each of the pages, then clear(p, n).
template<class Clear> void cycle(benchmark::State& state, Clear clear) {
    const auto n = static_cast<std::size_t>(state.range(0));
    bench::MemoryCounters counters;
    bench::PageSets sets(state.range(0), state.range(1));
    auto* const p = Source{}.map(n, 1).value();
    const auto once = [&] {
        bench::touch(p, sets.next());
        clear(p, n);
    };
    bench::warm_up(once);
    counters.begin();
    for (auto _ : state) once();
    counters.report(state, static_cast<double>(state.iterations()));
    Source{}.unmap(p, n);
}

template<class Entry> void clear_where(std::byte* p, const std::vector<Entry>& pages, Entry mask) {
    for (std::size_t i = 0; i != pages.size(); ++i)
        if ((pages[i] & mask) != 0) std::memset(p + i * Source::granularity(), 0, Source::granularity());
}

void scan(benchmark::State& state) {
    cycle(state, [](std::byte* p, std::size_t n) { benchmark::DoNotOptimize(Source{}.clear(p, n, n)); });
}

void read_pagemap(benchmark::State& state) {
    const int fd = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    std::vector<std::uint64_t> entries(static_cast<std::size_t>(state.range(0)) / Source::granularity());
    cycle(state, [&](std::byte* p, std::size_t) {
        const auto at = reinterpret_cast<std::uintptr_t>(p) / Source::granularity() * sizeof(std::uint64_t);
        if (::pread(fd, entries.data(), entries.size() * sizeof(std::uint64_t), static_cast<off_t>(at)) < 0)
            state.SkipWithError("/proc/self/pagemap cannot be read");
        clear_where(p, entries, std::uint64_t{1} << 63);
    });
    ::close(fd);
}

void mincore(benchmark::State& state) {
    std::vector<unsigned char> entries(static_cast<std::size_t>(state.range(0)) / Source::granularity());
    cycle(state, [&](std::byte* p, std::size_t n) {
        if (::mincore(p, n, entries.data()) != 0) state.SkipWithError("mincore failed");
        clear_where<unsigned char>(p, entries, 1);
    });
}

// The next cycle faults the pages in again.
void give_back(benchmark::State& state) {
    cycle(state, [](std::byte* p, std::size_t n) { ::madvise(p, n, MADV_DONTNEED); });
}

void cells(benchmark::internal::Benchmark* cells) {
    using bench::gib, bench::mib;
    cells->ArgNames({"bytes", "permille"})->ArgsProduct({{mib, 4 * mib, 16 * mib, 64 * mib, 256 * mib, gib}, {1, 10}});
}

}   // namespace

BENCHMARK(scan)->Apply(cells);
BENCHMARK(read_pagemap)->Apply(cells);
BENCHMARK(mincore)->Apply(cells);
BENCHMARK(give_back)->Apply(cells);
