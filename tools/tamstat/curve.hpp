// SPDX-License-Identifier: MIT
//
// Memory over time.
//
//   namespace tamstat {
//     struct MemorySample;
//     std::string sparkline(std::span<const MemorySample>, std::uint64_t MemorySample::*, std::size_t width, bool unicode);
//     std::string curve_svg(std::span<const MemorySample>, std::string_view title);
//   }
#pragma once
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint64_t
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view

namespace tamstat {

/// What some processes had together.
struct MemorySample {
    double seconds = 0;   // since the start
    std::uint64_t reserved = 0, committed = 0;
    std::uint64_t processes = 0;
};

/// \requires the samples are in the order of time
/// \returns `width` columns: the largest figure of each part of the time, against the largest of all
[[nodiscard]] std::string sparkline(std::span<const MemorySample> samples, std::uint64_t MemorySample::* figure,
                                    std::size_t width, bool unicode);

/// \returns an SVG document: committed over time, to its own scale, and below it reserved
[[nodiscard]] std::string curve_svg(std::span<const MemorySample> samples, std::string_view title);

}   // namespace tamstat
