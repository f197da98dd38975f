// SPDX-License-Identifier: MIT
//
// What both fuzzers take: --steps N --seconds S --seed K.
#pragma once
#include <charconv>       // std::from_chars
#include <chrono>         // std::chrono::steady_clock
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint64_t
#include <cstdio>         // std::fprintf
#include <cstdlib>        // std::exit
#include <random>         // std::random_device
#include <string_view>    // std::string_view
#include <system_error>   // std::errc
#include <vector>         // std::vector

namespace fuzz {

struct Arguments {
    std::uint64_t steps = 200'000;   // of one run
    std::uint64_t seconds = 0;       // run after run, each with the next seed, for so long
    std::uint64_t seed = std::random_device{}();
};

/// Ends the program where there is something else.
inline Arguments parse(int argc, char** argv) {
    Arguments arguments;
    const std::vector<std::string_view> words(argv + 1, argv + argc);
    for (std::size_t i = 0; i < words.size(); i += 2) {
        std::uint64_t* const target = words[i] == "--steps"     ? &arguments.steps
                                      : words[i] == "--seconds" ? &arguments.seconds
                                      : words[i] == "--seed"    ? &arguments.seed
                                                                : nullptr;
        const auto number = i + 1 < words.size() ? words[i + 1] : std::string_view();
        if (target != nullptr) {
            const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), *target);
            if (error == std::errc{} && end == number.data() + number.size()) continue;
        }
        std::fprintf(stderr, "usage: %s [--steps N] [--seconds S] [--seed K]\n", argv[0]);
        std::exit(2);
    }
    return arguments;
}

/// Runs run(seed) at least once, and until the time is up or it returns false.
/// \returns the last answer
template<class F> bool repeat(const Arguments& arguments, F run) {
    const auto begin = std::chrono::steady_clock::now();
    auto seed = arguments.seed;
    do
        if (!run(seed++)) return false;
    while (std::chrono::steady_clock::now() - begin < std::chrono::seconds(arguments.seconds));
    return true;
}

}   // namespace fuzz
