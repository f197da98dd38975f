// SPDX-License-Identifier: MIT
#include "curve.hpp"

#include <algorithm>   // std::clamp, std::max, std::ranges::max_element
#include <array>       // std::array
#include <vector>      // std::vector

#include <fmt/format.h>   // fmt::format

#include "svg.hpp"     // document, label
#include "units.hpp"   // format_bytes

namespace tamstat {
namespace {

using Samples = std::span<const MemorySample>;
using Figure = std::uint64_t MemorySample::*;

std::uint64_t largest(Samples samples, Figure figure) {
    return samples.empty() ? 0 : (*std::ranges::max_element(samples, {}, figure)).*figure;
}

// The largest figure in each of `count` parts of the time; where nothing was read in one, what it was before.
std::vector<std::uint64_t> parts(Samples samples, Figure figure, std::size_t count) {
    std::vector<std::uint64_t> values(count);
    const double duration = samples.empty() ? 0 : samples.back().seconds;
    std::size_t next = 0;
    std::uint64_t current = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double end = duration * static_cast<double>(i + 1) / static_cast<double>(count);
        auto most = current;
        bool first = true;
        for (; next < samples.size() && (samples[next].seconds <= end || i + 1 == count); ++next) {
            current = samples[next].*figure;
            most = first ? current : std::max(most, current);
            first = false;
        }
        values[i] = most;
    }
    return values;
}

constexpr int left = 120, plot_width = 720, plot_height = 140, right = 24, top = 56;

// The figure as a filled area whose lower left corner is at (left, bottom).
std::string area(Samples samples, Figure figure, std::string_view name, int bottom) {
    const auto most = static_cast<double>(std::max<std::uint64_t>(largest(samples, figure), 1));
    const double duration = samples.empty() || samples.back().seconds <= 0 ? 1 : samples.back().seconds;
    std::string points = fmt::format("{},{} ", left, bottom);
    double x = left;
    for (const auto& sample : samples) {
        x = left + plot_width * sample.seconds / duration;
        points += fmt::format("{:.1f},{:.1f} ", x, bottom - plot_height * static_cast<double>(sample.*figure) / most);
    }
    points += fmt::format("{:.1f},{}", x, bottom);
    return fmt::format("<polygon class=\"{}\" points=\"{}\"/>\n", name, points);
}

std::string plot(Samples samples, Figure figure, std::string_view name, std::string_view meaning, int bottom) {
    return area(samples, figure, name, bottom) +
           fmt::format("<path class=\"line\" d=\"M{0} {1}V{2}H{3}\"/>\n", left, bottom - plot_height, bottom,
                       left + plot_width) +
           svg::label("figure", left - 8, bottom - plot_height + 12, format_bytes(largest(samples, figure))) +
           svg::label("figure", left - 8, bottom - plot_height + 30, meaning) +
           svg::label("figure", left - 8, bottom, "0");
}

}   // namespace

std::string sparkline(Samples samples, Figure figure, std::size_t width, bool unicode) {
    constexpr std::array blocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    constexpr std::array ascii{" ", "_", ".", ":", "-", "=", "+", "*", "#"};
    const auto& levels = unicode ? blocks : ascii;
    const auto most = largest(samples, figure);
    std::string text;
    for (const auto value : parts(samples, figure, width)) {
        const auto share = most == 0 ? 0 : static_cast<double>(value) / static_cast<double>(most);
        const auto level = static_cast<std::size_t>(share * 8);
        text += levels.at(value == 0 ? 0 : std::clamp<std::size_t>(level, 1, 8));   // what is there shows
    }
    return text;
}

std::string curve_svg(Samples samples, std::string_view title) {
    constexpr int gap = 40, first_bottom = top + plot_height, second_bottom = first_bottom + gap + plot_height;
    const double duration = samples.empty() ? 0 : samples.back().seconds;
    const auto content = plot(samples, &MemorySample::committed, "memory", "committed", first_bottom) +
                         plot(samples, &MemorySample::reserved, "untouched", "reserved", second_bottom) +
                         svg::label("figure", left + plot_width, second_bottom + 18, fmt::format("{:.1f} s", duration));
    return svg::document(left + plot_width + right, second_bottom + gap, title, content);
}

}   // namespace tamstat
