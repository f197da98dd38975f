// SPDX-License-Identifier: MIT
// A vector that grows to a terabyte without moving an element: pointers to elements stay good, growing costs no time, and
// copying, comparing and clearing cost the pages that were written.
#include <algorithm>   // std::ranges::count_if
#include <cstddef>     // std::size_t
#include <cstdint>     // std::uint64_t
#include <cstdio>      // std::printf

#include "tamalloc/mmap_source.hpp"     // MmapSource
#include "tamalloc/sparse_vector.hpp"   // SparseVector

namespace {

constexpr std::size_t gib = std::size_t{1} << 30;

// The elements written lie far apart: huge pages would make 2 MiB of memory for each.
using Vector = tamalloc::SparseVector<std::uint64_t, tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>>;

std::size_t committed(const Vector& v) { return v.resident_bytes().value_or(0); }

}   // namespace

int main() {
    // Address space for as much as may ever be needed: it costs nothing. Beyond it the vector still grows, but may move.
    Vector v({.reserve = 1024 * gib});
    v.push_back(1);
    std::uint64_t* const first = v.data();

    for (std::size_t size = gib; size <= 1024 * gib; size *= 4) {
        v.resize(size / sizeof(std::uint64_t));   // the new elements are 0
        v.back() = size;
        std::printf("%4zu GiB: %s, %zu KiB committed\n", size / gib, v.data() == first ? "did not move" : "moved",
                    committed(v) >> 10);
    }

    std::size_t elements = 0, set = 0;
    for (const auto run : v.populated()) {   // std::span<const std::uint64_t>, where there is memory
        elements += run.size();
        set += static_cast<std::size_t>(std::ranges::count_if(run, [](auto value) { return value != 0; }));
    }
    std::printf("of %zu elements %zu have memory, %zu are not 0\n", v.size(), elements, set);

    auto copy = v;
    std::printf("a copy: %s, %zu KiB committed\n", copy == v ? "equal" : "different", committed(copy) >> 10);
    bool good = copy == v && set == 7 && v.data() == first && committed(copy) == committed(v);

    copy.zero(1, copy.size());   // elements become 0, whole pages go back
    std::printf("all but the first zeroed: %zu KiB committed, first %zu, last %zu\n", committed(copy) >> 10,
                static_cast<std::size_t>(copy.front()), static_cast<std::size_t>(copy.back()));
    good = good && copy.front() == 1 && copy.back() == 0 && committed(copy) < committed(v);

    v.reset();
    std::printf("reset: %zu elements, %zu KiB committed, first %zu\n", v.size(), committed(v) >> 10,
                static_cast<std::size_t>(v.front()));
    return good && committed(v) == 0 && v.front() == 0 && *first == 0 ? 0 : 1;
}
