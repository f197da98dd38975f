// SPDX-License-Identifier: MIT
// Looks for itself: reserves memory, reads every byte and checks that it is zero, writes a random letter into each, and
// reports, MiB by MiB, what the process has in memory. Usage: zero_verifier [MiB]
//
// Reading commits nothing, since a page that nobody wrote is the kernel's one page of zeros; writing commits.
#include <algorithm>   // std::ranges::count_if
#include <cstddef>     // std::ptrdiff_t, std::size_t
#include <cstdint>     // std::uint64_t
#include <cstdio>      // std::fputs, std::printf
#include <cstdlib>     // std::strtoull
#include <random>      // std::mt19937, std::uniform_int_distribution
#include <span>        // std::span

#include "tamalloc/testing.hpp"        // memory_use
#include "tamalloc/zeroed_array.hpp"   // ZeroedArray

namespace {

constexpr std::size_t mib = 1 << 20;

// In whole MiB, since the program began.
class Growth {
public:
    [[nodiscard]] long long reserved() const { return rounded((tamalloc::testing::memory_use() - before_).reserved); }
    [[nodiscard]] long long committed() const { return rounded((tamalloc::testing::memory_use() - before_).committed); }

private:
    static long long rounded(std::uint64_t bytes) { return static_cast<long long>(bytes + mib / 2) >> 20; }

    tamalloc::testing::MemoryUse before_ = tamalloc::testing::memory_use();
};

void print(const char* step, std::size_t megabyte, const Growth& growth) {
    std::printf("%s %4zu MiB: reserved %lld MiB, committed %lld MiB\n", step, megabyte, growth.reserved(),
                growth.committed());
}

}   // namespace

int main(int argc, char** argv) {
    const std::size_t size = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10;
    if (size == 0 || size > 1'000'000) {
        std::fputs("usage: zero_verifier [MiB], 1 to 1000000\n", stderr);
        return 2;
    }
    std::printf("%zu MiB\n", size);   // first, for the sake of the figures: printf makes itself a buffer

    const Growth growth;
    tamalloc::ZeroedArray<char> memory(size * mib);
    print("reserve", size, growth);
    bool good = growth.committed() == 0;

    std::ptrdiff_t not_zero = 0;
    for (std::size_t i = 0; i < size; ++i) {
        not_zero += std::ranges::count_if(std::span(memory).subspan(i * mib, mib), [](char c) { return c != 0; });
        print("read   ", i + 1, growth);
    }
    std::printf("%td bytes are not zero\n", not_zero);
    good = good && not_zero == 0 && growth.committed() == 0;

    std::mt19937 random;
    std::uniform_int_distribution<int> letter('a', 'z');
    for (std::size_t i = 0; i < size; ++i) {
        for (char& c : std::span(memory).subspan(i * mib, mib)) c = static_cast<char>(letter(random));
        print("write  ", i + 1, growth);
    }
    good = good && growth.committed() >= static_cast<long long>(size);

    memory.reset();
    print("reset  ", size, growth);
    return good && growth.committed() == 0 ? 0 : 1;
}
