// SPDX-License-Identifier: MIT
// Coarse guards, for every run of the tests: at least three times as fast as glibc's calloc where more than eight times is
// expected, and no memory for blocks that nobody touched. Says what is wrong and exits with 1.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include "cell.hpp"
#include "tamalloc/sparse_vector.hpp"
#include "tamalloc/testing/memory_use.hpp"

namespace {

template<class Allocator> double nanoseconds(std::int64_t bytes, bench::PageSets& sets) {
    constexpr int cycles = 8;
    const auto n = static_cast<std::size_t>(bytes);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < cycles; ++i) {
        auto* const p = Allocator::allocate(n);
        bench::touch(p, sets.next());
        Allocator::deallocate(p, n);
    }
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / cycles;
}

double median(std::vector<double>& values) {
    std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2];
}

bool fast_enough(std::int64_t bytes) {
    bench::PageSets sets(bytes, 10);
    std::vector<double> standard, ours;
    for (int round = 0; round < 51; ++round) {   // interleaved: what disturbs one disturbs the other
        standard.push_back(nanoseconds<bench::Calloc>(bytes, sets));
        ours.push_back(nanoseconds<bench::Tamalloc>(bytes, sets));
    }
    const double ratio = median(standard) / median(ours);
    const bool met = ratio >= 3;
    std::printf("%s: %lld MiB, 1 %% touched: calloc %.0f us, tamalloc %.0f us, %.1f times as fast, at least 3\n",
                met ? "ok" : "FAILED", static_cast<long long>(bytes / bench::mib), median(standard) / 1000,
                median(ours) / 1000, ratio);
    return met;
}

bool no_memory_for_untouched() {
    const auto added = tamalloc::testing::rss_delta([] {
        for (std::int64_t bytes = bench::mib; bytes <= bench::gib; bytes += bytes / 4) {
            const auto n = static_cast<std::size_t>(bytes);
            bench::Tamalloc::deallocate(bench::Tamalloc::allocate(n), n);
        }
    });
    std::printf("%s: blocks of 1 MiB to 1 GiB, freed untouched, add %lld bytes of memory, at most 0\n",
                added <= 0 ? "ok" : "FAILED", static_cast<long long>(added));
    return added <= 0;
}

// An element more, an element less: no system call for it.
bool stack_is_cheap() {
    struct Element {
        std::array<std::uint64_t, 9> words;
    };
    tamalloc::SparseVector<Element> stack(100'000);
    stack.push_back({});
    const auto start = std::chrono::steady_clock::now();
    constexpr int cycles = 10'000;
    for (int i = 0; i != cycles; ++i) {
        stack.push_back({{1}});
        stack.pop_back();
    }
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    const bool met = time.count() < 500.0 * cycles;
    std::printf("%s: push_back and pop_back of 72 bytes: %.0f ns, at most 500\n", met ? "ok" : "FAILED",
                time.count() / cycles);
    return met;
}

}   // namespace

int main() try {
    int failures = no_memory_for_untouched() ? 0 : 1;
    failures += stack_is_cheap() ? 0 : 1;
    for (const auto bytes : {16 * bench::mib, 64 * bench::mib, 256 * bench::mib})
        failures += fast_enough(bytes) ? 0 : 1;
    return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED: %s\n", error.what());
    return 1;
}
