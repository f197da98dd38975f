// SPDX-License-Identifier: MIT
// Hazard: a process may call itself "\x1b]0;rm -rf\x07" or an unfinished UTF-8 sequence. Printed as it is, the name obeys the
// terminal instead of the reader, hides other rows, or puts the columns out of line.
#include "text.hpp"

#include <clocale>   // std::setlocale
#include <string>    // std::string

#include <doctest/doctest.h>

using tamstat::Alphabet;
using tamstat::cut_to;
using tamstat::display_width;
using tamstat::escaped;

namespace {

class Locale {
public:
    explicit Locale(const char* name) { REQUIRE(std::setlocale(LC_CTYPE, name) != nullptr); }
    Locale(const Locale&) = delete;
    Locale& operator=(const Locale&) = delete;
    ~Locale() { std::setlocale(LC_CTYPE, "C"); }
};

std::string bytes(std::initializer_list<int> values) {
    std::string text;
    for (const int value : values) text += static_cast<char>(value);
    return text;
}

}   // namespace

TEST_CASE("text: what a terminal obeys is shown, not sent") {
    const Locale utf8("C.UTF-8");
    CHECK(escaped("plain text, \\ and ~") == "plain text, \\ and ~");
    CHECK(escaped("\x1b]0;title\x07") == "\\x1b]0;title\\x07");
    CHECK(escaped("a\nb\rc\td\x7f") == "a\\x0ab\\x0dc\\x09d\\x7f");
    CHECK(escaped(std::string_view("\0", 1)) == "\\x00");
    CHECK(escaped("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");                     // CSI as a C1 character
    CHECK(escaped(bytes({0x9b, '3', '1', 'm'})) == "\\x9b31m");   // and as a byte
    CHECK(escaped("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
    CHECK(escaped("evil\xe2\x80\xae"
                  "exe.txt") == "evil\\xe2\\x80\\xaeexe.txt");   // written from right to left
    CHECK(escaped("\xe2\x80\x8b") == "\\xe2\\x80\\x8b");         // a space without width
    CHECK(escaped("").empty());
}

TEST_CASE("text: what is no UTF-8 is shown byte by byte") {
    const Locale utf8("C.UTF-8");
    CHECK(escaped(bytes({'a', 0xff, 'b'})) == "a\\xffb");
    CHECK(escaped(bytes({0xc3})) == "\\xc3");   // cut off
    CHECK(escaped(bytes({0xc3, 'x'})) == "\\xc3x");
    CHECK(escaped(bytes({0xc0, 0xaf})) == "\\xc0\\xaf");                         // too long for what it says
    CHECK(escaped(bytes({0xed, 0xa0, 0x80})) == "\\xed\\xa0\\x80");              // a surrogate
    CHECK(escaped(bytes({0xf4, 0x90, 0x80, 0x80})) == "\\xf4\\x90\\x80\\x80");   // beyond Unicode
}

TEST_CASE("text: to escape twice is to escape once") {
    const Locale utf8("C.UTF-8");
    for (int first = 0; first < 256; ++first)
        for (int second = 0; second < 256; ++second) {
            const auto once = escaped(bytes({first, second, 'x'}));
            CAPTURE(first);
            CAPTURE(second);
            REQUIRE(escaped(once) == once);
            REQUIRE(once.find('\x1b') == std::string::npos);
        }
}

TEST_CASE("text: only ASCII where there is no more") {
    CHECK(escaped("gr\xc3\xbc") == "gr\\xc3\\xbc");   // the C locale
    const Locale utf8("C.UTF-8");
    CHECK(escaped("gr\xc3\xbc", Alphabet::ascii) == "gr\\xc3\\xbc");
}

TEST_CASE("text: width is that of the terminal, not the number of bytes") {
    const Locale utf8("C.UTF-8");
    CHECK(display_width("abc") == 3);
    CHECK(display_width("gr\xc3\xbc") == 3);
    CHECK(display_width("\xe6\xbc\xa2\xe5\xad\x97") == 4);   // two wide characters
    CHECK(display_width("e\xcc\x81") == 1);                  // combining
}

TEST_CASE("text: cut text fits, and never in the middle of a character") {
    const Locale utf8("C.UTF-8");
    CHECK(cut_to(5, "abcde") == "abcde");
    CHECK(cut_to(4, "abcde") == "abc\xe2\x80\xa6");
    CHECK(cut_to(4, "abcde", Alphabet::ascii) == "abc+");
    CHECK(cut_to(1, "abcde") == "\xe2\x80\xa6");
    CHECK(cut_to(0, "abcde").empty());
    const std::string wide = "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2";
    for (std::size_t width = 1; width < 8; ++width) {
        CAPTURE(width);
        CHECK(display_width(cut_to(width, wide)) <= width);
        CHECK(escaped(cut_to(width, wide)) == cut_to(width, wide));
    }
}
