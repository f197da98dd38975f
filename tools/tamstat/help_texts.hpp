// SPDX-License-Identifier: MIT
//
// Pages of docs/reference, as they were when the program was built.
//
//   namespace tamstat {
//     extern const std::string_view glossary_page, exit_codes_page, json_schema;
//     std::string without_marks(std::string_view markdown);
//   }
#pragma once
#include <string>        // std::string
#include <string_view>   // std::string_view

namespace tamstat {

extern const std::string_view glossary_page, exit_codes_page;   // Markdown: headings, lists, links
extern const std::string_view json_schema;

/// \returns the text for a terminal: without comments, and without the marks of headings, links and code
[[nodiscard]] std::string without_marks(std::string_view markdown);

}   // namespace tamstat
