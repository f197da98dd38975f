// SPDX-License-Identifier: MIT
// tamstat diff: what changed from one snapshot to another.
#include <algorithm>      // std::ranges::any_of, std::ranges::count, std::ranges::count_if
#include <array>          // std::array
#include <cerrno>         // errno
#include <cstdio>         // std::fopen, std::fputs, std::fread
#include <functional>     // std::not_fn
#include <memory>         // std::unique_ptr
#include <string>         // std::string
#include <system_error>   // std::generic_category
#include <utility>        // std::move
#include <vector>         // std::vector

#include <fmt/format.h>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/filter.hpp>

#include "arrange.hpp"                     // arrange_rows
#include "commands.hpp"                    // run_diff
#include "comparison.hpp"                  // compare
#include "diff_columns.hpp"                // mapping_columns, process_columns
#include "exit_code.hpp"                   // Failure
#include "json.hpp"                        // Json, dump, header
#include "rows.hpp"                        // print
#include "snapshot_file.hpp"               // parse_snapshot
#include "tamalloc/detail/proc_file.hpp"   // saturating_sum
#include "units.hpp"                       // format_bytes

namespace tamstat {
namespace {

using Changes = std::vector<ProcessChange>;

std::string read_file(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
    std::string text;
    std::array<char, 65536> buffer{};
    for (std::size_t n = 1; file != nullptr && n != 0; text.append(buffer.data(), n))
        n = std::fread(buffer.data(), 1, buffer.size(), file.get());
    if (file == nullptr || std::ferror(file.get()) != 0)
        throw Failure(exit_io, fmt::format("{}: {}", path, std::generic_category().message(errno)));
    return text;
}

Snapshot read_snapshot(const std::string& path) {
    auto snapshot = parse_snapshot(read_file(path));
    if (!snapshot) throw Failure(exit_io, fmt::format("{} is no snapshot of tamstat: {}", path, snapshot.error()));
    return *std::move(snapshot);
}

bool has_changed(const ProcessChange& change) {
    return change.fate != Fate::stayed || !change.mappings.empty() ||
           std::ranges::any_of(change.figures, [](const Change& c) { return c.before != c.after; });
}

const Change& committed(const ProcessChange& change) { return change.figures[1]; }

Changes shown(const Changes& all, const Options& options) {
    auto changes = all | ranges::views::filter(has_changed) | ranges::to<std::vector>();
    arrange_rows(changes, process_columns(), options, std::array{SortKey{"committed_change", true}});
    return changes;
}

std::string signed_bytes(std::int64_t change, Units units) {
    const auto magnitude = change < 0 ? 0 - static_cast<std::uint64_t>(change) : static_cast<std::uint64_t>(change);
    const char* const sign = change > 0 ? "+" : "-";
    return change == 0 ? "0" : sign + format_bytes(magnitude, units);
}

template<class Row> Cell cell_of(const DiffColumn<Row>& column, const Row& row, const Options& options) {
    const auto value = column.value(row);
    if (options.format == Format::csv) return raw_cell(value);
    const auto* const change = std::get_if<std::int64_t>(&value);
    if (column.type == ColumnType::rate && change != nullptr) return signed_bytes(*change, options.units);
    return cell(column.type, value, options.units);
}

template<class Row>
Table table_of(const std::vector<Row>& rows, std::span<const DiffColumn<Row>> columns, const Options& options) {
    std::vector<TableColumn> heads;
    for (const auto& column : columns)
        heads.push_back({std::string(options.format == Format::csv ? column.key : column.header),
                         column.type == ColumnType::text ? Align::left : Align::right});
    Table table(std::move(heads));
    for (const auto& row : rows) {
        std::vector<Cell> cells;
        for (const auto& column : columns) cells.push_back(cell_of(column, row, options));
        table.add(std::move(cells));
    }
    return table;
}

std::vector<PlacedChange> mappings_of(const Changes& changes) {
    std::vector<PlacedChange> mappings;
    for (const auto& process : changes)
        for (const auto& mapping : process.mappings) mappings.push_back({process.pid, &mapping});
    return mappings;
}

// What was not known at both times is left out of the sum.
std::string footer(const Changes& all, const Snapshot& before, const Snapshot& after, Units units) {
    const auto count = [&all](Fate fate) { return std::ranges::count(all, fate, &ProcessChange::fate); };
    std::uint64_t earlier = 0, later = 0;
    for (const auto& change : all) {
        if (!committed(change).delta()) continue;
        earlier = tamalloc::detail::saturating_sum(earlier, committed(change).before.value_or(0));
        later = tamalloc::detail::saturating_sum(later, committed(change).after.value_or(0));
    }
    return fmt::format("{} to {}: {} new, {} gone, {} unchanged, committed {}\n", before.time, after.time,
                       count(Fate::began), count(Fate::ended), std::ranges::count_if(all, std::not_fn(has_changed)),
                       signed_bytes(Change{earlier, later}.delta().value_or(0), units));
}

void print_tables(const Changes& changes, const Options& options) {
    print(table_of(changes, process_columns(), options), options);
    // CSV has room for one table; the rest is in JSON.
    const auto mappings = mappings_of(changes);
    if (mappings.empty() || options.format == Format::csv) return;
    std::fputs("\n", stdout);
    print(table_of(mappings, mapping_columns(), options), options);
}

Json to_json(const Change& change) {
    const auto value = [](const auto& figure) { return figure ? Json(*figure) : Json(); };
    return {{"before", value(change.before)}, {"after", value(change.after)}, {"change", value(change.delta())}};
}

Json to_json(const MappingChange& change) {
    return {{"fate", name_of(change.fate)}, {"start", fmt::format("{:#x}", change.start)},
            {"kind", change.kind},          {"path", change.path},
            {"size", to_json(change.size)}, {"resident", to_json(change.resident)}};
}

Json to_json(const ProcessChange& change) {
    Json json{{"pid", change.pid}, {"comm", change.comm}, {"fate", name_of(change.fate)}};
    for (std::size_t i = 0; i < figure_keys.size(); ++i)
        json[std::string(figure_keys.at(i))] = to_json(change.figures.at(i));
    auto& mappings = json["mappings"] = Json::array();
    for (const auto& mapping : change.mappings) mappings.push_back(to_json(mapping));
    return json;
}

void print_json(const Changes& changes, const Snapshot& before, const Snapshot& after, const Options& options) {
    if (options.format == Format::json_lines) {
        for (const auto& change : changes) std::fputs((dump(to_json(change)) + '\n').c_str(), stdout);
        return;
    }
    auto json = header("diff");
    json["before"] = {{"file", options.before}, {"time", before.time}};
    json["after"] = {{"file", options.after}, {"time", after.time}};
    auto& list = json["changes"] = Json::array();
    for (const auto& change : changes) list.push_back(to_json(change));
    std::fputs((dump(json) + '\n').c_str(), stdout);
}

}   // namespace

int run_diff(const Options& options) {
    const auto before = read_snapshot(options.before), after = read_snapshot(options.after);
    const auto all = compare(before, after);
    const auto changes = shown(all, options);
    if (options.format == Format::json || options.format == Format::json_lines) {
        print_json(changes, before, after, options);
    } else {
        print_tables(changes, options);
        if (options.format != Format::csv && !options.quiet)
            std::fputs(footer(all, before, after, options.units).c_str(), stdout);
    }
    const auto grew_too_much = [&options](const ProcessChange& change) {
        const auto growth = committed(change).delta().value_or(0);
        return options.threshold && growth > 0 && static_cast<std::uint64_t>(growth) > *options.threshold;
    };
    return std::ranges::any_of(all, grew_too_much) ? exit_failed : exit_ok;
}

}   // namespace tamstat
