// SPDX-License-Identifier: MIT
// To be linked with a program: says at its end how many blocks of ours it had.
#include <cstdio>   // std::printf

#include "counted_source.hpp"

namespace {

struct Report {
    ~Report() { std::printf("blocks: %lu\n", external::blocks.load()); }
};
[[gnu::init_priority(101)]] const Report report;   // constructed first, destroyed last

}   // namespace
