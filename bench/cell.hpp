// SPDX-License-Identifier: MIT
// What the programs share: two ways to get zeroed memory, pages to touch, and counters that do not depend on the clock.
// bench/run starts a process for each cell, so that no cell finds what another one left behind.
#pragma once
#include <benchmark/benchmark.h>

#include <algorithm>   // std::max, std::ranges::sort, std::shuffle
#include <chrono>      // std::chrono::steady_clock
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::int64_t, std::uint32_t
#include <cstdlib>     // std::calloc, std::free
#include <fstream>     // std::ofstream
#include <new>         // std::bad_alloc
#include <numeric>     // std::iota
#include <random>      // std::mt19937
#include <span>        // std::span
#include <vector>      // std::vector

#include <unistd.h>   // sysconf

#include "tamalloc/memory_resource.hpp"
#include "tamalloc/testing/memory_use.hpp"

namespace bench {

constexpr std::int64_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30;

/// The malloc that the process has. Others come in by LD_PRELOAD.
struct Calloc {
    [[nodiscard]] static std::byte* allocate(std::size_t n) {
        auto* const p = static_cast<std::byte*>(std::calloc(1, n));
        if (p == nullptr) throw std::bad_alloc();
        return p;
    }
    static void deallocate(std::byte* p, std::size_t) noexcept { std::free(p); }
};

inline tamalloc::MemoryResource<> resource;

/// What a user of the library calls.
struct Tamalloc {
    [[nodiscard]] static std::byte* allocate(std::size_t n) { return static_cast<std::byte*>(resource.allocate(n)); }
    static void deallocate(std::byte* p, std::size_t n) noexcept { resource.deallocate(p, n); }
};

/// Random sets of the pages of a block, each in ascending order, handed out one after the other and then again.
class PageSets {
public:
    /// `permille` of the pages in each set, at least one page where it is not 0. One set; or, with `rounds` > 0, as many as
    /// it takes to have every page that often.
    PageSets(std::int64_t bytes, std::int64_t permille, int rounds = 0)
        : each_(permille == 0 ? 0 : static_cast<std::size_t>(std::max(bytes / page_size * permille / 1000, one))) {
        std::vector<std::uint32_t> all(static_cast<std::size_t>(std::max(bytes / page_size, one)));
        std::iota(all.begin(), all.end(), 0U);
        std::mt19937 random(1);   // the same pages for everybody
        for (int round = 0; round < std::max(rounds, 1); ++round) {
            std::shuffle(all.begin(), all.end(), random);
            pages_.insert(pages_.end(), all.begin(), all.end());
        }
        if (rounds == 0) pages_.resize(each_);
        for (std::size_t first = 0; each_ != 0 && first + each_ <= pages_.size(); first += each_)
            std::ranges::sort(std::span(pages_).subspan(first, each_));
    }

    [[nodiscard]] std::span<const std::uint32_t> next() noexcept {
        if (next_ + each_ > pages_.size()) next_ = 0;
        const auto set = std::span<const std::uint32_t>(pages_).subspan(next_, each_);
        next_ += each_;
        return set;
    }

    static inline const std::int64_t page_size = ::sysconf(_SC_PAGESIZE);

private:
    static constexpr std::int64_t one = 1;

    std::size_t each_, next_ = 0;
    std::vector<std::uint32_t> pages_;
};

/// Writes one byte in each of these pages.
inline void touch(std::byte* p, std::span<const std::uint32_t> pages) {
    benchmark::DoNotOptimize(p);
    for (const std::int64_t page : pages) p[page * PageSets::page_size] = std::byte{1};
    benchmark::ClobberMemory();
}

/// The first cycles are not what comes again: glibc moves its threshold, caches fill. Fewer where they take long.
template<class Cycle> void warm_up(Cycle&& cycle, int cycles = 2) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    do cycle();
    while (--cycles > 0 && std::chrono::steady_clock::now() < end);
}

/// Minor faults per cycle; and against what the process had when its first cell was about to begin, in bytes: the peak of
/// the resident set, and what is left of it.
class MemoryCounters {
public:
    /// To be made before the first block is.
    MemoryCounters() { (void)at_start(); }

    /// From here on, after warming up.
    void begin() {
        std::ofstream("/proc/self/clear_refs") << 5;   // proc(5): resets VmHWM
        faults_ = tamalloc::testing::memory_use().minor_faults;
    }
    void report(benchmark::State& state, double cycles) const {
        const auto now = tamalloc::testing::memory_use();
        const auto peak = tamalloc::testing::detail::ProcFile("/proc/self/status").kib("\nVmHWM:");
        state.counters["faults"] = static_cast<double>(now.minor_faults - faults_) / cycles;
        state.counters["peak"] = static_cast<double>(peak) - at_start();
        state.counters["resident"] = static_cast<double>(now.committed) - at_start();
    }

private:
    static double at_start() {
        static const auto committed = static_cast<double>(tamalloc::testing::memory_use().committed);
        return committed;
    }

    std::uint64_t faults_ = 0;
};

}   // namespace bench
