// SPDX-License-Identifier: MIT
//
// Rounds of a Soak until the time is over, what the process has after each, and the count.
//
//   namespace soak {
//     template<class Source> int run(int argc, char** argv);   // what main() is to return
//   }
#pragma once
#include <algorithm>   // std::max
#include <array>       // std::array
#include <chrono>      // std::chrono::steady_clock
#include <cstddef>     // std::size_t
#include <cstdint>     // std::uint64_t
#include <cstdio>      // std::fflush, std::printf
#include <string>      // std::string, std::to_string

#include "balance.hpp"
#include "fuzz/arguments.hpp"   // parse
#include "soak.hpp"

namespace soak {

template<class Source> class Run {
public:
    explicit Run(const fuzz::Arguments& arguments) : length_(arguments.seconds), soak_(arguments.seed) {}

    /// \returns the exit status
    int operator()() {
        bool right = true;
        auto said = start_;
        for (std::size_t n = 0; right && (n < turns || Clock::now() - start_ < length_); ++n) {
            if (!soak_.why_not(Turn(n % turns)).empty()) continue;
            const auto refused = soak_.counts().refused.load();
            right = soak_.play(Turn(n % turns));
            if (Turn(n % turns) == Turn::address_space) refused_ += soak_.counts().refused - refused;
            ++played_[n % turns];
            if (right && n + 1 >= turns) right = compare();
            if (Clock::now() - said < window) continue;
            said = Clock::now();
            say_progress();
        }
        return report(right);
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr auto window = std::chrono::seconds(10);
    static constexpr std::size_t slack = mib;   // what malloc, stacks and libraries touch by and by

    // When every turn was played once, what stays for good is there.
    [[nodiscard]] bool compare() {
        const auto now = balance();
        if (compared_++ == 0) {
            first_ = now;
            first_time_ = Clock::now();
        }
        if (now.mappings != first_.mappings || now.reserved != first_.reserved) {
            soak_.fail(std::to_string(now.mappings) + " mappings of " + std::to_string(now.reserved) + " bytes, and " +
                       std::to_string(first_.mappings) + " of " + std::to_string(first_.reserved) + " at the start");
            return false;
        }
        if (Clock::now() - first_time_ < window) {
            first_committed_ = std::max(first_committed_, now.committed);
            return true;
        }
        most_ = std::max(most_, now.committed);
        if (most_ <= first_committed_ + slack) return true;
        soak_.fail(std::to_string(now.committed) + " bytes in memory when all is freed, and at first at most " +
                   std::to_string(first_committed_));
        return false;
    }

    void say_progress() {
        const auto& counts = soak_.counts();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start_).count();
        const auto say = [](const char* what, std::uint64_t n) {
            std::printf(what, static_cast<unsigned long long>(n));
        };
        say("%5llu s: ", static_cast<std::uint64_t>(seconds));
        say("%llu objects, ", counts.objects);
        say("%llu GiB checked, ", counts.bytes_checked >> 30);
        say("refused %llu, ", counts.refused);
        say("forked %llu, ", counts.forked);
        say("short of memory %llu times, ", soak_.times_short());
        say("at most %llu KiB in swap space, ", counts.most_swapped >> 10);
        say("%llu KiB when all is freed\n", balance().committed >> 10);
        std::fflush(stdout);
    }

    // What was seen while all was right, and was meant to be seen.
    int report(bool right) {
        say_progress();
        if (right) {
            for (std::size_t turn = 0; turn != turns; ++turn) judge(turn);
            const auto times = "mappings and their bytes as at the start, " + std::to_string(compared_) + " times";
            if (compared_ > 1) passed("nothing is leaked", times);   // the first time is the start itself
            else skipped("nothing is leaked", "it takes longer to know");
            passed("statistics", std::to_string(soak_.counts().readings) + " readings of all processes");
            const auto flat = std::to_string(first_committed_ >> 10) +
                              " KiB when all is freed in the first 10 s, later " + std::to_string(most_ >> 10);
            if (most_ != 0) passed("memory is flat", flat);
            else skipped("memory is flat", "it takes longer to know");
        } else {
            ++failed_;
        }
        std::printf("%d passed, %d failed, %d skipped\n", passed_, failed_, skipped_);
        return failed_ == 0 ? 0 : 1;
    }
    void judge(std::size_t turn) {
        static constexpr std::array names{"without a limit", "with RLIMIT_AS", "with memory.max"};
        const auto* const name = names[turn];
        if (const auto why = soak_.why_not(Turn(turn)); !why.empty()) skipped(name, why);
        else if (Turn(turn) == Turn::address_space && refused_ == 0) failed(name, "nothing was refused");
        else if (Turn(turn) == Turn::memory && soak_.times_short() == 0) failed(name, "there was enough");
        else passed(name, std::to_string(played_[turn]) + " rounds, every byte as it must be");
    }
    void failed(const char* what, const char* why) {
        ++failed_;
        std::printf("failed: %s: %s\n", what, why);
    }
    void skipped(const char* what, const std::string& why) {
        ++skipped_;
        std::printf("skipped: %s: %s\n", what, why.c_str());
    }
    void passed(const char* what, const std::string& how) {
        ++passed_;
        std::printf("passed: %s: %s\n", what, how.c_str());
    }

    Clock::time_point start_ = Clock::now(), first_time_;
    std::chrono::seconds length_;
    Soak<Source> soak_;
    std::array<std::size_t, turns> played_{};   // rounds
    std::uint64_t refused_ = 0;                 // with RLIMIT_AS
    Balance first_;
    std::size_t compared_ = 0, first_committed_ = 0, most_ = 0;   // times, bytes
    int passed_ = 0, failed_ = 0, skipped_ = 0;
};

template<class Source> int run(int argc, char** argv) {
    const auto arguments = fuzz::parse(argc, argv);
    std::printf("seed %llu\n", static_cast<unsigned long long>(arguments.seed));
    std::fflush(stdout);   // a crash must not take it along, nor a child print it again
    keep_malloc_in_its_heap();
    return Run<Source>(arguments)();
}

}   // namespace soak
