// SPDX-License-Identifier: MIT
//
// What the programs of this folder have in common: the same work with std::allocator and with ours, and a checksum of what it
// gives. Usage of each: PROGRAM std|tamalloc
#pragma once
#include <cstdint>       // std::uint64_t
#include <cstdio>        // std::printf
#include <string_view>   // std::string_view

namespace work {

/// A sum that depends on every value and on their order (FNV-1a, on words).
class Checksum {
public:
    void add(std::uint64_t value) noexcept { sum_ = (sum_ ^ value) * 0x100000001b3; }
    [[nodiscard]] std::uint64_t value() const noexcept { return sum_; }

private:
    std::uint64_t sum_ = 0xcbf29ce484222325;
};

/// The same numbers on every machine, unlike std::uniform_int_distribution's (splitmix64).
class Random {
public:
    explicit Random(std::uint64_t start) noexcept : state_(start) {}
    /// \returns a number below `limit`
    [[nodiscard]] std::uint64_t below(std::uint64_t limit) noexcept {
        auto x = state_ += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return (x ^ (x >> 31)) % limit;
    }

private:
    std::uint64_t state_;
};

/// What main does.
template<class Standard, class Ours> int compare(int argc, char** argv, Standard standard, Ours ours) {
    const std::string_view which = argc == 2 ? argv[1] : "";
    if (which != "std" && which != "tamalloc") {
        std::fprintf(stderr, "Usage: %s std|tamalloc\n", argv[0]);
        return 2;
    }
    std::printf("checksum %016llx\n", static_cast<unsigned long long>(which == "std" ? standard() : ours()));
    return 0;
}

}   // namespace work
