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

// What is resident and swapped of some bytes of a mapping.
struct Populated {
    double resident = 0, swapped = 0;
};

void add(Fill& cell, const Mapping& mapping, double size, Populated part) {
    part.resident = std::min(part.resident, size);
    part.swapped = std::min(part.swapped, size - part.resident);
    const bool file = mapping.kind == MappingKind::file;
    (file ? cell.file : cell.memory) += part.resident;
    cell.swapped += part.swapped;
    auto& untouched = file ? cell.untouched_file : cell.untouched;
    (mapping.kind == MappingKind::none ? cell.inaccessible : untouched) += size - part.resident - part.swapped;
}

// Where a mapping lies in its row, in cells.
struct Stretch {
    double begin = 0, end = 0;

    // Calls f(i, length) for each cell, with how much of it is covered.
    template<class F> void for_each_cell(std::size_t count, F f) const {
        for (auto i = static_cast<std::size_t>(begin); i < count && static_cast<double>(i) < end; ++i) {
            const auto first = std::max(begin, static_cast<double>(i)),
                       last = std::min(end, static_cast<double>(i + 1));
            f(i, std::max(last - first, 0.0));
        }
    }
};

// \returns what is populated of the mapping in each cell; nothing where that is not known
std::vector<Populated> populated(const Mapping& mapping, Stretch stretch, std::size_t count, const PageRuns& runs) {
    std::vector<Populated> parts(count);
    const auto per_byte = (stretch.end - stretch.begin) / static_cast<double>(mapping.size());
    const auto place = [&](std::uint64_t address) {
        return stretch.begin + static_cast<double>(address - mapping.first) * per_byte;
    };
    const auto add_run = [&](const PageRun& run) {
        const auto first = std::clamp(run.first, mapping.first, mapping.last),
                   last = std::clamp(run.last, mapping.first, mapping.last);
        Stretch{place(first), place(last)}.for_each_cell(count, [&](std::size_t i, double length) {
            (run.swapped ? parts[i].swapped : parts[i].resident) += length / per_byte;
        });
    };
    const bool known = runs && (mapping.resident != 0 || mapping.swap != 0) && runs(mapping, add_run);
    return known ? parts : std::vector<Populated>();
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

std::vector<Fill> cells(const AddressRow& row, std::size_t count, const PageRuns& runs) {
    std::vector<Fill> all(count);
    const auto per_byte = static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(row.size, 1));
    Stretch stretch;
    for (const auto& mapping : row.mappings) {
        if (mapping.size() == 0) continue;
        const auto size = static_cast<double>(mapping.size());
        stretch = {stretch.end, stretch.end + size * per_byte};
        const auto parts = populated(mapping, stretch, count, runs);
        stretch.for_each_cell(count, [&](std::size_t i, double length) {
            const auto bytes = length / per_byte;
            const auto evenly = bytes / size;
            add(all[i], mapping, bytes,
                parts.empty() ? Populated{static_cast<double>(mapping.resident) * evenly,
                                          static_cast<double>(mapping.swap) * evenly}
                              : parts[i]);
        });
    }
    return all;
}

}   // namespace tamstat
