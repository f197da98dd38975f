// SPDX-License-Identifier: MIT
//
// The table of columns: ps, top, oom, csv, json, filters, sorting and the documentation use this one.
//
//   namespace tamstat {
//     enum class ColumnType;
//     enum class Need;                                     // what must be read for it
//     struct ColumnInfo;  struct Column;
//     std::span<const Column> all_columns();
//     const Column* find_column(std::string_view key);
//     std::vector<const Column*> choose_columns(std::string_view asked, std::span<const std::string_view> usual);
//     std::string cell(ColumnType, const Value&, Units);   // for people; not escaped
//     std::string raw_cell(const Value&);                  // for programs
//   }
#pragma once
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "options.hpp"       // Detail
#include "process_row.hpp"   // ProcessRow
#include "units.hpp"         // Units
#include "value.hpp"         // Value

namespace tamstat {

enum class ColumnType : unsigned char {
    number,     // a count or an id
    bytes,      // unsigned
    rate,       // bytes per second, signed
    share,      // of 1, shown in percent
    permille,   // in thousandths already
    text,
};

/// Files of /proc/PID that a column needs beyond status and stat, which are always read.
enum class Need : unsigned {
    nothing = 0,
    oom = 1,        // oom_score, oom_score_adj
    extra = 2,      // more of status and stat: kinds of resident pages, faults
    cgroup = 4,     // cgroup, limits
    rollup = 8,     // smaps_rollup
    maps = 16,      // smaps, pagemap
    cmdline = 32,   // cmdline
    growth = 64,    // a second sample
};
[[nodiscard]] constexpr Need operator|(Need a, Need b) noexcept {
    return static_cast<Need>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr bool has(Need all, Need any) noexcept {
    return (static_cast<unsigned>(all) & static_cast<unsigned>(any)) != 0;
}
/// \returns what --detail asks for
[[nodiscard]] constexpr Need need_of(Detail detail) noexcept {
    if (detail == Detail::maps) return Need::maps;
    return detail == Detail::rollup ? Need::rollup : Need::nothing;
}

struct ColumnInfo {
    std::string_view key;   // of --columns, --sort, --filter and JSON
    std::string_view header;
    ColumnType type;
    Need need;
    std::string_view source;    // where the kernel tells it: "status:VmSize"
    std::string_view meaning;   // a clause
};

struct Column : ColumnInfo {
    Value (*value)(const ProcessRow&);
};

/// \returns all, in the order of the documentation
[[nodiscard]] std::span<const Column> all_columns() noexcept;
/// \returns null: there is none of this name
[[nodiscard]] const Column* find_column(std::string_view key) noexcept;

/// \returns the columns asked for: a list "a,b", or what to add to and take from the usual ones: "+a,-b"
/// \throws Failure exit_usage that names the column
[[nodiscard]] std::vector<const Column*> choose_columns(std::string_view asked,
                                                        std::span<const std::string_view> usual);

/// \returns the text of a cell, "-" where there is no value. Text is raw: Table escapes it
[[nodiscard]] std::string cell(ColumnType type, const Value& value, Units units);

/// \returns bytes, counts and shares of 1 as numbers, and nothing where there is no value
[[nodiscard]] std::string raw_cell(const Value& value);

/// \returns the value of the column of this name, Unread where there is none
[[nodiscard]] Value value_of(std::string_view key, const ProcessRow& row);

}   // namespace tamstat
