// SPDX-License-Identifier: MIT
// Prints how many nanoseconds a fixed piece of work takes, for bench/run to see whether somebody else is on the processor,
// as on a virtual machine that shares it. Few instructions wait for memory here: nothing suffers more from a neighbour.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <benchmark/benchmark.h>

int main() {
    constexpr std::size_t entries = 64 << 10;
    const std::vector<std::uint64_t> table(entries);   // as large as the page tables of 256 MiB
    std::uint64_t found = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int round = 0; round < 20; ++round) {
        for (const auto& entry : table) {
            auto value = entry;
            benchmark::DoNotOptimize(value);   // one at a time
            if ((value & 1) != 0) ++found;
            else if ((value & ~std::uint64_t{1}) != 0) found += 2;
        }
    }
    benchmark::DoNotOptimize(found);
    std::printf("%.0f\n", std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
}
