// SPDX-License-Identifier: MIT
#include "svg.hpp"

#include <fmt/format.h>   // fmt::format

#include "text.hpp"   // Alphabet, escaped, unicode

namespace tamstat::svg {
namespace {

constexpr std::string_view style = R"(<style>
text { font: 12px monospace; fill: #1b1f24; }
.title { font-size: 14px; font-weight: bold; }
.figure { text-anchor: end; }
.paper { fill: #ffffff; }
.memory { fill: #1a7f37; }
.file { fill: #0969da; }
.swapped { fill: #bf3989; }
.untouched { fill: #d0d7de; }
.untouched_file { fill: #b6d5f5; }
.inaccessible { fill: #f6f8fa; stroke: #8c959f; stroke-width: 0.5; }
.line { fill: none; stroke: #1b1f24; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.paper { fill: #0d1117; }
.memory { fill: #3fb950; }
.file { fill: #58a6ff; }
.swapped { fill: #db61a2; }
.untouched { fill: #484f58; }
.untouched_file { fill: #1f3d63; }
.inaccessible { fill: #161b22; }
.line { stroke: #e6edf3; }
}
</style>
)";

std::string xml(std::string_view raw) {
    std::string text;
    for (const char c : escaped(raw, unicode() ? Alphabet::locale : Alphabet::ascii)) {
        if (c == '&') text += "&amp;";
        else if (c == '<') text += "&lt;";
        else if (c == '>') text += "&gt;";
        else text += c;
    }
    return text;
}

}   // namespace

std::string document(int width, int height, std::string_view title, std::string_view content) {
    constexpr int margin = 16, baseline = 28;
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
        "<title>{2}</title>\n{3}{4}{5}{6}</svg>\n",
        width, height, xml(title), style, rectangle("paper", 0, 0, width, height),
        label("title", margin, baseline, title), content);
}

std::string rectangle(std::string_view name, int x, int y, int width, int height) {
    return fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n", name, x, y, width,
                       height);
}

std::string label(std::string_view name, int x, int y, std::string_view text) {
    return fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>\n", name, x, y, xml(text));
}

}   // namespace tamstat::svg
