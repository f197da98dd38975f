// SPDX-License-Identifier: MIT
// Hazard: some sequence of bytes in the name of a process that reaches the terminal as a command, or makes a line longer than it
// may be.
#include "text.hpp"

#include <clocale>       // std::setlocale
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint8_t
#include <cstdlib>       // std::abort
#include <string>        // std::string
#include <string_view>   // std::string_view

#include "units.hpp"   // parse_size

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

// Without the library under test: no C0, no DEL, and no U+0080 to U+009F, which UTF-8 spells c2 80 to c2 9f.
bool is_harmless(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x20 || byte == 0x7f) return false;
        if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
    }
    return true;
}

void check(std::string_view text, tamstat::Alphabet alphabet) {
    const auto once = tamstat::escaped(text, alphabet);
    require(is_harmless(once));
    require(tamstat::escaped(once, alphabet) == once);
    for (std::size_t width = 0; width < 20; ++width) {
        const auto cut = tamstat::cut_to(width, once, alphabet);
        require(tamstat::display_width(cut) <= width);
        require(is_harmless(cut));
    }
}

}   // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(text, tamstat::Alphabet::locale);
    check(text, tamstat::Alphabet::ascii);
    // What is a size stays one when it is written out.
    if (const auto bytes = tamstat::parse_size(text))
        require(tamstat::parse_size(tamstat::format_bytes(*bytes, tamstat::Units::bytes)) == bytes);
    return 0;
}
