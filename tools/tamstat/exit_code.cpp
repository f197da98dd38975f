// SPDX-License-Identifier: MIT
#include "exit_code.hpp"

#include <cstdio>   // std::fputs

#include "text.hpp"   // escaped

namespace tamstat {
namespace {

bool quiet = false;

// Line by line: an error may show a place below the text.
std::string harmless(std::string_view text) {
    std::string lines;
    while (true) {
        const auto end = text.find('\n');
        lines += escaped(text.substr(0, end)) + '\n';
        if (end == std::string_view::npos) return lines;
        text.remove_prefix(end + 1);
    }
}

}   // namespace

void complain(std::string_view text) {
    if (!quiet) std::fputs(("tamstat: " + harmless(text)).c_str(), stderr);
}

void silence(bool be_quiet) noexcept { quiet = be_quiet; }

}   // namespace tamstat
