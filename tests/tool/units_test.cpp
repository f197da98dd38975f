// SPDX-License-Identifier: MIT
// Hazard: a size that is read as another one (KB for KiB, an overflow that wraps) makes a filter show the wrong processes, and
// a figure rounded up to "1000.0 MiB" or down to 0 is a figure that nobody measured.
#include "units.hpp"

#include <cstdint>   // std::uint64_t

#include <doctest/doctest.h>

using tamstat::format_bytes;
using tamstat::parse_size;
using tamstat::Units;

namespace {

constexpr std::uint64_t kib = 1024, mib = kib * kib, gib = kib * mib;

}   // namespace

TEST_CASE("units: automatic is the unit in which there are less than 1000") {
    CHECK(format_bytes(0) == "0");
    CHECK(format_bytes(1) == "1 B");
    CHECK(format_bytes(1023) == "1023 B");
    CHECK(format_bytes(376 * kib) == "376 KiB");
    CHECK(format_bytes(999 * kib) == "999 KiB");
    CHECK(format_bytes(1000 * kib) == "1.0 MiB");
    CHECK(format_bytes(745746432) == "711.2 MiB");
    CHECK(format_bytes(1000 * mib) == "1.0 GiB");
    CHECK(format_bytes(999 * mib + 999 * kib) == "1.0 GiB");   // not 1000.0 MiB
    CHECK(format_bytes(1024 * gib) == "1.0 TiB");
    CHECK(format_bytes(~std::uint64_t{0}) == "16.0 EiB");
}

TEST_CASE("units: a unit that was asked for is kept") {
    CHECK(format_bytes(5 * mib, Units::kib) == "5120 KiB");
    CHECK(format_bytes(5 * mib, Units::mib) == "5.0 MiB");
    CHECK(format_bytes(5 * mib, Units::gib) == "0.00 GiB");
    CHECK(format_bytes(2000 * gib, Units::mib) == "2048000.0 MiB");
    CHECK(format_bytes(5 * mib, Units::bytes) == "5242880");
    CHECK(format_bytes(0, Units::mib) == "0");
}

TEST_CASE("units: KB is 1000, KiB is 1024") {
    CHECK(parse_size("4096") == 4096);
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("10B") == 10);
    CHECK(parse_size("1KB") == 1000);
    CHECK(parse_size("1k") == 1000);
    CHECK(parse_size("1KiB") == 1024);
    CHECK(parse_size("1ki") == 1024);
    CHECK(parse_size("64 MiB") == 64 * mib);
    CHECK(parse_size("1.5GiB") == gib + gib / 2);
    CHECK(parse_size("0.3KB") == 300);
    CHECK(parse_size("1.1B") == 1);
    CHECK(parse_size("2TB") == 2'000'000'000'000);
    CHECK(parse_size("15EiB") == std::uint64_t{15} << 60U);
    CHECK(parse_size("18446744073709551615") == ~std::uint64_t{0});
}

TEST_CASE("units: what is no size is none") {
    for (const char* const text :
         {"", " 1", "-1", "+1", "1.", ".5", "1 2", "1Kix", "1Q", "KiB", "0x10", "1e3", "1,5MiB", "1KiB ",
          "18446744073709551616", "16EiB", "17179869184GiB", "15.99999999999999999999EiBB"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_size(text).has_value());
    }
}
