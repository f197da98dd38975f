// SPDX-License-Identifier: MIT
// Question: what does the cycle of zeroed_cycle cost when two threads do it at once, and when the thread that frees a block
// is not the one that asked for it and wrote to it?
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <stop_token>
#include <thread>

#include "cell.hpp"

namespace {

template<class Allocator> void at_once(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0));
    const auto pages = bench::PageSets(state.range(0), state.range(1));
    const auto once = [n, sets = pages]() mutable {
        auto* const p = Allocator::allocate(n);
        bench::touch(p, sets.next());
        Allocator::deallocate(p, n);
    };
    bench::MemoryCounters counters;
    std::atomic<std::size_t> cycles = 0;   // of both threads
    const std::jthread other([cycle = once, &cycles](const std::stop_token& stop) mutable {
        for (; !stop.stop_requested(); cycles.fetch_add(1, std::memory_order_relaxed)) cycle();
    });
    auto mine = once;
    bench::warm_up(mine);
    counters.begin();
    const auto before = cycles.load();
    for (auto _ : state) mine();
    counters.report(state, static_cast<double>(cycles.load() - before) + static_cast<double>(state.iterations()));
}

template<class Allocator> void handed_over(benchmark::State& state) {
    const auto n = static_cast<std::size_t>(state.range(0));
    bench::PageSets sets(state.range(0), state.range(1));
    bench::MemoryCounters counters;
    std::atomic<std::byte*> slot = nullptr;
    const std::jthread other([n, &slot](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            if (slot.load(std::memory_order_relaxed) == nullptr) std::this_thread::yield();
            else Allocator::deallocate(slot.exchange(nullptr, std::memory_order_acquire), n);
        }
    });
    const auto wait = [&slot] {
        while (slot.load(std::memory_order_relaxed) != nullptr) std::this_thread::yield();
    };
    const auto once = [&] {
        auto* const p = Allocator::allocate(n);
        bench::touch(p, sets.next());
        wait();
        slot.store(p, std::memory_order_release);
    };
    bench::warm_up(once, 4);   // up to three blocks are alive at once
    counters.begin();
    for (auto _ : state) once();
    wait();
    counters.report(state, static_cast<double>(state.iterations()));
}

void cells(benchmark::internal::Benchmark* cells) {
    using bench::mib;
    cells->ArgNames({"bytes", "permille"})->ArgsProduct({{mib, 16 * mib, 64 * mib}, {0, 10, 100, 1000}})->UseRealTime();
}

using bench::Calloc, bench::Tamalloc;

}   // namespace

BENCHMARK_TEMPLATE(at_once, Calloc)->Apply(cells);
BENCHMARK_TEMPLATE(at_once, Tamalloc)->Apply(cells);
BENCHMARK_TEMPLATE(handed_over, Calloc)->Apply(cells);
BENCHMARK_TEMPLATE(handed_over, Tamalloc)->Apply(cells);
