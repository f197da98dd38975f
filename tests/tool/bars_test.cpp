// SPDX-License-Identifier: MIT
// Hazard: a picture that rounds 200 KiB of a terabyte away, or shows PROT_NONE as memory that waits to be used, says the
// opposite of what the reader asked.
#include "bars.hpp"

#include <clocale>      // std::setlocale
#include <cstdint>      // std::uint64_t
#include <functional>   // std::function
#include <string>       // std::string
#include <vector>       // std::vector

#include <doctest/doctest.h>

#include "address_rows.hpp"   // address_rows, cells
#include "text.hpp"           // display_width

using tamalloc::Mapping;
using tamalloc::MappingKind;
using tamstat::bar;
using tamstat::picture;

namespace {

constexpr std::uint64_t kib = 1024, mib = kib * kib, gib = kib * mib, tib = kib * gib;

Mapping mapping(std::uint64_t first, std::uint64_t size, MappingKind kind, std::uint64_t resident = 0,
                std::uint64_t swap = 0) {
    Mapping m;
    m.first = first;
    m.last = first + size;
    m.kind = kind;
    m.resident = resident;
    m.swap = swap;
    return m;
}

// A program, its heap, a region of a terabyte, a library, the stack.
std::vector<Mapping> sparse_process() {
    return {mapping(0x55d0c0000000, 64 * kib, MappingKind::file, 32 * kib),
            mapping(0x55d0c0010000, mib, MappingKind::charged, mib),
            mapping(0x7e0000000000, tib, MappingKind::noreserve, 256 * kib),
            mapping(0x7f0000000000, 2 * mib, MappingKind::file),
            mapping(0x7f0000200000, 2 * mib, MappingKind::none),
            mapping(0x7f0000400000, 2 * mib, MappingKind::charged, 0, 2 * mib),
            mapping(0x7ffc00000000, 132 * kib, MappingKind::charged, 12 * kib)};
}

}   // namespace

TEST_CASE("bars: neither empty where there is something nor full where something is missing") {
    CHECK(bar(0, 5, false) == ".....");
    CHECK(bar(1e-9, 5, false) == "#....");
    CHECK(bar(0.5, 4, false) == "##..");
    CHECK(bar(0.999, 5, false) == "####.");
    CHECK(bar(1, 5, false) == "#####");
    CHECK(bar(2, 5, false) == "#####");
    CHECK(bar(0, 3, true) == "   ");
    CHECK(bar(1e-9, 3, true) == "▏  ");
    CHECK(bar(0.5, 3, true) == "█▌ ");
    CHECK(bar(1, 3, true) == "███");
    CHECK(bar(0.5, 0, true).empty());
}

TEST_CASE("bars: what is resident shows however large the region is, and each kind is told apart") {
    const auto text = picture(sparse_process(), {.width = 80, .unicode = false});
    CHECK(text == "55d0c0000000    1.1 MiB  97.1% ++*#############################################\n"
                  "7e0000000000    1.0 TiB   0.0% ::::::::::::::::::::::::::::::::::::::::::::::::\n"
                  "7f0000000000    6.0 MiB   0.0% ----------------xxxxxxxxxxxxxxxxssssssssssssssss\n"
                  "7ffc00000000    132 KiB   9.1% ::::::::::::::::::::::::::::::::::::::::::::::::\n"
                  "# resident   : to 25 %   + to 50 %   * to 75 %   . untouched\n"
                  "- untouched, of a file   s swapped   x PROT_NONE\n");
}

TEST_CASE("bars: pages are shown where they are, and evenly where nobody knows") {
    const std::vector<Mapping> one{mapping(0x10000000, 48 * mib, MappingKind::noreserve, 3 * mib, mib)};
    const auto line = [&one](const tamstat::PageRuns& runs) {
        const auto text = picture(one, {.width = 80, .unicode = false, .runs = runs});
        return text.substr(31, 48);
    };
    const auto known = [](const Mapping& m, const std::function<void(const tamstat::PageRun&)>& f) {
        f({m.first - mib, m.first + mib, false});   // changed meanwhile: no more than what is drawn counts
        f({m.first + 10 * mib, m.first + 10 * mib + 4096, false});
        f({m.first + 20 * mib, m.first + 21 * mib, true});
        f({m.last - mib / 2, m.last + mib, false});
        return true;
    };
    CHECK(line(known) == "#.........:.........s..........................+");
    const auto lost = [&known](const Mapping& m, const std::function<void(const tamstat::PageRun&)>& f) {
        (void)known(m, f);
        return false;
    };
    CHECK(line(lost) == std::string(48, ':'));
    CHECK(line({}) == std::string(48, ':'));
}

TEST_CASE("bars: no line is wider than the terminal") {
    REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
    for (const std::size_t width : {40U, 63U, 64U, 80U, 200U}) {
        const auto text = picture(sparse_process(), {.width = width});
        for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
            const auto line = text.substr(begin, end - begin);
            CAPTURE(line);
            CHECK(tamstat::display_width(line) <= width);
        }
    }
    std::setlocale(LC_CTYPE, "C");
}

TEST_CASE("bars: cells add up to what there is") {
    const auto process = sparse_process();
    for (const auto& row : tamstat::address_rows(process)) {
        double size = 0, resident = 0;
        for (const auto& cell : tamstat::cells(row, 37)) {
            size += cell.size();
            resident += cell.resident();
        }
        CHECK(size == doctest::Approx(static_cast<double>(row.size)));
        CHECK(resident == doctest::Approx(static_cast<double>(row.resident)));
    }
}

TEST_CASE("bars: thousands of mappings far apart are a screen of rows") {
    std::vector<Mapping> many;
    for (std::uint64_t i = 1; i <= 5000; ++i) many.push_back(mapping(i * 8 * gib, 64 * kib, MappingKind::charged));
    CHECK(tamstat::address_rows(many).size() <= 26);
    CHECK(tamstat::address_rows({}).empty());
}

TEST_CASE("bars: the drawing for reports is well-formed, and its title harmless") {
    const auto svg = tamstat::picture_svg(sparse_process(), "<b>&\"\x1b");
    CHECK(svg.starts_with("<svg "));
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(svg.find("&lt;b&gt;&amp;\"\\x1b") != std::string::npos);
    CHECK(svg.find("class=\"inaccessible\"") != std::string::npos);
    CHECK(svg.find("nan") == std::string::npos);
}
