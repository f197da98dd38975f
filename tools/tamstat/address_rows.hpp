// SPDX-License-Identifier: MIT
//
// How an address space is laid out in a picture: rows, and what is in each cell of a row.
//
//   namespace tamstat {
//     struct AddressRow;  struct Fill;  struct PageRun;
//     std::vector<AddressRow> address_rows(std::span<const tamalloc::Mapping>);
//     std::vector<Fill> cells(const AddressRow&, std::size_t count, const PageRuns&);
//   }
#pragma once
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <functional>   // std::function
#include <span>         // std::span
#include <vector>       // std::vector

#include "tamalloc/mappings/records.hpp"   // Mapping

namespace tamstat {

/// Mappings that are drawn in one row: one that is large, or small neighbours.
struct AddressRow {
    std::span<const tamalloc::Mapping> mappings;
    std::uint64_t start = 0, size = 0, resident = 0;   // gaps between them are not in size
};

/// What the bytes of a cell are; their sum is its size.
struct Fill {
    double memory = 0, file = 0;   // resident
    double swapped = 0;
    double untouched = 0, untouched_file = 0, inaccessible = 0;

    [[nodiscard]] double resident() const { return memory + file; }
    [[nodiscard]] double size() const { return resident() + swapped + untouched + untouched_file + inaccessible; }
};

/// \requires the mappings are in the order of their addresses
/// \returns the rows, in the same order; no more than a screen has lines
[[nodiscard]] std::vector<AddressRow> address_rows(std::span<const tamalloc::Mapping> mappings);

/// Pages that are in memory, or swapped.
struct PageRun {
    std::uint64_t first = 0, last = 0;
    bool swapped = false;
};

/// Calls its second argument for the pages of a mapping in the order of their addresses.
/// \returns false: nobody knows where they are
using PageRuns = std::function<bool(const tamalloc::Mapping&, const std::function<void(const PageRun&)>&)>;

/// \returns the row cut into `count` parts of the same number of bytes; what is resident of a mapping is where its pages are,
/// or spread over it where that is not known
[[nodiscard]] std::vector<Fill> cells(const AddressRow& row, std::size_t count, const PageRuns& runs = {});

}   // namespace tamstat
