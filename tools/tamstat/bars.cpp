// SPDX-License-Identifier: MIT
#include "bars.hpp"

#include <algorithm>   // std::clamp, std::max
#include <array>       // std::array
#include <cmath>       // std::ceil, std::floor
#include <vector>      // std::vector

#include <fmt/format.h>   // fmt::format

#include "address_rows.hpp"
#include "text.hpp"   // display_width

namespace tamstat {

namespace {

struct Glyphs {
    std::array<const char*, 4> shades;   // resident to a quarter, a half, three quarters, more
    const char *untouched, *file, *swapped, *inaccessible;
};

constexpr Glyphs block_glyphs{{"░", "▒", "▓", "█"}, "·", "-", "s", "x"};
constexpr Glyphs ascii_glyphs{{":", "+", "*", "#"}, ".", "-", "s", "x"};

struct Mark {
    const char* glyph;
    const char* color;   // in SGR, empty: none
};

// Something resident shows, however little; else what most of the cell is.
Mark mark_of(const Fill& cell, const Glyphs& glyphs) {
    const auto resident = cell.resident();
    if (resident > 0) {
        const auto shade = std::clamp(std::ceil(4 * resident / cell.size()) - 1, 0.0, 3.0);
        return {glyphs.shades.at(static_cast<std::size_t>(shade)),
                cell.file > cell.memory ? "34" : "32"};   // blue, green
    }
    const auto most = std::max({cell.swapped, cell.untouched, cell.untouched_file, cell.inaccessible});
    if (most == cell.swapped && most > 0) return {glyphs.swapped, "35"};   // magenta
    if (most == cell.inaccessible) return {glyphs.inaccessible, "2"};      // dim
    if (most == cell.untouched_file) return {glyphs.file, "34"};
    return {glyphs.untouched, ""};
}

std::string strip(const AddressRow& row, std::size_t count, const Glyphs& glyphs, const Drawing& drawing) {
    std::string text;
    for (const auto& cell : cells(row, count, drawing.runs)) {
        const auto mark = mark_of(cell, glyphs);
        if (drawing.color && *mark.color != '\0') text += fmt::format("\x1b[{}m{}\x1b[0m", mark.color, mark.glyph);
        else text += mark.glyph;
    }
    return text;
}

std::string legend(const Glyphs& g, std::size_t width) {
    const std::array entries{fmt::format("{} resident", g.shades[3]),  fmt::format("{} to 25 %", g.shades[0]),
                             fmt::format("{} to 50 %", g.shades[1]),   fmt::format("{} to 75 %", g.shades[2]),
                             fmt::format("{} untouched", g.untouched), fmt::format("{} untouched, of a file", g.file),
                             fmt::format("{} swapped", g.swapped),     fmt::format("{} PROT_NONE", g.inaccessible)};
    std::string text, line;
    for (const auto& entry : entries) {
        if (!line.empty() && display_width(line) + 3 + display_width(entry) > width) {
            text += line + '\n';
            line.clear();
        }
        line += (line.empty() ? "" : "   ") + entry;
    }
    return text + line + '\n';
}

}   // namespace

std::string bar(double share, std::size_t cells, bool unicode) {
    constexpr std::array eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const std::size_t steps = unicode ? 8 : 1, all = cells * steps;
    // Neither empty where there is something nor full where something is missing.
    const auto rounded = static_cast<std::size_t>(std::floor(std::clamp(share, 0.0, 1.0) * static_cast<double>(all)));
    const auto filled = share > 0 && all > 0 ? std::max<std::size_t>(rounded, 1) : 0;
    std::string text;
    for (std::size_t i = 0; i < filled / steps; ++i) text += unicode ? "█" : "#";
    text += eighths.at(filled % steps);
    const auto used = (filled + steps - 1) / steps;
    return text.append(cells - used, unicode ? ' ' : '.');
}

std::string picture(std::span<const tamalloc::Mapping> mappings, const Drawing& drawing) {
    constexpr std::size_t figures_width = 32, narrow_figures_width = 24, least = 8;
    const auto& glyphs = drawing.unicode ? block_glyphs : ascii_glyphs;
    const bool narrow = drawing.width < 64;
    const auto indent = narrow ? narrow_figures_width : figures_width;
    const auto count = std::max(drawing.width, indent + least) - indent;
    std::string text;
    for (const auto& row : address_rows(mappings)) {
        text += fmt::format("{:>12x}  {:>9}", row.start, format_bytes(row.size, drawing.units));
        const auto size = static_cast<double>(std::max<std::uint64_t>(row.size, 1));
        if (!narrow) text += fmt::format(" {:>5.1f}%", 100 * static_cast<double>(row.resident) / size);
        text += ' ' + strip(row, count, glyphs, drawing) + '\n';
    }
    return text + legend(glyphs, drawing.width);
}

}   // namespace tamstat
