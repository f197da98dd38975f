// SPDX-License-Identifier: MIT
//
// The columns of tamstat diff: for its tables, for --sort and --filter.
//
//   namespace tamstat {
//     template<class Row> struct DiffColumn;
//     std::span<const DiffColumn<ProcessChange>> process_columns() noexcept;
//     std::span<const DiffColumn<PlacedChange>> mapping_columns() noexcept;
//   }
#pragma once
#include <span>          // std::span
#include <string_view>   // std::string_view

#include "columns.hpp"      // ColumnType
#include "comparison.hpp"   // MappingChange, ProcessChange
#include "value.hpp"        // Value

namespace tamstat {

/// What is of type rate is the change of bytes, without "per second".
template<class Row> struct DiffColumn {
    std::string_view key, header;
    ColumnType type;
    Value (*value)(const Row&);
};

/// A mapping, and whose it is.
struct PlacedChange {
    pid_t pid;
    const MappingChange* mapping;
};

[[nodiscard]] std::span<const DiffColumn<ProcessChange>> process_columns() noexcept;
[[nodiscard]] std::span<const DiffColumn<PlacedChange>> mapping_columns() noexcept;

}   // namespace tamstat
