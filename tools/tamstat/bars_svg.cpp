// SPDX-License-Identifier: MIT
#include <algorithm>     // std::clamp, std::max
#include <array>         // std::array
#include <cmath>         // std::lround
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <fmt/format.h>   // fmt::format

#include "address_rows.hpp"
#include "bars.hpp"
#include "svg.hpp"   // document, label, rectangle

namespace tamstat {

namespace {

// Pixels.
constexpr int left = 290, cell_width = 4, cell_count = 160, row_height = 24, strip_height = 16, top = 48;
constexpr int width = left + cell_width * cell_count + 16;

// What a cell looks like: neighbours that look alike are drawn as one.
struct Look {
    std::string_view behind, before;   // classes
    int height = 0;                    // of `before`, in pixels

    friend bool operator==(const Look&, const Look&) = default;
};

std::string_view behind(const Fill& cell) {
    if (cell.inaccessible > std::max(cell.untouched, cell.untouched_file)) return "inaccessible";
    return cell.untouched_file > cell.untouched ? "untouched_file" : "untouched";
}

std::string_view before(const Fill& cell) {
    if (cell.resident() <= 0) return "swapped";
    return cell.file > cell.memory ? "file" : "memory";
}

Look look_of(const Fill& cell) {
    const auto part = cell.resident() > 0 ? cell.resident() : cell.swapped;
    if (part <= 0) return {behind(cell), {}, 0};
    constexpr int least = 2;   // however little it is, it shows
    const auto height = static_cast<int>(std::lround(strip_height * part / cell.size()));
    return {behind(cell), before(cell), std::clamp(height, least, strip_height)};
}

std::string strip(const AddressRow& row, int y, const PageRuns& runs) {
    const auto all = cells(row, cell_count, runs);
    std::string text;
    for (std::size_t first = 0, i = 1; i <= all.size(); ++i) {
        const auto look = look_of(all[first]);
        if (i < all.size() && look_of(all[i]) == look) continue;
        const auto x = left + cell_width * static_cast<int>(first), w = cell_width * static_cast<int>(i - first);
        text += svg::rectangle(look.behind, x, y, w, strip_height);
        if (look.height > 0) text += svg::rectangle(look.before, x, y + strip_height - look.height, w, look.height);
        first = i;
    }
    return text;
}

std::string legend(int y) {
    struct Entry {
        std::string_view name, text;
    };
    constexpr std::array entries{Entry{"memory", "resident"},          Entry{"file", "resident, of a file"},
                                 Entry{"swapped", "swapped"},          Entry{"untouched", "untouched"},
                                 Entry{"untouched_file", "of a file"}, Entry{"inaccessible", "PROT_NONE"}};
    std::string text;
    int x = 16;
    for (const auto& [name, meaning] : entries) {
        constexpr int box = 12, character = 8;
        text += svg::rectangle(name, x, y, box, box) + svg::label("legend", x + box + 6, y + box - 2, meaning);
        x += box + 30 + character * static_cast<int>(meaning.size());
    }
    return text;
}

}   // namespace

std::string picture_svg(std::span<const tamalloc::Mapping> mappings, std::string_view title, Units units,
                        const PageRuns& runs) {
    const auto rows = address_rows(mappings);
    const auto height = top + row_height * static_cast<int>(rows.size()) + 48;
    std::string text;
    int y = top;
    for (const auto& row : rows) {
        const auto share =
            static_cast<double>(row.resident) / static_cast<double>(std::max<std::uint64_t>(row.size, 1));
        text += svg::label("figure", 136, y + 12, fmt::format("{:x}", row.start));
        text += svg::label("figure", 216, y + 12, format_bytes(row.size, units));
        text += svg::label("figure", left - 10, y + 12, fmt::format("{:.1f} %", 100 * share));
        text += strip(row, y, runs);
        y += row_height;
    }
    return svg::document(width, height, title, text + legend(y + 16));
}

}   // namespace tamstat
