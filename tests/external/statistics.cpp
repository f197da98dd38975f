// SPDX-License-Identifier: MIT
// Hazard: a figure that is right while nothing happens, and absurd while processes fork, end and give memory back.
// Usage: statistics SECONDS. Reads what the library tells again and again; prints where it came from, and how often.
// Exit status: 0, 1 when a figure is impossible, 2 for bad arguments.
#include <chrono>    // std::chrono::steady_clock
#include <cstdio>    // std::printf
#include <cstdlib>   // std::atoi

#include "statistics.hpp"

int main(int argc, char** argv) {
    using Clock = std::chrono::steady_clock;
    const int seconds = argc == 2 ? std::atoi(argv[1]) : 0;
    if (seconds <= 0) {
        std::fprintf(stderr, "usage: %s SECONDS\n", argv[0]);
        return 2;
    }
    int readings = 0;
    for (const auto begin = Clock::now(); Clock::now() - begin < std::chrono::seconds(seconds); ++readings) {
        const auto problem = soak::impossible_statistics();
        if (problem.empty()) continue;
        std::printf("reading %d: %s\n", readings, problem.c_str());
        return 1;
    }
    const bool calls = tamalloc::process_stats().value().from == tamalloc::Provenance::kernel;
    std::printf("%d readings by %s\n", readings, calls ? "the system calls" : "/proc");
    return 0;
}
