// SPDX-License-Identifier: MIT
//
// Says how far something is that takes longer than a second.
//
//   namespace tamstat {
//     class Progress;
//   }
#pragma once
#include <chrono>    // std::chrono::steady_clock
#include <cstdint>   // std::uint64_t
#include <string>    // std::string

namespace tamstat {

/// A line on stderr, where that is a terminal, from the second second on; gone when the object is. One at a time.
class Progress {
public:
    /// \requires what: as in "reading mappings"; total: how much there is to do, 0 where nobody knows
    explicit Progress(std::string what, std::uint64_t total = 0);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();

    /// \effects says that so much is done; cheap, so that it may be called often
    void at(std::uint64_t done);

private:
    using Clock = std::chrono::steady_clock;

    std::string what_;
    std::uint64_t total_;
    Clock::time_point next_;
    bool shown_ = false, enabled_;
};

}   // namespace tamstat
