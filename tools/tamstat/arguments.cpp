// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <charconv>       // std::from_chars
#include <cmath>          // std::isfinite, std::round
#include <optional>       // std::optional
#include <string_view>    // std::string_view
#include <system_error>   // std::errc
#include <utility>        // std::move, std::pair

#include <fmt/format.h>

#include "units.hpp"   // parse_size

namespace tamstat {
namespace {

// "250ms", "1.5s", "2": seconds.
std::optional<Seconds> parse_seconds(std::string_view text) {
    double number = 0;
    const char* const first = text.data();
    const char* const last = first + text.size();
    const auto [stop, error] = std::from_chars(first, last, number);
    if (error != std::errc{} || !std::isfinite(number) || number < 0 || number > 1e9) return {};
    const std::string_view unit(stop, static_cast<std::size_t>(last - stop));
    constexpr double second = 1e9;   // in whole nanoseconds: 100000us are 0.1s
    for (const auto& [name, factor] : {std::pair{"", second}, {"s", second}, {"ms", 1e6}, {"us", 1e3}, {"min", 60e9}})
        if (unit == name) return Seconds(std::round(number * factor) / second);
    return {};
}

}   // namespace

// CLI11's own checks of ranges name their limits in 309 digits.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
    const auto check = [=](const std::string& text) {
        std::uint64_t number = 0;
        const char* const last = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), last, number);
        const bool right = error == std::errc{} && stop == last && number >= least && number <= most;
        return right ? std::string() : fmt::format("\"{}\" is no whole number of at least {}", text, least);
    };
    return {check, ""};
}

std::string read_size(const std::string& text, std::uint64_t& size) {
    const auto bytes = parse_size(text);
    if (!bytes) return fmt::format("\"{}\" is no size, such as 4096, 10MB or 1.5GiB", text);
    size = *bytes;
    return {};
}

std::string read_seconds(const std::string& text, Seconds& seconds, Seconds least) {
    const auto read = parse_seconds(text);
    if (!read) return fmt::format("\"{}\" is no time, such as 250ms or 1.5s", text);
    if (*read < least) return fmt::format("{} is the least", fmt::format("{} s", least.count()));
    seconds = *read;
    return {};
}

std::string read_pids(const std::vector<std::string>& texts, std::vector<pid_t>& pids) {
    pids.clear();
    for (const auto& text : texts) {
        if (text == "all" || text == "0") {
            pids.clear();
            return {};
        }
        pid_t pid = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
        if (error != std::errc{} || stop != text.data() + text.size() || pid < 0)
            return fmt::format("\"{}\" is no process id", text);
        pids.push_back(pid);
    }
    return {};
}

std::string read_sort(const std::string& text, std::vector<SortKey>& keys) {
    keys.clear();
    for (auto key : CLI::detail::split(text, ',')) {
        const bool descending = key.starts_with('-');
        if (descending || key.starts_with('+')) key.erase(0, 1);
        if (key.empty()) return fmt::format("\"{}\" names no column", text);
        keys.push_back({std::move(key), descending});
    }
    return {};
}

}   // namespace tamstat
