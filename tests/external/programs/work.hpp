// SPDX-License-Identifier: MIT
//
// What the programs of this folder have in common: the same work with std::allocator and with ours, and a checksum of what it
// gives. Usage of each: PROGRAM std|tamalloc
#pragma once
#include <cstdint>       // std::uint64_t
#include <cstdio>        // std::fprintf, std::printf
#include <string_view>   // std::string_view

#include "tamalloc/stats.hpp"   // process_stats

namespace work {

/// A sum that depends on every value and on their order (FNV-1a, on words).
class Checksum {
public:
    void add(std::uint64_t value) noexcept { sum_ = (sum_ ^ value) * 0x100000001b3; }
    [[nodiscard]] std::uint64_t value() const noexcept { return sum_; }

private:
    std::uint64_t sum_ = 0xcbf29ce484222325;
};

/// What main does. The largest committed, in bytes, goes to standard error: what wait4(2) says of it is no less than what the
/// parent had.
template<class Standard, class Ours> int compare(int argc, char** argv, Standard standard, Ours ours) {
    const std::string_view which = argc == 2 ? argv[1] : "";
    if (which != "std" && which != "tamalloc") {
        std::fprintf(stderr, "Usage: %s std|tamalloc\n", argv[0]);
        return 2;
    }
    std::printf("checksum %016llx\n", static_cast<unsigned long long>(which == "std" ? standard() : ours()));
    std::fprintf(stderr, "%llu\n", static_cast<unsigned long long>(tamalloc::process_stats().value().peak));
    return 0;
}

}   // namespace work
