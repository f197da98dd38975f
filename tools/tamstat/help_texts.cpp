// SPDX-License-Identifier: MIT
#include "help_texts.hpp"

namespace tamstat {
namespace {

// "[text](target)" becomes "text"; backticks go.
std::string plain_line(std::string_view line) {
    std::string result;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '`' || (line[i] == '[' && line.find("](", i) != std::string_view::npos)) continue;
        const bool link = line.substr(i).starts_with("](");
        const auto end = link ? line.find(')', i) : std::string_view::npos;
        if (end != std::string_view::npos) i = end;
        else result += line[i];
    }
    return result;
}

std::string_view without_heading_mark(std::string_view line) {
    const auto text = line.find_first_not_of('#');
    if (text == 0 || text == std::string_view::npos || line[text] != ' ') return line;
    return line.substr(text + 1);
}

}   // namespace

std::string without_marks(std::string_view markdown) {
    std::string result;
    while (!markdown.empty()) {
        const auto end = markdown.find('\n');
        const auto line = markdown.substr(0, end);
        if (!line.starts_with("<!--")) result += plain_line(without_heading_mark(line)) + '\n';
        markdown.remove_prefix(end == std::string_view::npos ? markdown.size() : end + 1);
    }
    return result;
}

}   // namespace tamstat
