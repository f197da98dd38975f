// SPDX-License-Identifier: MIT
//
// The processes that this one has started, and what those have started.
//
//   namespace tamstat {
//     std::vector<pid_t> descendants();
//   }
#pragma once
#include <csignal>   // pid_t
#include <vector>    // std::vector

namespace tamstat {

/// \returns every process below this one, each once; empty where the kernel has no /proc/PID/task/TID/children
/// Where this process is a child subreaper, prctl(2), also those whose parents have ended.
[[nodiscard]] std::vector<pid_t> descendants();

}   // namespace tamstat
