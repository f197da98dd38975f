// SPDX-License-Identifier: MIT
#include "address_rows.hpp"

#include <algorithm>    // std::clamp, std::max, std::min, std::ranges::nth_element
#include <functional>   // std::ranges::greater

namespace tamstat {

namespace {

using tamalloc::Mapping, tamalloc::MappingKind;

constexpr std::uint64_t large_part = 16;   // of all: has a row of its own, so there are at most 16 of them
constexpr std::uint64_t large_at_least = std::uint64_t{4} << 20;   // so that small programs are a few rows
constexpr std::uint64_t wide_gap = std::uint64_t{1} << 30;   // between the program, the heap, mappings and the stack
constexpr std::size_t most_gaps = 8;                         // that begin a new row

std::uint64_t gap_before(std::span<const Mapping> mappings, std::size_t i) {
    const auto end = mappings[i - 1].last;
    return mappings[i].first > end ? mappings[i].first - end : 0;
}

// \returns the least gap that begins a new row
std::uint64_t least_gap(std::span<const Mapping> mappings) {
    std::vector<std::uint64_t> gaps;
    for (std::size_t i = 1; i < mappings.size(); ++i)
        if (const auto gap = gap_before(mappings, i); gap >= wide_gap) gaps.push_back(gap);
    if (gaps.size() <= most_gaps) return wide_gap;
    std::ranges::nth_element(gaps, gaps.begin() + most_gaps, std::ranges::greater{});
    return gaps[most_gaps] + 1;
}

AddressRow row_of(std::span<const Mapping> mappings) {
    AddressRow row{.mappings = mappings, .start = mappings.front().first};
    for (const auto& mapping : mappings) {
        row.size += mapping.size();
        row.resident += mapping.resident;
    }
    return row;
}

// Adds a part of a mapping, `share` of it, spread evenly: the kernel does not tell where its pages are.
void add(Fill& cell, const Mapping& mapping, double share) {
    const auto size = static_cast<double>(mapping.size());
    const auto resident = std::min(static_cast<double>(mapping.resident), size);
    const auto swapped = std::min(static_cast<double>(mapping.swap), size - resident);
    const bool file = mapping.kind == MappingKind::file;
    (file ? cell.file : cell.memory) += share * resident;
    cell.swapped += share * swapped;
    auto& untouched = file ? cell.untouched_file : cell.untouched;
    (mapping.kind == MappingKind::none ? cell.inaccessible : untouched) += share * (size - resident - swapped);
}

}   // namespace

std::vector<AddressRow> address_rows(std::span<const tamalloc::Mapping> mappings) {
    std::uint64_t total = 0;
    for (const auto& mapping : mappings) total += mapping.size();
    const auto is_large = [&](const Mapping& mapping) {
        return mapping.size() > std::max(total / large_part, large_at_least);
    };
    const auto gap = least_gap(mappings);

    std::vector<AddressRow> rows;
    std::size_t first = 0;
    for (std::size_t i = 1; i <= mappings.size(); ++i) {
        const bool ends = i == mappings.size() || is_large(mappings[i - 1]) || is_large(mappings[i]) ||
                          gap_before(mappings, i) >= gap;
        if (!ends) continue;
        rows.push_back(row_of(mappings.subspan(first, i - first)));
        first = i;
    }
    return rows;
}

std::vector<Fill> cells(const AddressRow& row, std::size_t count) {
    std::vector<Fill> all(count);
    const auto per_byte = static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(row.size, 1));
    double before = 0;   // in cells
    for (const auto& mapping : row.mappings) {
        if (mapping.size() == 0) continue;
        const auto length = static_cast<double>(mapping.size()) * per_byte, after = before + length;
        for (auto i = static_cast<std::size_t>(before); i < count && static_cast<double>(i) < after; ++i) {
            const auto begin = std::max(before, static_cast<double>(i)),
                       end = std::min(after, static_cast<double>(i + 1));
            add(all[i], mapping, std::max(end - begin, 0.0) / length);
        }
        before = after;
    }
    return all;
}

}   // namespace tamstat
