// SPDX-License-Identifier: MIT
#include "diff_columns.hpp"

#include <array>     // std::array
#include <cerrno>    // ENODATA
#include <cstddef>   // std::size_t
#include <string>    // std::string

#include <fmt/format.h>

namespace tamstat {
namespace {

template<class T> Value known(const std::optional<T>& figure) {
    return figure ? Value(*figure) : Value(Unread{ENODATA});
}

template<std::size_t Figure> Value now(const ProcessChange& change) { return known(change.figures.at(Figure).after); }
template<std::size_t Figure> Value growth(const ProcessChange& change) {
    return known(change.figures.at(Figure).delta());
}

template<Change MappingChange::* Figure> Value now(const PlacedChange& change) {
    return known((change.mapping->*Figure).after);
}
template<Change MappingChange::* Figure> Value growth(const PlacedChange& change) {
    return known((change.mapping->*Figure).delta());
}

using enum ColumnType;

static_assert(figure_keys == std::array<std::string_view, 4>{"reserved", "committed", "swap", "pte"});

constexpr std::array<DiffColumn<ProcessChange>, 11> of_processes{{
    {"pid", "PID", number, [](const ProcessChange& c) -> Value { return std::int64_t{c.pid}; }},
    {"comm", "COMM", text, [](const ProcessChange& c) -> Value { return c.comm; }},
    {"fate", "FATE", text, [](const ProcessChange& c) -> Value { return std::string(name_of(c.fate)); }},
    {"reserved", "RESERVED", bytes, now<0>},
    {"reserved_change", "CHANGE", rate, growth<0>},
    {"committed", "COMMITTED", bytes, now<1>},
    {"committed_change", "CHANGE", rate, growth<1>},
    {"swap", "SWAP", bytes, now<2>},
    {"swap_change", "CHANGE", rate, growth<2>},
    {"pte", "PTE", bytes, now<3>},
    {"pte_change", "CHANGE", rate, growth<3>},
}};

constexpr std::array<DiffColumn<PlacedChange>, 9> of_mappings{{
    {"pid", "PID", number, [](const PlacedChange& c) -> Value { return std::int64_t{c.pid}; }},
    {"fate", "FATE", text, [](const PlacedChange& c) -> Value { return std::string(name_of(c.mapping->fate)); }},
    {"start", "ADDRESS", text, [](const PlacedChange& c) -> Value { return fmt::format("{:x}", c.mapping->start); }},
    {"kind", "KIND", text, [](const PlacedChange& c) -> Value { return c.mapping->kind; }},
    {"size", "SIZE", bytes, now<&MappingChange::size>},
    {"size_change", "CHANGE", rate, growth<&MappingChange::size>},
    {"resident", "RESIDENT", bytes, now<&MappingChange::resident>},
    {"resident_change", "CHANGE", rate, growth<&MappingChange::resident>},
    {"path", "WHERE", text, [](const PlacedChange& c) -> Value { return c.mapping->path; }},
}};

}   // namespace

std::span<const DiffColumn<ProcessChange>> process_columns() noexcept { return of_processes; }
std::span<const DiffColumn<PlacedChange>> mapping_columns() noexcept { return of_mappings; }

}   // namespace tamstat
