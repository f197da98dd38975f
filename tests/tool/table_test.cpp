// SPDX-License-Identifier: MIT
// Hazard: a figure cut in the middle is another figure, a colour counted as text puts columns out of line, and a comma in the
// name of a process moves every field of a CSV line that follows it.
#include "table.hpp"

#include <algorithm>   // std::max
#include <clocale>     // std::setlocale
#include <cstddef>     // std::size_t
#include <string>      // std::string

#include <doctest/doctest.h>

#include "text.hpp"   // display_width

using tamstat::Align;
using tamstat::Alphabet;
using tamstat::Layout;
using tamstat::Style;
using tamstat::Table;

namespace {

Table processes() {
    Table table({{"PID"}, {"COMM", Align::left}, {"RESERVED"}, {"FILL"}});
    table.add({"6713", "node", "711.2 MiB", {"5.5%", Style::low}});
    table.add({"1", "a-rather-long-name", "5.2 MiB", "82.1%"});
    return table;
}

std::size_t widest_line(const std::string& text) {
    std::size_t widest = 0;
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
        widest = std::max(widest, tamstat::display_width(text.substr(begin, end - begin)));
    return widest;
}

}   // namespace

TEST_CASE("table: figures are aligned right, words left") {
    CHECK(processes().text({}) == " PID  COMM                 RESERVED   FILL\n"
                                  "6713  node                711.2 MiB   5.5%\n"
                                  "   1  a-rather-long-name    5.2 MiB  82.1%\n");
    CHECK(processes().text({.header = false}) == "6713  node                711.2 MiB   5.5%\n"
                                                 "   1  a-rather-long-name    5.2 MiB  82.1%\n");
}

TEST_CASE("table: no blanks at the end of a line") {
    Table table({{"SIZE"}, {"WHERE", Align::left}});
    table.add({"1", "heap"});
    table.add({"22"});
    CHECK(table.text({}) == "SIZE  WHERE\n   1  heap\n  22\n");
}

TEST_CASE("table: colour takes no room") {
    CHECK(processes().text({.color = true}) == " PID  COMM                 RESERVED   FILL\n"
                                               "6713  node                711.2 MiB   \x1b[33m5.5%\x1b[0m\n"
                                               "   1  a-rather-long-name    5.2 MiB  82.1%\n");
}

TEST_CASE("table: on a narrow terminal words are cut, then figures are left out, never cut") {
    CHECK(processes().text({.width = 36, .alphabet = Alphabet::ascii}) == " PID  COMM           RESERVED   FILL\n"
                                                                          "6713  node          711.2 MiB   5.5%\n"
                                                                          "   1  a-rather-lo+    5.2 MiB  82.1%\n");
    CHECK(processes().text({.width = 27, .alphabet = Alphabet::ascii}) == " PID  COMM       RESERVED +\n"
                                                                          "6713  node      711.2 MiB\n"
                                                                          "   1  a-rathe+    5.2 MiB\n");
    CHECK(processes().text({.width = 12, .alphabet = Alphabet::ascii}) == " PID  COMM +\n"
                                                                          "6713  node\n"
                                                                          "   1  a-r+\n");
    Table mappings(
        {{"SIZE"}, {"FILL"}, {"", Align::left}, {"KIND", Align::left}, {"START", Align::left}, {"WHERE", Align::left}});
    mappings.add({"64.0 MiB", "5.5%", "##..", "noreserve", "7f41f1200000", "[heap]"});
    CHECK(mappings.text({.width = 28, .alphabet = Alphabet::ascii}) == "    SIZE        WHERE  +\n"
                                                                       "64.0 MiB  ##..  [heap]\n");
    for (std::size_t width = 9; width < 60; ++width) {
        CAPTURE(width);
        CHECK(widest_line(processes().text({.width = width})) <= width);
    }
}

TEST_CASE("table: by their rank columns go first, or stay and are not cut") {
    Table mappings({{"SIZE"},
                    {"", Align::left, -3},
                    {"UNTOUCHED", Align::right, 1},
                    {"SWAP"},
                    {"PERM", Align::left, -1},
                    {"FLAGS", Align::left, -2},
                    {"START", Align::left, 1},
                    {"WHERE", Align::left}});
    mappings.add({"64.0 MiB", "##..", "60.5 MiB", "0", "rw-p", "nr", "7f41f1200000", "/usr/lib/a-long-name"});
    const auto at = [&mappings](std::size_t width) {
        return mappings.text({.width = width, .alphabet = Alphabet::ascii});
    };
    CHECK(at(86) == "    SIZE        UNTOUCHED  SWAP  PERM  FLAGS  START         WHERE\n"
                    "64.0 MiB  ##..   60.5 MiB     0  rw-p  nr     7f41f1200000  /usr/lib/a-long-name\n");
    CHECK(at(79) == "    SIZE  UNTOUCHED  SWAP  PERM  FLAGS  START         WHERE                +\n"
                    "64.0 MiB   60.5 MiB     0  rw-p  nr     7f41f1200000  /usr/lib/a-long-name\n");
    CHECK(at(60) == "    SIZE  UNTOUCHED  SWAP  START         WHERE             +\n"
                    "64.0 MiB   60.5 MiB     0  7f41f1200000  /usr/lib/a-long-+\n");
    CHECK(at(45) == "    SIZE  UNTOUCHED  START         WHERE    +\n"
                    "64.0 MiB   60.5 MiB  7f41f1200000  /usr/li+\n");
    constexpr std::size_t least = 27;   // of the first figure, and of the words that stay
    for (std::size_t width = least; width < 90; ++width) CHECK(widest_line(at(width)) <= width);
}

TEST_CASE("table: cells may hold anything") {
    Table table({{"COMM", Align::left}, {"N"}});
    table.add({"\x1b[2J\n", "1"});
    CHECK(table.text({}) == "COMM         N\n\\x1b[2J\\x0a  1\n");
    CHECK(table.csv(true) == "COMM,N\n\\x1b[2J\\x0a,1\n");
}

TEST_CASE("table: ASCII where it is asked for, whatever the locale") {
    REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
    Table table({{"COMM", Align::left}});
    table.add({"gr\xc3\xbc\xc3\xbc\xc3\xbc"});
    CHECK(table.text({}) == "COMM\ngr\xc3\xbc\xc3\xbc\xc3\xbc\n");
    CHECK(table.text({.alphabet = Alphabet::ascii}) == "COMM\ngr\\xc3\\xbc\\xc3\\xbc\\xc3\\xbc\n");
    std::setlocale(LC_CTYPE, "C");
}

TEST_CASE("table: commas and quotes in CSV") {
    Table table({{"comm"}, {"pid"}});
    table.add({"a,b", "1"});
    table.add({"say \"x\"", "2"});
    table.add({"only"});
    CHECK(table.csv(true) == "comm,pid\n\"a,b\",1\n\"say \"\"x\"\"\",2\nonly,\n");
    CHECK(table.csv(false) == "\"a,b\",1\n\"say \"\"x\"\"\",2\nonly,\n");
}
