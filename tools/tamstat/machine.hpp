// SPDX-License-Identifier: MIT
//
// What is read of the machine beside the library's statistics.
//
//   namespace tamstat {
//     Reading<std::string> first_line(const std::string& path);
//     Reading<std::uint64_t> number_in(const std::string& path);
//     Reading<std::uint64_t> meminfo(const std::string& procfs, std::string_view key);
//     struct Pressure;
//     Reading<Pressure> pressure(const std::string& procfs, std::string_view resource);
//     std::string kernel_release(const std::string& procfs);
//     Reading<std::uint64_t> max_map_count(const std::string& procfs);
//     bool soon_too_many(std::uint64_t mappings, std::uint64_t most);
//   }
#pragma once
#include <cstdint>       // std::uint64_t
#include <string>        // std::string
#include <string_view>   // std::string_view

#include "value.hpp"   // Reading

namespace tamstat {

/// \returns the first line of a small file without its newline, raw
[[nodiscard]] Reading<std::string> first_line(const std::string& path);

/// \returns the number that the file begins with
[[nodiscard]] Reading<std::uint64_t> number_in(const std::string& path);

/// \returns a figure of /proc/meminfo, such as "SwapFree:", in bytes
[[nodiscard]] Reading<std::uint64_t> meminfo(const std::string& procfs, std::string_view key);

/// How long tasks waited for something, as a share of the last 10 seconds: some of them, all of them at once.
struct Pressure {
    double some = 0, full = 0;
};

/// \returns /proc/pressure/RESOURCE: "cpu", "io", "memory"; unread where the kernel does not keep it
[[nodiscard]] Reading<Pressure> pressure(const std::string& procfs, std::string_view resource);

/// \returns the release of the kernel whose /proc it is, else of the one that runs
[[nodiscard]] std::string kernel_release(const std::string& procfs);

/// \returns how many mappings a process may have; beyond it the kernel says that there is no memory
[[nodiscard]] Reading<std::uint64_t> max_map_count(const std::string& procfs);

/// \returns whether somebody should do something about it: from 80 %
[[nodiscard]] inline bool soon_too_many(std::uint64_t mappings, std::uint64_t most) { return mappings >= most / 5 * 4; }

}   // namespace tamstat
