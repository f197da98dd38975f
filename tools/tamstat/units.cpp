// SPDX-License-Identifier: MIT
#include "units.hpp"

#include <array>     // std::array
#include <cctype>    // std::isdigit, std::tolower
#include <cstddef>   // std::size_t
#include <limits>    // std::numeric_limits

#include <fmt/format.h>   // fmt::format

namespace tamstat {

namespace {

constexpr double kib = 1024;

std::string in_unit(double value, int decimals, std::string_view unit) {
    return fmt::format("{:.{}f} {}", value, decimals, unit);
}

std::string in_suitable_unit(std::uint64_t bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    constexpr std::array<std::string_view, 6> units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    constexpr double kib_limit = 999.5, limit = 999.95;   // what would be shown as 1000
    auto value = static_cast<double>(bytes) / kib;
    std::size_t unit = 0;
    while (value >= (unit == 0 ? kib_limit : limit) && unit + 1 < units.size()) {
        value /= kib;
        ++unit;
    }
    return in_unit(value, unit == 0 ? 0 : 1, units.at(unit));
}

// "", "b", "k", "kb", "ki", "kib", "m", ...
std::optional<std::uint64_t> unit_named(std::string_view name) {
    std::string lower;
    for (const char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower.empty() || lower == "b") return 1;
    const auto power = std::string_view("kmgtpe").find(lower.front());
    if (power == std::string_view::npos) return std::nullopt;
    const auto rest = std::string_view(lower).substr(1);
    const bool binary = rest == "i" || rest == "ib";
    if (!binary && !rest.empty() && rest != "b") return std::nullopt;
    std::uint64_t unit = 1;
    for (std::size_t i = 0; i <= power; ++i) unit *= binary ? 1024 : 1000;
    return unit;
}

std::string_view take_digits(std::string_view& text) {
    std::size_t n = 0;
    while (n < text.size() && std::isdigit(static_cast<unsigned char>(text[n])) != 0) ++n;
    const auto digits = text.substr(0, n);
    text.remove_prefix(n);
    return digits;
}

// \returns false where it does not fit
bool append_digit(std::uint64_t& number, char digit) {
    return !__builtin_mul_overflow(number, std::uint64_t{10}, &number) &&
           !__builtin_add_overflow(number, static_cast<std::uint64_t>(digit - '0'), &number);
}

}   // namespace

std::string format_bytes(std::uint64_t bytes, Units units) {
    if (units == Units::bytes) return fmt::format("{}", bytes);
    if (bytes == 0) return "0";
    const auto value = static_cast<double>(bytes);
    switch (units) {
    case Units::kib: return in_unit(value / kib, 0, "KiB");
    case Units::mib: return in_unit(value / (kib * kib), 1, "MiB");
    case Units::gib: return in_unit(value / (kib * kib * kib), 2, "GiB");
    default: return in_suitable_unit(bytes);
    }
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    const auto whole = take_digits(text);
    if (whole.empty()) return std::nullopt;
    std::string_view fraction;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        fraction = take_digits(text);
        if (fraction.empty()) return std::nullopt;
    }
    while (text.starts_with(' ')) text.remove_prefix(1);
    const auto unit = unit_named(text);
    if (!unit) return std::nullopt;

    std::uint64_t size = 0;
    for (const char digit : whole)
        if (!append_digit(size, digit)) return std::nullopt;
    if (__builtin_mul_overflow(size, *unit, &size)) return std::nullopt;
    std::uint64_t part = 0;
    long double divisor = 1;
    constexpr std::size_t digits_that_matter = 18;   // of a unit below 2^60
    for (const char digit : fraction.substr(0, digits_that_matter)) {
        (void)append_digit(part, digit);
        divisor *= 10;
    }
    const auto more =
        static_cast<std::uint64_t>(static_cast<long double>(*unit) * static_cast<long double>(part) / divisor);
    if (__builtin_add_overflow(size, more, &size)) return std::nullopt;
    return size;
}

}   // namespace tamstat
