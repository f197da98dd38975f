// SPDX-License-Identifier: MIT
// tamstat maps: the mappings of a process, with what is behind each.
#include <array>         // std::array
#include <cstdint>       // std::uint64_t
#include <cstdio>        // std::fputs
#include <limits>        // std::numeric_limits
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include <fmt/format.h>
#include <range/v3/algorithm/find.hpp>
#include <range/v3/numeric/accumulate.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/transform.hpp>

#include "arrange.hpp"             // arrange_rows
#include "bars.hpp"                // bar
#include "collect.hpp"             // collect, totals_of, verdict
#include "columns.hpp"             // ColumnInfo, cell
#include "commands.hpp"            // run_maps
#include "exit_code.hpp"           // Failure
#include "json.hpp"                // document, print_json, to_json
#include "machine.hpp"             // max_map_count, soon_too_many
#include "rows.hpp"                // layout_for, print
#include "tamalloc/mappings.hpp"   // mappings
#include "tamalloc/range_v3.hpp"   // views as temporaries

namespace tamstat {
namespace {

struct MappingRow {
    tamalloc::Mapping mapping;
    Reading<std::uint64_t> zero;

    [[nodiscard]] std::uint64_t untouched() const {
        using tamalloc::detail::saturating_sum;   // figures may be anything
        const auto touched = saturating_sum(saturating_sum(mapping.resident, mapping.swap), zero.value_or(0));
        return mapping.size() > touched ? mapping.size() - touched : 0;
    }
};

struct MappingColumn : ColumnInfo {
    Value (*value)(const MappingRow&);
};

// Not what the permissions say already, nor what every mapping has.
std::string telling_flags(std::string_view flags) {
    constexpr std::string_view usual = "rd wr ex sh mr mw me ms gd sd mp ";
    std::string telling;
    for (std::size_t at = 0; at + 2 <= flags.size(); at += 3) {
        const auto flag = flags.substr(at, 2);
        if (usual.find(flag) == std::string_view::npos) telling.append(telling.empty() ? "" : " ").append(flag);
    }
    return telling;
}

Value zero(const MappingRow& row) { return row.zero ? Value(*row.zero) : Value(row.zero.why()); }

double fill(const MappingRow& row) {
    return static_cast<double>(row.mapping.resident) / static_cast<double>(row.mapping.size());
}

using enum ColumnType;
using Row = MappingRow;
constexpr auto no_need = Need::nothing;

constexpr std::array columns{
    MappingColumn{{"size", "SIZE", bytes, no_need, "smaps", ""},
                  [](const Row& r) -> Value { return r.mapping.size(); }},
    MappingColumn{{"resident", "RESIDENT", bytes, no_need, "smaps:Rss", ""},
                  [](const Row& r) -> Value { return r.mapping.resident; }},
    MappingColumn{{"fill", "FILL", share, no_need, "resident / size", ""},
                  [](const Row& r) -> Value { return fill(r); }},
    MappingColumn{{"untouched", "UNTOUCHED", bytes, no_need, "size - resident - swap - zero", ""},
                  [](const Row& r) -> Value { return r.untouched(); }},
    MappingColumn{{"zero", "ZERO", bytes, no_need, "pagemap", ""}, zero},
    MappingColumn{{"swap", "SWAP", bytes, no_need, "smaps:Swap", ""},
                  [](const Row& r) -> Value { return r.mapping.swap; }},
    MappingColumn{{"thp", "THP", bytes, no_need, "smaps:AnonHugePages", ""},
                  [](const Row& r) -> Value { return r.mapping.huge; }},
    MappingColumn{{"kind", "KIND", text, no_need, "smaps", ""},
                  [](const Row& r) -> Value { return std::string(name_of(r.mapping.kind)); }},
    MappingColumn{
        {"perms", "PERM", text, no_need, "smaps", ""},
        [](const Row& r) -> Value { return std::string(r.mapping.permissions.begin(), r.mapping.permissions.end()); }},
    MappingColumn{{"flags", "FLAGS", text, no_need, "smaps:VmFlags", ""},
                  [](const Row& r) -> Value { return telling_flags(r.mapping.flags); }},
    MappingColumn{{"start", "START", text, no_need, "smaps", ""},
                  [](const Row& r) -> Value { return fmt::format("{:x}", r.mapping.first); }},
    MappingColumn{{"path", "WHERE", text, no_need, "smaps", ""}, [](const Row& r) -> Value { return r.mapping.path; }},
};

// \returns those that the options choose; `count` is of all
std::vector<MappingRow> read_rows(const Options& options, std::uint64_t& count) {
    const auto pid = options.pids.front();
    const auto view = tamalloc::mappings(pid, options.procfs.c_str());
    if (!view)
        throw Failure(view.error() == tamalloc::errc::no_such_process ? exit_failed : code_of(view.error()),
                      fmt::format("{}: {}", pid, view.error().message()));
    const auto with_zero = [&](const tamalloc::Mapping& mapping) {
        const auto zero = view->zero_mapped(mapping.first, mapping.last);
        return MappingRow{mapping, zero ? Reading<std::uint64_t>(*zero) : unread(zero.error())};
    };
    const auto wanted = [&](const tamalloc::Mapping& mapping) {
        ++count;
        return mapping.size() >= options.min_size && (options.kind.empty() || options.kind == name_of(mapping.kind));
    };
    auto rows = *view | ranges::views::filter(wanted) | ranges::views::transform(with_zero) | ranges::to<std::vector>();
    if (const auto error = view->error())
        throw Failure(code_of(error), fmt::format("{}/{}/smaps: {}", options.procfs, pid, error.message()));
    return rows;
}

constexpr std::string_view usual_sort = "untouched";

// On a narrow terminal, what the rows are sorted by stays, and what an address and a kind are when cut is something else.
int rank_of(const MappingColumn& column, const Options& options) {
    const bool sorted = options.sort.empty()
                            ? column.key == usual_sort
                            : ranges::find(options.sort, column.key, &SortKey::column) != options.sort.end();
    if (sorted || column.key == "start" || column.key == "kind") return 1;
    if (column.key == "flags") return -2;
    return column.key == "perms" ? -1 : 0;
}

Table table_of(std::span<const MappingRow> rows, const Options& options) {
    constexpr int goes_first = -3;
    constexpr std::size_t cells = 20;
    const bool csv = options.format == Format::csv;
    std::vector<TableColumn> headers;
    headers.reserve(columns.size() + 1);
    for (const auto& column : columns)
        headers.push_back({std::string(csv ? column.key : column.header),
                           column.type == text ? Align::left : Align::right, rank_of(column, options)});
    if (!csv) headers.insert(headers.begin() + 3, {"", Align::left, goes_first});
    Table table(std::move(headers));
    for (const auto& row : rows) {
        std::vector<Cell> line;
        for (const auto& column : columns) {
            const auto value = column.value(row);
            line.emplace_back(csv ? raw_cell(value) : cell(column.type, value, options.units));
        }
        const bool blocks = options.format != Format::plain && unicode();
        if (!csv) line.insert(line.begin() + 3, bar(fill(row), cells, blocks));
        table.add(std::move(line));
    }
    return table;
}

std::vector<MappingRow> arranged_rows(const Options& options, std::uint64_t& count) {
    static const std::array<SortKey, 1> largest_untouched{{{std::string(usual_sort), true}}};
    auto rows = read_rows(options, count);
    arrange_rows(rows, std::span<const MappingColumn>(columns), options, largest_untouched);
    return rows;
}

std::string map_count_line(std::uint64_t count, const Options& options) {
    const auto most = max_map_count(options.procfs);
    if (!most || !soon_too_many(count, *most)) return {};
    return fmt::format("{} mappings of {} (vm.max_map_count), SOON TOO MANY: then mmap says out of memory\n", count,
                       *most);
}

std::string summary(std::span<const MappingRow> rows, std::uint64_t count, const Options& options) {
    const auto sum = [&](auto part) {
        const auto total = ranges::accumulate(rows | ranges::views::transform(part), std::uint64_t{0},
                                              tamalloc::detail::saturating_sum);
        const bool saturated = total == std::numeric_limits<std::uint64_t>::max();
        return format_bytes(total, options.units) + (saturated ? " or more" : "");
    };
    return fmt::format("{} mappings, size {}, resident {}, untouched {}\n", rows.size(),
                       sum([](const Row& r) { return r.mapping.size(); }),
                       sum([](const Row& r) { return r.mapping.resident; }), sum(&MappingRow::untouched)) +
           map_count_line(count, options);
}

Json json_of(const MappingRow& row) {
    auto json = to_json(row.mapping);
    put(json, "zero", row.zero);
    return json;
}

void print_document(const Collection& collection, std::span<const MappingRow> rows, const Options& options) {
    auto process = to_json(collection.rows.front());
    auto& list = process["mappings"] = Json::array();
    for (const auto& row : rows) list.push_back(json_of(row));
    print_json(document("maps", collection, totals_of(collection.rows), options), {std::move(process)}, options);
}

}   // namespace

Table table_of_mappings(const Options& options) {
    std::uint64_t count = 0;
    return table_of(arranged_rows(options, count), options);
}

int run_maps(const Options& options) {
    const auto collection = collect(options, Need::oom);
    if (collection.rows.empty()) return verdict(collection);
    std::uint64_t count = 0;
    const auto rows = arranged_rows(options, count);
    if (options.format == Format::json || options.format == Format::json_lines) {
        print_document(collection, rows, options);
        return exit_ok;
    }
    print(table_of(rows, options), options);
    if (options.format != Format::csv && !options.quiet) std::fputs(summary(rows, count, options).c_str(), stdout);
    return exit_ok;
}

}   // namespace tamstat
