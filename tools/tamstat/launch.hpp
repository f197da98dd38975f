// SPDX-License-Identifier: MIT
//
// Starts a command, and tells what it is before it is itself.
//
//   namespace tamstat {
//     struct Command;
//     sigset_t watched_signals();
//     Command launch(std::vector<std::string> words);
//   }
#pragma once
#include <chrono>    // std::chrono::steady_clock
#include <csignal>   // pid_t, sigset_t
#include <cstdint>   // std::uint64_t
#include <string>    // std::string
#include <vector>    // std::vector

namespace tamstat {

struct Command {
    pid_t pid = 0;
    std::chrono::steady_clock::time_point start;   // when this program was replaced by the command
    std::uint64_t peak_before = 0;                 // bytes: until then; the kernel counts them in what wait4(2) tells
};

/// \returns the signals that the command is to get, and the one that says that it has ended
[[nodiscard]] sigset_t watched_signals();

/// \effects starts the command, which is found as a shell finds it; blocks the watched signals here, but not in there; makes
/// this process the parent of orphans
/// \requires no other thread
/// \throws Failure 127 where there is no such command, 126 where it cannot be executed
[[nodiscard]] Command launch(std::vector<std::string> words);

}   // namespace tamstat
