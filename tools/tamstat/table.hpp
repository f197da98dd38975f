// SPDX-License-Identifier: MIT
//
// A table for people (aligned, cut to the terminal) or for programs (CSV).
//
//   namespace tamstat {
//     enum class Align;  enum class Style;
//     struct TableColumn;  struct Cell;  struct Layout;
//     struct Piece;  using Line;
//     class Table;
//     std::string styled(const Line&, bool color);
//   }
#pragma once
#include <cstddef>    // std::size_t
#include <optional>   // std::optional
#include <string>     // std::string
#include <utility>    // std::move
#include <vector>     // std::vector

#include "text.hpp"   // Alphabet

namespace tamstat {

enum class Align : unsigned char { right, left };   // figures, words

/// What a colour says. The text says it as well.
enum class Style : unsigned char { none, high, low, warning };

struct TableColumn {
    std::string header;
    Align align = Align::right;
    int rank = 0;   // where there is no room: below 0 it goes first, the lowest of all; above 0 it stays and is not cut
};

/// What stands in a row; an implicit conversion, so that rows can be written as lists of strings.
struct Cell {
    Cell(std::string t, Style s = Style::none) : text(std::move(t)), style(s) {}   // NOLINT(*-explicit-*)
    Cell(const char* t, Style s = Style::none) : text(t), style(s) {}              // NOLINT(*-explicit-*)

    std::string text;
    Style style;
};

/// How a table is printed.
struct Layout {
    std::optional<std::size_t> width = std::nullopt;   // columns of the terminal; none: as wide as it gets
    Alphabet alphabet = Alphabet::locale;              // ascii: --format plain
    bool color = false;
    bool header = true;
};

/// A part of a line in one colour.
struct Piece {
    std::string text;
    Style style = Style::none;
    bool reversed = false;   // on a full screen only
};

using Line = std::vector<Piece>;

/// \returns the line as it is sent to a terminal, without blanks at the end
[[nodiscard]] std::string styled(const Line& line, bool color);

/// Cells may hold any bytes: what is printed is escaped.
class Table {
public:
    explicit Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

    /// \requires as many cells as there are columns, or fewer: the rest is empty
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

    /// \returns the lines. Where they are wider than the layout allows, columns of a rank below 0 are left out; then words are
    /// cut with an ellipsis; where that is not enough, columns are left out from the right, figures first, those of a rank
    /// above 0 last. Then the header ends in an ellipsis. A figure is never cut.
    [[nodiscard]] std::vector<Line> lines(const Layout& layout) const;

    /// \returns the same, each ending in \n
    [[nodiscard]] std::string text(const Layout& layout) const;

    /// \returns the same as comma-separated values, quoted as RFC 4180 has it, lines ending in \n
    [[nodiscard]] std::string csv(bool header) const;

private:
    std::vector<TableColumn> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}   // namespace tamstat
