// SPDX-License-Identifier: MIT
//
// Equal intervals, however long what is done in them takes.
//
//   namespace tamstat {
//     class Ticker;
//   }
#pragma once
#include <chrono>   // std::chrono::steady_clock
#include <thread>   // std::this_thread

#include "options.hpp"   // Seconds

namespace tamstat {

/// Ticks at the start and at each interval after it: without drift, and without making up for ticks that were missed.
class Ticker {
public:
    using Clock = std::chrono::steady_clock;

    explicit Ticker(Seconds interval)
        : interval_(std::chrono::duration_cast<Clock::duration>(interval)), next_(Clock::now() + interval_) {}

    /// \returns when the next tick is
    [[nodiscard]] Clock::time_point next() const noexcept { return next_; }

    /// \effects after a tick: goes on to the first that is still to come
    void advance() {
        const auto late = Clock::now() - next_;
        next_ += interval_ * (late < Clock::duration::zero() ? 1 : late / interval_ + 1);
    }

    /// \effects waits for the next tick
    void wait() {
        std::this_thread::sleep_until(next_);
        advance();
    }

private:
    Clock::duration interval_;
    Clock::time_point next_;
};

}   // namespace tamstat
