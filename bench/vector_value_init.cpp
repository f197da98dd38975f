// SPDX-License-Identifier: MIT
// Question: what does std::vector<T>(n), built and destroyed, cost with std::allocator and with tamalloc::Allocator, when
// none of its elements is written afterwards, and when all are?
// Beside the time: minor faults and resident bytes per cycle, which do not depend on the clock.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tamalloc/allocator.hpp"
#include "tamalloc/testing/memory_use.hpp"

namespace {

template<std::size_t Bytes> struct Element {
    std::array<std::uint64_t, Bytes / sizeof(std::uint64_t)> words;
};

template<class T> void write(T& element) { reinterpret_cast<unsigned char&>(element) = 1; }

template<class Vector, bool Write> void value_init(benchmark::State& state) {
    const auto bytes = static_cast<std::size_t>(state.range(0));
    const auto n = bytes / sizeof(typename Vector::value_type);
    std::uint64_t faults = 0, committed = 0;
    for (auto _ : state) {
        state.PauseTiming();
        const auto before = tamalloc::testing::memory_use();
        state.ResumeTiming();
        {
            Vector v(n);
            benchmark::DoNotOptimize(v.data());
            if constexpr (Write)
                for (auto& element : v) write(element);
            benchmark::ClobberMemory();
            state.PauseTiming();
            const auto added = tamalloc::testing::memory_use() - before;
            faults += added.minor_faults;
            committed += added.committed;
            state.ResumeTiming();
        }
    }
    const auto cycles = static_cast<double>(state.iterations());
    state.counters["ns/element"] = benchmark::Counter(
        static_cast<double>(n) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    state.counters["faults"] = static_cast<double>(faults) / cycles;
    state.counters["committed_MiB"] = static_cast<double>(committed) / cycles / (1 << 20);
}

template<class T, bool Write> void standard(benchmark::State& state) { value_init<std::vector<T>, Write>(state); }
template<class T, bool Write> void lazy(benchmark::State& state) { value_init<tamalloc::vector<T>, Write>(state); }

constexpr std::int64_t small = 1 << 20, large = 1 << 30;

}   // namespace

#define TAMALLOC_BENCH(T)                                                                                              \
    BENCHMARK_TEMPLATE(standard, T, false)->Arg(small)->Arg(large)->Unit(benchmark::kMicrosecond);                     \
    BENCHMARK_TEMPLATE(lazy, T, false)->Arg(small)->Arg(large)->Unit(benchmark::kMicrosecond);                         \
    BENCHMARK_TEMPLATE(standard, T, true)->Arg(small)->Arg(large)->Unit(benchmark::kMicrosecond);                      \
    BENCHMARK_TEMPLATE(lazy, T, true)->Arg(small)->Arg(large)->Unit(benchmark::kMicrosecond)

TAMALLOC_BENCH(char);
TAMALLOC_BENCH(int);
TAMALLOC_BENCH(double);
TAMALLOC_BENCH(Element<16>);
TAMALLOC_BENCH(Element<64>);
