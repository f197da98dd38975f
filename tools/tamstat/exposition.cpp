// SPDX-License-Identifier: MIT
#include "exposition.hpp"

#include <cmath>      // std::isinf, std::isnan
#include <iterator>   // std::back_inserter

#include <fmt/format.h>

namespace tamstat {
namespace {

// The value of a label and the text of HELP have the same escapes, but for the quote.
std::string escaped(std::string_view text, bool quoted) {
    std::string result;
    for (const char c : text) {
        if (c == '\n') result += "\\n";
        else if (c == '\\' || (quoted && c == '"')) result += {'\\', c};
        else result += c;
    }
    return result;
}

std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
    return fmt::format("{}", value);
}

std::string labels_of(const Sample& sample) {
    std::string result;
    for (const auto& [name, value] : sample.labels)
        result += fmt::format("{}{}=\"{}\"", result.empty() ? "" : ",", name, escaped(value, true));
    return result.empty() ? result : '{' + result + '}';
}

void append(std::string& text, const MetricFamily& family, Exposition format) {
    const bool open = format == Exposition::openmetrics;
    const std::string sampled = fmt::format("{}{}", family.name, family.counter ? "_total" : "");
    const std::string described = open ? std::string(family.name) : sampled;
    const auto out = std::back_inserter(text);
    // OpenMetrics says a quote in HELP is escaped as well.
    fmt::format_to(out, "# HELP {} {}\n", described, escaped(family.help, open));
    fmt::format_to(out, "# TYPE {} {}\n", described, family.counter ? "counter" : "gauge");
    if (open && !family.unit.empty()) fmt::format_to(out, "# UNIT {} {}\n", described, family.unit);
    for (const auto& sample : family.samples)
        fmt::format_to(out, "{}{} {}\n", sampled, labels_of(sample), number(sample.value));
}

}   // namespace

std::string exposition(std::span<const MetricFamily> families, Exposition format) {
    std::string text;
    for (const auto& family : families) append(text, family, format);
    if (format == Exposition::openmetrics) text += "# EOF\n";
    return text;
}

}   // namespace tamstat
