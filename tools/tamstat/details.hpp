// SPDX-License-Identifier: MIT
//
// What is read of a process only when somebody wants to see it.
//
//   namespace tamstat {
//     class Deadline;
//     void read_scores(ProcessRow&, const tamalloc::detail::Descriptor& directory);
//     void set_details(ProcessRow&, Need, Unread why);
//     void read_details(ProcessRow&, const tamalloc::detail::Descriptor& directory, Need, const Deadline&, bool);
//   }
#pragma once
#include <chrono>     // std::chrono::steady_clock
#include <cstdint>    // std::uint64_t
#include <optional>   // std::optional

#include "columns.hpp"                     // Need
#include "process_row.hpp"                 // ProcessRow
#include "tamalloc/detail/proc_file.hpp"   // Descriptor

namespace tamstat {

/// When --budget is spent; never, where there is none.
class Deadline {
public:
    using Clock = std::chrono::steady_clock;

    Deadline() = default;
    explicit Deadline(std::chrono::nanoseconds budget) : end_(Clock::now() + budget) {}
    [[nodiscard]] bool passed() const { return end_ && Clock::now() >= *end_; }
    /// \returns whether something that takes so long would be done in time
    [[nodiscard]] bool allows(std::chrono::nanoseconds cost) const { return !end_ || Clock::now() + cost <= *end_; }

private:
    std::optional<Clock::time_point> end_;
};

/// \effects fills in the OOM score and its adjustment, either where the other cannot be read
void read_scores(ProcessRow& row, const tamalloc::detail::Descriptor& directory);

/// \effects says of all that is needed why it could not be read
void set_details(ProcessRow& row, Need need, Unread why);

/// \effects fills in what is needed, or why it could not be read, which may be the budget
/// \requires the directory is that of the row's process
void read_details(ProcessRow& row, const tamalloc::detail::Descriptor& directory, Need need, const Deadline& deadline,
                  bool with_cgroup_limits);

}   // namespace tamstat
