// SPDX-License-Identifier: MIT
#include "text.hpp"

#include <algorithm>   // std::ranges::any_of
#include <array>       // std::array
#include <cwchar>      // std::mbrtowc, wcwidth

#include <langinfo.h>   // nl_langinfo

namespace tamstat {

namespace {

struct Character {
    std::size_t bytes;
    int width;   // in columns; less than 0: not to be shown
};

struct Range {
    wchar_t first, last;
};

// What wcwidth() calls printable, but what shows nothing or moves what stands around it.
constexpr std::array<Range, 11> deceptive{{{0x00AD, 0x00AD},       // soft hyphen
                                           {0x061C, 0x061C},       // direction of writing
                                           {0x115F, 0x1160},       // fillers
                                           {0x180B, 0x180E},       // separators of vowels
                                           {0x200B, 0x200F},       // without width, direction
                                           {0x2028, 0x202E},       // ends of lines, direction
                                           {0x2060, 0x206F},       // invisible operators, direction
                                           {0x3164, 0x3164},       // filler
                                           {0xFEFF, 0xFEFF},       // byte order mark
                                           {0xFFF9, 0xFFFB},       // annotations
                                           {0xE0000, 0xE0FFF}}};   // tags

bool is_deceptive(wchar_t c) {
    return std::ranges::any_of(deceptive, [c](const Range& range) { return range.first <= c && c <= range.last; });
}

// \requires the text is not empty
Character first_character(std::string_view text) {
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x80) return {1, byte >= ' ' && byte != 0x7F ? 1 : -1};
    std::mbstate_t state{};
    wchar_t c = 0;
    const auto bytes = std::mbrtowc(&c, text.data(), text.size(), &state);
    if (bytes == 0 || bytes > text.size()) return {1, -1};   // invalid, or cut off
    return {bytes, is_deceptive(c) ? -1 : ::wcwidth(c)};
}

void append_escaped(std::string& to, std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        to += "\\x";
        to += digits[byte >> 4U];
        to += digits[byte & 15U];
    }
}

}   // namespace

std::string escaped(std::string_view text, Alphabet alphabet) {
    std::string shown;
    shown.reserve(text.size());
    while (!text.empty()) {
        const auto [bytes, width] = first_character(text);
        const auto character = text.substr(0, bytes);
        const bool shows =
            width >= 0 && (alphabet == Alphabet::locale || static_cast<unsigned char>(text.front()) < 0x80);
        if (shows) shown += character;
        else append_escaped(shown, character);
        text.remove_prefix(bytes);
    }
    return shown;
}

std::size_t display_width(std::string_view text) {
    std::size_t columns = 0;
    while (!text.empty()) {
        const auto [bytes, width] = first_character(text);
        columns += width > 0 ? static_cast<std::size_t>(width) : 0;
        text.remove_prefix(bytes);
    }
    return columns;
}

std::string cut_to(std::size_t width, std::string_view text, Alphabet alphabet) {
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    std::size_t kept = 0, columns = 0;
    while (true) {
        const auto next = first_character(text.substr(kept));
        columns += next.width > 0 ? static_cast<std::size_t>(next.width) : 0;
        if (columns >= width) break;   // one is for the ellipsis
        kept += next.bytes;
    }
    return std::string(text.substr(0, kept)) + (alphabet == Alphabet::locale && unicode() ? "…" : "+");
}

bool unicode() { return std::string_view(::nl_langinfo(CODESET)) == "UTF-8"; }

}   // namespace tamstat
