// SPDX-License-Identifier: MIT
//
// What sys and doctor read of the machine beside the library's statistics.
//
//   namespace tamstat {
//     Reading<std::string> first_line(const std::string& path);
//     Reading<std::uint64_t> number_in(const std::string& path);
//     Reading<std::uint64_t> meminfo(const std::string& procfs, std::string_view key);
//     struct Pressure;
//     Reading<Pressure> pressure(const std::string& procfs, std::string_view resource);
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

}   // namespace tamstat
