// SPDX-License-Identifier: MIT
#include "rows.hpp"

#include <cstdio>    // std::fwrite
#include <variant>   // std::get_if

#include <unistd.h>   // geteuid, STDOUT_FILENO

#include <fmt/format.h>
#include <range/v3/algorithm/count_if.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/transform.hpp>

#include "machine.hpp"    // max_map_count, soon_too_many
#include "terminal.hpp"   // terminal_width, use_color

namespace tamstat {
namespace {

constexpr double low_fill = 0.05, high_share = 100;   // below 5 % used; above 10 % of RAM and swap

Style style_of(const Column& column, const Value& value) {
    const auto* const figure = std::get_if<double>(&value);
    if (figure == nullptr) return Style::none;
    if (column.type == ColumnType::share) return *figure < low_fill ? Style::low : Style::none;
    return *figure > high_share ? Style::high : Style::none;
}

Cell cell_of(const Column& column, const ProcessRow& row, const Options& options) {
    const auto value = column.value(row);
    if (options.format == Format::csv) return raw_cell(value);
    auto text = cell(column.type, value, options.units);
    if (row.cut() && column.key == "pid") text = "~" + text;
    return {std::move(text), style_of(column, value)};
}

std::string unreadable_line(const Collection& collection, const Totals& totals) {
    const auto denied = static_cast<std::size_t>(
        ranges::count_if(collection.rows, [](const ProcessRow& row) { return is_denial(Unread{row.first_error()}); }));
    std::string text;
    if (denied != 0)
        text += fmt::format("{} of {} processes may not be read in full{}\n", denied, totals.processes,
                            ::geteuid() == 0 ? "" : ": run as root for the rest");
    if (totals.unreadable > denied)
        text +=
            fmt::format("{} of {} processes could not be read in full\n", totals.unreadable - denied, totals.processes);
    return text;
}

}   // namespace

Layout layout_for(const Options& options) {
    const bool plain = options.format == Format::plain;
    return {.width = terminal_width(STDOUT_FILENO),
            .alphabet = plain ? Alphabet::ascii : Alphabet::locale,
            .color = !plain && use_color(options.color, STDOUT_FILENO),
            .header = options.header};
}

Table table_of(std::span<const ProcessRow> rows, std::span<const Column* const> columns, const Options& options) {
    const bool csv = options.format == Format::csv;
    Table table(columns | ranges::views::transform([csv](const Column* column) {
                    const auto align = column->type == ColumnType::text ? Align::left : Align::right;
                    return TableColumn{std::string(csv ? column->key : column->header), align};
                }) |
                ranges::to<std::vector>());
    for (const auto& row : rows)
        table.add(columns |
                  ranges::views::transform([&](const Column* column) { return cell_of(*column, row, options); }) |
                  ranges::to<std::vector>());
    return table;
}

void print(const Table& table, const Options& options) {
    const auto text = options.format == Format::csv ? table.csv(options.header) : table.text(layout_for(options));
    std::fwrite(text.data(), 1, text.size(), stdout);
}

std::size_t near_map_limit(std::span<const ProcessRow> rows, const Options& options) {
    const auto most = max_map_count(options.procfs);
    if (!most) return 0;
    return static_cast<std::size_t>(ranges::count_if(
        rows, [&most](const ProcessRow& row) { return row.mappings && soon_too_many(*row.mappings, *most); }));
}

std::string summary(const Collection& collection, const Totals& totals, const Options& options, std::size_t shown) {
    const auto bytes = [&options](std::uint64_t n) { return format_bytes(n, options.units); };
    auto text = fmt::format("{} of {} processes, reserved {}{}, committed {}", shown, totals.processes,
                            bytes(totals.reserved), totals.saturated ? " or more" : "", bytes(totals.committed));
    if (totals.charged) {
        const auto commit = commit_charge(options);
        text += fmt::format(", charged {}{}", totals.charged_in_part ? "at least " : "", bytes(*totals.charged));
        if (commit.charged) text += fmt::format(" of Committed_AS {}", bytes(*commit.charged));
        if (const auto rest = residual(totals, commit)) text += fmt::format(" ({} not attributable)", bytes(*rest));
    }
    text += "\n" + unreadable_line(collection, totals);
    if (const auto count = near_map_limit(collection.rows, options); count != 0)
        text += fmt::format(
            "{} of {} processes have nearly as many mappings as vm.max_map_count allows: then mmap says out "
            "of memory\n",
            count, totals.processes);
    if (totals.cut != 0)
        text += fmt::format("~ {} processes were cut off by the budget: --budget 0 lifts it\n", totals.cut);
    if (collection.exited != 0) text += fmt::format("exited meanwhile: {}\n", collection.exited);
    return text;
}

}   // namespace tamstat
