// SPDX-License-Identifier: MIT
//
// How the demonstration presents itself: figures with their units, a table of steps, and the picture of what is in memory.
//
//   namespace print {
//     std::string bytes(std::int64_t);
//     std::string size(std::uint64_t);
//     std::string count(std::uint64_t);
//     std::string name(std::string_view);
//     class Table;
//     class Picture;
//   }
#pragma once
#include <algorithm>     // std::min, std::ranges::lower_bound, std::ranges::replace_if
#include <array>         // std::array
#include <chrono>        // std::chrono::steady_clock
#include <clocale>       // std::setlocale
#include <cstddef>       // std::byte, std::size_t
#include <cstdint>       // std::int64_t, std::uint64_t
#include <cstdio>        // std::fflush, std::printf, std::snprintf
#include <span>          // std::as_bytes, std::span
#include <string>        // std::string, std::to_string
#include <string_view>   // std::string_view

#include <langinfo.h>   // nl_langinfo
#include <unistd.h>     // isatty

#include "tamalloc/residency.hpp"   // for_each_populated
#include "tamalloc/testing.hpp"     // memory_use
#include "workload.hpp"             // columns, rows, tiles

namespace print {

/// \returns such as "17.2 GiB"
inline std::string bytes(std::int64_t n) {
    constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(n) / 1024;
    std::size_t unit = 0;
    for (; (value >= 1000 || value <= -1000) && unit + 1 < units.size(); ++unit) value /= 1024;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
    return text.data();
}

/// \returns the same for what is never less than nothing
inline std::string size(std::uint64_t n) { return bytes(static_cast<std::int64_t>(n)); }

/// \returns the text with a question mark for each byte that is not printable ASCII
inline std::string name(std::string_view text) {
    std::string printable(text);
    std::ranges::replace_if(printable, [](char c) { return c < ' ' || c > '~'; }, '?');
    return printable;
}

/// \returns such as "4,456,448"
inline std::string count(std::uint64_t n) {
    const auto digits = std::to_string(n);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

/// One line for each step: its time and page faults, and what the process has after it more than it had at the beginning.
class Table {
public:
    explicit Table(const char* title) {
        std::printf("\n%-33s %9s %11s %11s %11s %12s\n", title, "time", "reserved", "committed", "page tables",
                    "faults");
        at_the_beginning_ = tamalloc::testing::memory_use();
    }

    /// \effects f(), measured and printed
    /// \returns what is committed afterwards, in bytes
    template<class F> std::int64_t step(const char* name, F f) {
        using Clock = std::chrono::steady_clock;
        std::printf("  %-31s ", name);
        std::fflush(stdout);   // says what is going on: a step may take a minute
        const auto before = tamalloc::testing::memory_use();
        const auto start = Clock::now();
        f();
        seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
        const auto now = tamalloc::testing::memory_use(), more = now - at_the_beginning_;
        const auto committed = static_cast<std::int64_t>(more.committed);
        std::printf("%6.*f %s %11s %11s %11s %12s\n", seconds_ < 1 ? 1 : 2, seconds_ < 1 ? seconds_ * 1000 : seconds_,
                    seconds_ < 1 ? "ms" : "s ", bytes(static_cast<std::int64_t>(more.reserved)).c_str(),
                    bytes(committed).c_str(), bytes(static_cast<std::int64_t>(more.page_tables)).c_str(),
                    count((now - before).minor_faults).c_str());
        return committed;
    }

    /// \returns how long the last step took
    [[nodiscard]] double seconds() const { return seconds_; }

private:
    tamalloc::testing::MemoryUse at_the_beginning_;
    double seconds_ = 0;
};

/// Which parts of a range are in memory: one character for each tile.
class Picture {
public:
    explicit Picture(std::span<const double> range) : tile_bytes_(range.size_bytes() / workload::tiles) {
        const auto* const begin = std::as_bytes(range).data();
        (void)tamalloc::for_each_populated(std::as_bytes(range), [&](std::span<const std::byte> extent) {
            auto from = static_cast<std::size_t>(extent.data() - begin);
            for (const auto to = from + extent.size(); from != to;) {
                const auto tile = from / tile_bytes_, end = std::min(to, (tile + 1) * tile_bytes_);
                resident_[tile] += end - from;
                from = end;
            }
        });
    }

    void print() const {
        // A log may be read anywhere, a terminal says what it can show.
        std::setlocale(LC_CTYPE, "");
        const bool unicode = isatty(STDOUT_FILENO) != 0 && std::string_view(nl_langinfo(CODESET)) == "UTF-8";
        const std::array shades = unicode ? std::array{"·", "░", "▒", "▓", "█"} : std::array{".", "-", "+", "x", "#"};
        std::printf("\nWhat of it is in memory after the write, row by row: %s tiles of %s\n",
                    count(workload::tiles).c_str(), bytes(static_cast<std::int64_t>(tile_bytes_)).c_str());
        for (std::size_t row = 0; row < workload::rows; ++row) {
            std::printf("    ");
            for (std::size_t column = 0; column < workload::columns; ++column)
                std::printf("%s", shades[shade(resident_[row * workload::columns + column])]);
            std::printf("\n");
        }
        std::printf("    %s none   %s to 1 %%   %s to 5 %%   %s to 25 %%   %s more\n", shades[0], shades[1], shades[2],
                    shades[3], shades[4]);
    }

private:
    [[nodiscard]] std::size_t shade(std::size_t resident) const {
        const auto percent = 100 * static_cast<double>(resident) / static_cast<double>(tile_bytes_);
        if (resident == 0) return 0;
        const std::array limits{1.0, 5.0, 25.0};   // as the legend says
        return 1 + static_cast<std::size_t>(std::ranges::lower_bound(limits, percent) - limits.begin());
    }

    std::size_t tile_bytes_;
    std::array<std::size_t, workload::tiles> resident_{};
};

}   // namespace print
