// SPDX-License-Identifier: MIT
//
// What all drawings have in common.
//
//   namespace tamstat::svg {
//     std::string document(int width, int height, std::string_view title, std::string_view content);
//     std::string rectangle(std::string_view name, int x, int y, int width, int height);
//     std::string label(std::string_view name, int x, int y, std::string_view text);
//   }
#pragma once
#include <string>        // std::string
#include <string_view>   // std::string_view

namespace tamstat::svg {

/// \returns a whole document with its title above the content; light or dark as the reader has it. Classes of the style:
/// memory, file, swapped, untouched, untouched_file, inaccessible, line; figure for text that ends at its place.
[[nodiscard]] std::string document(int width, int height, std::string_view title, std::string_view content);

[[nodiscard]] std::string rectangle(std::string_view name, int x, int y, int width, int height);

/// \returns a text at that place, made harmless
[[nodiscard]] std::string label(std::string_view name, int x, int y, std::string_view text);

}   // namespace tamstat::svg
