// SPDX-License-Identifier: MIT
//
// Rows of any kind, filtered, sorted and cut as the command line asks.
//
//   namespace tamstat {
//     template<class Column> const Column* find_in(std::span<const Column>, std::string_view key);
//     template<class Column> std::optional<Filter> filter_for(std::string_view, std::span<const Column>, F used);
//     template<class Row, class Column> void arrange_rows(std::vector<Row>&, std::span<const Column>, const Options&, usual);
//   }
#pragma once
#include <algorithm>     // std::min, std::ranges::find
#include <cstddef>       // std::size_t
#include <limits>        // std::numeric_limits
#include <optional>      // std::optional
#include <span>          // std::span
#include <string_view>   // std::string_view
#include <variant>       // std::holds_alternative
#include <vector>        // std::vector

#include <fmt/format.h>
#include <range/v3/action/remove_if.hpp>
#include <range/v3/action/stable_sort.hpp>
#include <range/v3/action/take.hpp>

#include "columns.hpp"     // ColumnType
#include "exit_code.hpp"   // Failure
#include "filter.hpp"      // Filter, Kind
#include "options.hpp"     // Options, SortKey
#include "value.hpp"       // Value

namespace tamstat {

/// \returns null: there is none of this name
template<class Column>
[[nodiscard]] const Column* find_in(std::span<const Column> columns, std::string_view key) noexcept {
    const auto found = std::ranges::find(columns, key, &Column::key);
    return found == columns.end() ? nullptr : &*found;
}

[[nodiscard]] constexpr Kind kind_of(ColumnType type) noexcept {
    switch (type) {
    case ColumnType::bytes:
    case ColumnType::rate: return Kind::bytes;
    case ColumnType::share: return Kind::ratio;
    case ColumnType::text: return Kind::text;
    case ColumnType::number:
    case ColumnType::permille: break;
    }
    return Kind::count;
}

/// \effects calls used(const Column&) for each column of the condition
/// \returns nothing for an empty condition
/// \throws Failure exit_usage that shows the place
template<class Column, class F>
[[nodiscard]] std::optional<Filter> filter_for(std::string_view condition, std::span<const Column> columns, F used) {
    if (condition.empty()) return {};
    auto filter = Filter::parse(condition, [&](std::string_view key) -> std::optional<Kind> {
        const auto* const column = find_in(columns, key);
        if (column == nullptr) return {};
        used(*column);
        return kind_of(column->type);
    });
    if (!filter) throw Failure(exit_usage, "--filter: " + filter.error().text());
    return std::move(*filter);
}

/// \throws Failure exit_usage: there is no such column
template<class Column>
[[nodiscard]] const Column& sort_column(std::span<const Column> columns, std::string_view key) {
    if (const auto* const column = find_in(columns, key)) return *column;
    throw Failure(exit_usage, fmt::format("--sort: there is no column \"{}\"", key));
}

/// \returns whether a stands before b; what could not be read stands last, in either direction
[[nodiscard]] inline bool stands_before(const Value& a, const Value& b, bool descending) {
    const bool a_unread = std::holds_alternative<Unread>(a), b_unread = std::holds_alternative<Unread>(b);
    if (a_unread || b_unread) return !a_unread && b_unread;
    if (a.index() != b.index()) return a.index() < b.index();
    const auto less = [](const auto& x, const auto& y) {
        return std::visit(
            [&y]<class T>(const T& value) {
                if constexpr (std::is_same_v<T, Unread>) return false;
                else return value < std::get<T>(y);
            },
            x);
    };
    return descending ? less(b, a) : less(a, b);
}

template<class Row, class Column>
void arrange_rows(std::vector<Row>& rows, std::span<const Column> columns, const Options& options,
                  std::span<const SortKey> usual) {
    struct Order {
        Value (*value)(const Row&);
        bool descending;
    };
    std::vector<Order> orders;
    for (const auto& [key, descending] : options.sort.empty() ? usual : std::span<const SortKey>(options.sort))
        orders.push_back({sort_column(columns, key).value, descending});
    const auto filter = filter_for(options.filter, columns, [](const Column&) {});
    const auto fails = [&](const Row& row) {
        return filter && !(*filter)([&](std::string_view key) { return find_in(columns, key)->value(row); });
    };
    const auto before = [&](const Row& a, const Row& b) {
        for (const auto& order : orders) {
            const auto x = order.value(a), y = order.value(b);
            if (stands_before(x, y, order.descending)) return true;
            if (stands_before(y, x, order.descending)) return false;
        }
        return false;
    };
    constexpr auto most = std::numeric_limits<std::ptrdiff_t>::max();
    const auto limit = std::min<std::size_t>(options.limit.value_or(most), most);
    rows |= ranges::actions::remove_if(fails) | ranges::actions::stable_sort(before) |
            ranges::actions::take(static_cast<std::ptrdiff_t>(limit));
}

}   // namespace tamstat
