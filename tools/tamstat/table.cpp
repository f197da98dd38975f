// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <algorithm>     // std::max, std::min
#include <array>         // std::array
#include <cstdint>       // SIZE_MAX
#include <limits>        // std::numeric_limits
#include <string_view>   // std::string_view
#include <utility>       // std::move

namespace tamstat {

namespace {

constexpr std::size_t gap = 2;              // between columns: figures have a blank before their unit
constexpr std::size_t least_of_words = 8;   // before figures are left out; half of the longest name of a process

struct Shown {   // a column, escaped
    std::vector<std::string> texts;
    std::size_t width = 0;
    Align align{};
    int rank = 0;
    bool left_out = false;
};

std::size_t total_width(const std::vector<Shown>& columns) {
    std::size_t total = 0;
    for (const auto& column : columns)
        if (!column.left_out) total += column.width + gap;
    return total == 0 ? 0 : total - gap;
}

// Takes from the widest of the columns of words what is too much.
void narrow_words(std::vector<Shown>& columns, std::size_t limit, std::size_t least) {
    while (total_width(columns) > limit) {
        Shown* widest = nullptr;
        for (auto& column : columns)
            if (column.align == Align::left && column.rank <= 0 && !column.left_out && column.width > least &&
                (widest == nullptr || column.width > widest->width))
                widest = &column;
        if (widest == nullptr) return;
        --widest->width;
    }
}

// Leaves out the columns of a rank below 0, the lowest first.
// \returns whether there were any
bool leave_out_first(std::vector<Shown>& columns, std::size_t limit) {
    bool some = false;
    while (total_width(columns) > limit) {
        Shown* lowest = nullptr;
        for (auto& column : columns)
            if (column.rank < 0 && !column.left_out && (lowest == nullptr || column.rank < lowest->rank))
                lowest = &column;
        if (lowest == nullptr) break;
        some = lowest->left_out = true;
    }
    return some;
}

// Leaves out columns of that kind up to that rank from the right: of figures all but the first, of words all but the first and
// the last, where names stand.
// \returns whether there were any
bool leave_out(std::vector<Shown>& columns, Align kind, int rank, std::size_t limit) {
    std::vector<Shown*> of_kind;
    for (auto& column : columns)
        if (column.align == kind && !column.left_out) of_kind.push_back(&column);
    if (kind == Align::left && !of_kind.empty()) of_kind.pop_back();
    bool some = false;
    for (; of_kind.size() > 1 && total_width(columns) > limit; of_kind.pop_back())
        if (of_kind.back()->rank <= rank) some = of_kind.back()->left_out = true;
    return some;
}

// \returns whether columns are left out
bool fit(std::vector<Shown>& columns, std::size_t limit) {
    if (total_width(columns) <= limit) return false;
    constexpr std::size_t mark = 2;   // " …"
    const auto room = limit > mark ? limit - mark : 0;
    bool some = leave_out_first(columns, room);
    narrow_words(columns, some ? room : limit, least_of_words);
    constexpr int usual = 0, highest = std::numeric_limits<int>::max();
    for (const int rank : {usual, highest}) {
        if (total_width(columns) <= (some ? room : limit)) return some;
        some = leave_out(columns, Align::right, rank, room) || some;
        some = leave_out(columns, Align::left, rank, room) || some;
    }
    narrow_words(columns, some ? room : limit, 1);
    return some;
}

void append(Line& line, const Shown& column, std::size_t row, Style style, Alphabet alphabet) {
    if (!line.empty()) line.push_back({std::string(gap, ' ')});
    auto text = cut_to(column.width, column.texts[row], alphabet);
    const std::string blanks(column.width - std::min(column.width, display_width(text)), ' ');
    if (column.align == Align::right) line.push_back({blanks});
    line.push_back({std::move(text), style});
    if (column.align == Align::left) line.push_back({blanks});
}

const char* ellipsis(Alphabet alphabet) { return alphabet == Alphabet::locale && unicode() ? " …" : " +"; }

std::string csv_field(std::string_view raw) {
    auto text = escaped(raw);
    if (text.find_first_of(",\"") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + '"';
}

}   // namespace

std::string styled(const Line& line, bool color) {
    constexpr std::array<std::string_view, 4> codes{"", "1;31", "33", "35"};   // bold red, yellow, magenta
    std::string text;
    for (const auto& piece : line) {
        const auto code = codes.at(static_cast<std::size_t>(piece.style));
        if (!color || code.empty() || piece.text.empty()) text += piece.text;
        else ((text += "\x1b[") += code) += 'm' + piece.text + "\x1b[0m";
    }
    text.resize(text.find_last_not_of(' ') + 1);
    return text;
}

std::vector<Line> Table::lines(const Layout& layout) const {
    const std::size_t first = layout.header ? 0 : 1;
    std::vector<Shown> shown(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto& column = shown[i];
        column.align = columns_[i].align;
        column.rank = columns_[i].rank;
        column.texts.push_back(escaped(columns_[i].header, layout.alphabet));
        for (const auto& row : rows_)
            column.texts.push_back(i < row.size() ? escaped(row[i].text, layout.alphabet) : std::string());
        for (std::size_t row = first; row < column.texts.size(); ++row)
            column.width = std::max(column.width, display_width(column.texts[row]));
    }
    const bool some_left_out = fit(shown, layout.width.value_or(SIZE_MAX));

    const auto style_of = [this](std::size_t row, std::size_t i) {
        return row > 0 && i < rows_[row - 1].size() ? rows_[row - 1][i].style : Style::none;
    };
    std::vector<Line> lines;
    for (std::size_t row = first; row <= rows_.size(); ++row) {
        auto& line = lines.emplace_back();
        for (std::size_t i = 0; i < shown.size(); ++i)
            if (!shown[i].left_out) append(line, shown[i], row, style_of(row, i), layout.alphabet);
    }
    if (some_left_out && layout.header) lines.front().push_back({ellipsis(layout.alphabet)});
    return lines;
}

std::string Table::text(const Layout& layout) const {
    std::string text;
    for (const auto& line : lines(layout)) text += styled(line, layout.color) + '\n';
    return text;
}

std::string Table::csv(bool header) const {
    std::string lines;
    const auto add_line = [&](auto text_of) {
        for (std::size_t i = 0; i < columns_.size(); ++i) lines += (i == 0 ? "" : ",") + csv_field(text_of(i));
        lines += '\n';
    };
    if (header) add_line([&](std::size_t i) { return columns_[i].header; });
    for (const auto& row : rows_) add_line([&](std::size_t i) { return i < row.size() ? row[i].text : std::string(); });
    return lines;
}

}   // namespace tamstat
