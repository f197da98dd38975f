// SPDX-License-Identifier: MIT
//
// Metrics as the text that Prometheus reads, in its own format or that of OpenMetrics 1.0.
//
//   namespace tamstat {
//     enum class Exposition;
//     struct Label; struct Sample; struct MetricFamily;
//     std::string exposition(std::span<const MetricFamily>, Exposition);
//   }
#pragma once
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

namespace tamstat {

enum class Exposition : unsigned char { prometheus, openmetrics };

struct Label {
    std::string_view name;
    std::string value;   // valid UTF-8
};

struct Sample {
    std::vector<Label> labels;
    double value;   // bytes are exact up to 8 PiB
};

/// One metric and its samples; no two may have the same labels.
struct MetricFamily {
    std::string_view name;   // without the _total of a counter; ends in the unit
    std::string_view unit;   // empty: none
    bool counter;            // else a gauge
    std::string_view help;
    std::vector<Sample> samples;
};

/// \returns the families in their order, those without samples as well, without time stamps; any thread
[[nodiscard]] std::string exposition(std::span<const MetricFamily> families, Exposition format);

}   // namespace tamstat
