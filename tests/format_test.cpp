// SPDX-License-Identifier: MIT
// Hazard: a process names itself with the commands of a terminal, and the line that shows it to an administrator runs
// them or passes for another line. Or a unit is wrong, and a gigabyte reads as a megabyte.
#include "tamalloc/format.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tamalloc/stats.hpp"

namespace detail = tamalloc::detail;
using tamalloc::StatsField;

namespace {

template<class T> std::string text(const T& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

tamalloc::ProcessStats example(std::string_view name = "node") {
    tamalloc::ProcessStats stats{.pid = 42, .parent = 7, .uid = 1000};
    stats.reserved = std::uint64_t{1} << 40;
    stats.committed = (std::uint64_t{1} << 40) / 8;
    stats.peak_reserved = std::uint64_t{2} << 40;
    stats.peak = (std::uint64_t{1} << 40) / 4;
    stats.swap = 1536;
    stats.page_tables = 49152;
    stats.oom_score = 666;
    stats.oom_score_adj = -17;
    stats.filled = StatsField::all;
    std::ranges::copy(name, stats.comm.begin());
    return stats;
}

constexpr std::string_view whole =
    "pid 42 \"node\" of uid 1000, parent 7: committed 128.0 GiB of reserved 1.0 TiB (12.5 %), peaks 256.0 GiB and 2.0 "
    "TiB, swap 1.5 KiB, page tables 48.0 KiB, oom score 666, adj -17";

struct Comma : std::numpunct<char> {
    [[nodiscard]] char do_decimal_point() const override { return ','; }
    [[nodiscard]] char do_thousands_sep() const override { return '.'; }
    [[nodiscard]] std::string do_grouping() const override { return "\3"; }
};

}   // namespace

TEST_CASE("sizes have one digit and the unit that makes them short") {
    CHECK(detail::with_unit(0) == "0 B");
    CHECK(detail::with_unit(1023) == "1023 B");
    CHECK(detail::with_unit(1024) == "1.0 KiB");
    CHECK(detail::with_unit(1536) == "1.5 KiB");
    CHECK(detail::with_unit((1 << 20) - 1) == "1.0 MiB");
    CHECK(detail::with_unit((1 << 20) - 100) == "1023.9 KiB");
    CHECK(detail::with_unit(1 << 30) == "1.0 GiB");
    CHECK(detail::with_unit(std::uint64_t{128} << 40) == "128.0 TiB");
    CHECK(detail::with_unit(std::uint64_t{3} << 50) == "3.0 PiB");
    CHECK(detail::with_unit(~std::uint64_t{0}) == "16.0 EiB");
}

TEST_CASE("a name is shown without anything that a terminal would obey") {
    const auto quoted = [](std::string_view name) { return detail::quoted(name); };
    CHECK(quoted("") == "\"\"");
    CHECK(quoted("a b") == "\"a b\"");
    CHECK(quoted("a\nb\t\r") == "\"a\\x0ab\\x09\\x0d\"");
    CHECK(quoted("\x1b[2J\x7f") == "\"\\x1b[2J\\x7f\"");
    CHECK(quoted("\"\\") == "\"\\\"\\\\\"");
    CHECK(quoted("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98") == "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98\"");
    CHECK(quoted("\xc2\x9b"
                 "2J") == "\"\\xc2\\x9b2J\"");   // CSI as one character
    CHECK(quoted("\xc2\xa0") == "\"\xc2\xa0\"");
    CHECK(quoted("\xff\xfe\x80") == "\"\\xff\\xfe\\x80\"");
    CHECK(quoted("\xc0\xaf\xc1\xbf") == "\"\\xc0\\xaf\\xc1\\xbf\"");   // longer than need be
    CHECK(quoted("\xe0\x80\xaf") == "\"\\xe0\\x80\\xaf\"");
    CHECK(quoted("\xed\xa0\x80") == "\"\\xed\\xa0\\x80\"");            // a surrogate
    CHECK(quoted("\xf4\x90\x80\x80") == "\"\\xf4\\x90\\x80\\x80\"");   // above U+10FFFF
    CHECK(quoted("\xe2\x82") == "\"\\xe2\\x82\"");                     // cut off, as at 15 bytes
    CHECK(quoted("\xe2\x82x") == "\"\\xe2\\x82x\"");
}

TEST_CASE("a name is shown without what a reader would not see or read in another order") {
    const auto escaped = [](std::string_view name) {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string all;
        for (const char c : name) {
            const auto byte = static_cast<unsigned char>(c);
            all.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        }
        return "\"" + all + "\"";
    };
    const auto utf8 = [](std::uint32_t c) {
        const auto tail = [c](unsigned shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
        if (c < 0x800) return std::string{static_cast<char>(0xc0 | c >> 6), tail(0)};
        if (c < 0x10000) return std::string{static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
        return std::string{static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
    };
    for (const auto c : std::initializer_list<std::uint32_t>{
             0x80,   0x9f,   0xad,   0x61c,  0x180e, 0x200b, 0x200f,  0x2028,   0x202e,   0x2060,
             0x206f, 0xd800, 0xdfff, 0xfeff, 0xfff0, 0xffff, 0xe0000, 0x10ffff, 0x110000, 0x1fffff}) {
        CAPTURE(c);
        CHECK(detail::quoted(utf8(c)) == escaped(utf8(c)));
    }
    for (const auto c : std::initializer_list<std::uint32_t>{
             0xa0,   0xac,   0xae,  0x61b, 0x61d,  0x180d, 0x180f, 0x200a, 0x2010, 0x2027,  0x202f,
             0x205f, 0x2070, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfefe, 0xff00, 0xffef, 0x10000, 0xdffff}) {
        CAPTURE(c);
        CHECK(detail::quoted(utf8(c)) == "\"" + utf8(c) + "\"");
    }
    for (const std::string_view name : {"\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfe", "\x80", "\xe2\x82"})
        CHECK(detail::quoted(name) == escaped(name));
    CHECK(detail::quoted("x" + utf8(0x202e) + "001") == R"("x\xe2\x80\xae001")");
}

TEST_CASE("no byte that a name may hold reaches the text as a control character") {
    for (int a = 1; a < 256; ++a)
        for (int b = 1; b < 256; ++b) {
            const char name[] = {static_cast<char>(a), static_cast<char>(b), '\0'};
            const auto line = text(example(name));
            const bool clean = std::ranges::none_of(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
            if (!clean || line.find("\xc2\x9b") != std::string::npos) FAIL_CHECK(line);
        }
}

TEST_CASE("a process is one line of the groups that are filled") {
    auto stats = example();
    CHECK(text(stats) == whole);
    stats.filled = StatsField::memory;
    CHECK(text(stats) == "pid 42: committed 128.0 GiB of reserved 1.0 TiB (12.5 %)");
    stats.filled = StatsField::oom | StatsField::identity;
    CHECK(text(stats) == "pid 42 \"node\" of uid 1000, parent 7, oom score 666, adj -17");
    stats.filled = {};
    CHECK(text(stats) == "pid 42");
}

TEST_CASE("the others are one line each") {
    CHECK(text(tamalloc::ProcessDetail{example(), 1024, 2048, 0, 2 << 20}) ==
          std::string(whole) + ", pss 1.0 KiB, private dirty 2.0 KiB, lazy free 0 B, huge pages 2.0 MiB");
    tamalloc::SystemTotals totals{.processes = 71, .reserved = 1 << 30, .committed = 84 << 20};
    totals.charged = 62 << 20;
    totals.charge_limit = 2 << 20;
    totals.ram = 3 << 20;
    totals.available = 1 << 20;
    CHECK(text(totals) ==
          "71 processes: committed 84.0 MiB of reserved 1.0 GiB; charged 62.0 MiB of 2.0 MiB; available "
          "1.0 MiB of RAM 3.0 MiB; swap 0 B");
    tamalloc::SystemStats stats;
    stats.memory = {4096, 1024, 2048, 3072};
    stats.cpu = {1'500'000'000, 20'000'000, 3'000'000'000'000};
    stats.disk = {1 << 30, 1 << 20, 1 << 10};
    CHECK(text(stats) ==
          "memory: used 1.0 KiB of 4.0 KiB, free 2.0 KiB, available 3.0 KiB; cpu: user 1.5 s, system 0.0 s, "
          "idle 3000.0 s; disk: free 1.0 MiB of 1.0 GiB, available 1.0 KiB");
}

TEST_CASE("neither locale nor base of a stream change the text and its width is that of the line") {
    std::ostringstream out;
    out.imbue(
        std::locale(std::locale::classic(), new Comma));   // NOLINT(cppcoreguidelines-owning-memory): the locale's
    out << std::hex << std::showbase << std::setprecision(9) << example();
    CHECK(out.str() == whole);
    out.str("");
    auto stats = example();
    stats.filled = {};
    out << std::setw(8) << stats << '|';
    CHECK(out.str() == "  pid 42|");
}

#ifdef __cpp_lib_format
TEST_CASE("std::format gives the same and takes the options of strings") {
    CHECK(std::format("{}", example()) == whole);
    auto stats = example();
    stats.filled = {};
    CHECK(std::format("{:*^10}", stats) == "**pid 42**");
    CHECK(std::format("{}", tamalloc::SystemTotals{}) == text(tamalloc::SystemTotals{}));
    CHECK(std::format("{}", tamalloc::SystemStats{}) == text(tamalloc::SystemStats{}));
    CHECK(std::format("{}", tamalloc::ProcessDetail{}) == text(tamalloc::ProcessDetail{}));
}

#ifdef __cpp_lib_format_ranges
TEST_CASE("a range of records is formatted without quoting the lines") {
    auto stats = example();
    stats.filled = StatsField::identity;
    CHECK(std::format("{}", std::vector{stats, stats}) ==
          "[pid 42 \"node\" of uid 1000, parent 7, pid 42 \"node\" of uid 1000, parent 7]");
}
#endif
#endif
