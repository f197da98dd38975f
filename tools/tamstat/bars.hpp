// SPDX-License-Identifier: MIT
//
// Pictures: a bar, and what a process's address space is made of, for a terminal and as SVG.
//
//   namespace tamstat {
//     std::string bar(double share, std::size_t cells, bool unicode);
//     struct Drawing;
//     std::string picture(std::span<const tamalloc::Mapping>, const Drawing&);
//     std::string picture_svg(std::span<const tamalloc::Mapping>, std::string_view title, Units, const PageRuns&);
//   }
#pragma once
#include <cstddef>       // std::size_t
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view

#include "address_rows.hpp"                // PageRuns
#include "tamalloc/mappings/records.hpp"   // Mapping
#include "units.hpp"                       // Units

namespace tamstat {

/// \returns `cells` columns of a bar that is filled to `share`, 0 to 1; of more than nothing something shows. unicode: with
/// block elements, to an eighth of a cell, else "###..".
[[nodiscard]] std::string bar(double share, std::size_t cells, bool unicode);

struct Drawing {
    std::size_t width = 80;   // columns
    bool unicode = true;
    bool color = false;
    Units units = Units::automatic;
    PageRuns runs = nullptr;   // where pages are
};

/// \requires the mappings are in the order of their addresses
/// \returns lines: a row for each large mapping and for the small ones between, each to its own scale, and a legend
[[nodiscard]] std::string picture(std::span<const tamalloc::Mapping> mappings, const Drawing& drawing);

/// \returns the same as an SVG document, for reports; light or dark as the reader has it
[[nodiscard]] std::string picture_svg(std::span<const tamalloc::Mapping> mappings, std::string_view title,
                                      Units units = Units::automatic, const PageRuns& runs = {});

}   // namespace tamstat
