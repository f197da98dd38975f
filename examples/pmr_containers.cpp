// SPDX-License-Identifier: MIT
// std::pmr containers in zeroed pages. A request takes what it wants from an arena, a huge table among it; afterwards
// everything goes at once, at the price of what was touched, and the next request finds the same pages zero again.
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint32_t
#include <cstdio>    // std::printf
#include <map>       // std::pmr::map
#include <span>      // std::as_bytes, std::span
#include <string>    // std::pmr::string
#include <vector>    // std::pmr::vector

#include "tamalloc/memory_resource.hpp"   // ArenaResource, MemoryResource, pmr::vector
#include "tamalloc/mmap_source.hpp"       // MmapSource
#include "tamalloc/residency.hpp"         // resident_bytes

namespace {

using Pages = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;   // what is sparse wants small pages

constexpr std::size_t mib = 1 << 20;

template<class Range> std::size_t committed_kib(const Range& range) {
    return tamalloc::resident_bytes(std::as_bytes(std::span(range))).value_or(0) >> 10;
}

struct Use {
    std::size_t kib_at_first, kib_at_last, names;
};

// Counts in a table that is indexed by whatever comes, and remembers names. Nothing of it is freed one by one.
Use handle_request(tamalloc::ZeroedResource& arena) {
    tamalloc::pmr::vector<std::uint32_t> counts(64 * mib / sizeof(std::uint32_t), &arena);
    std::pmr::map<std::uint32_t, std::pmr::string> names(&arena);   // of std, which takes any resource
    const auto kib_at_first = committed_kib(counts);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const std::uint32_t key = i % 10 * 1'000'000;
        ++counts[key];
        names.try_emplace(key, "a name that is too long to be kept within the string");
    }
    for (const auto& [key, name] : names)
        if (counts[key] != 100) return {};   // it did not begin with 0
    return {kib_at_first, committed_kib(counts), names.size()};
}

}   // namespace

int main() {
    tamalloc::MemoryResource<Pages> pages;
    const std::pmr::vector<double> standard(16 * mib / sizeof(double), &pages);
    const tamalloc::pmr::vector<double> ours(256 * mib / sizeof(double), &pages);
    std::printf("std::pmr::vector, 16 MiB: %zu KiB committed\n", committed_kib(standard));
    std::printf("tamalloc::pmr::vector on the same resource, 256 MiB: %zu KiB committed\n", committed_kib(ours));
    bool good = committed_kib(ours) == 0;

    tamalloc::ArenaResource<Pages> arena;
    for (int request = 1; request <= 3; ++request) {
        const auto [kib_at_first, kib_at_last, names] = handle_request(arena);
        std::printf("request %d: a table of 64 MiB, %zu KiB committed at first, %zu KiB at last, %zu names\n", request,
                    kib_at_first, kib_at_last, names);
        good = good && kib_at_first == 0 && kib_at_last < 1024 && names == 10;
        arena.release();   // what was touched goes back, whatever it was for
    }
    return good ? 0 : 1;
}
