// SPDX-License-Identifier: MIT
// Hazard: a condition that is understood otherwise than it was meant shows the wrong processes and says nothing; so does one
// that takes what could not be read for 0.
#include "filter.hpp"

#include <cstdint>       // std::int64_t, std::uint64_t
#include <optional>      // std::optional
#include <string>        // std::string
#include <string_view>   // std::string_view

#include <doctest/doctest.h>

using tamstat::Filter;
using tamstat::Kind;
using tamstat::Unread;
using tamstat::Value;

namespace {

std::optional<Kind> kind_of(std::string_view column) {
    if (column == "reserved" || column == "pss" || column == "growth") return Kind::bytes;
    if (column == "pid" || column == "adj") return Kind::count;
    if (column == "fill") return Kind::ratio;
    if (column == "comm" || column == "user") return Kind::text;
    return std::nullopt;
}

// pss and user could not be read.
Value node(std::string_view column) {
    if (column == "reserved") return std::uint64_t{2} << 30U;
    if (column == "growth") return std::int64_t{-4096};
    if (column == "pid") return std::uint64_t{6713};
    if (column == "adj") return std::int64_t{-1000};
    if (column == "fill") return 0.05;
    if (column == "comm") return std::string("node");
    return Unread{13};
}

bool holds(std::string_view condition) {
    CAPTURE(condition);
    const auto filter = Filter::parse(condition, kind_of);
    if (!filter) FAIL(filter.error().text());
    return (*filter)(node);
}

std::string error_of(std::string_view condition) {
    const auto filter = Filter::parse(condition, kind_of);
    return filter ? "" : filter.error().text();
}

}   // namespace

TEST_CASE("filter: the example of the manual") {
    CHECK(holds("reserved>1GiB and fill<5.1% and comm~'node|java'"));
    CHECK_FALSE(holds("reserved>1GiB and fill<5% and comm~'node|java'"));
    CHECK_FALSE(holds("reserved>2GiB and fill<5.1% and comm~'node|java'"));
}

TEST_CASE("filter: a unit may stand apart from its number") {
    CHECK(holds("reserved > 1 GiB"));
    CHECK_FALSE(holds("reserved > 3 GiB"));
    CHECK(holds("fill < 6 %"));
    CHECK_FALSE(holds("fill < 5 %"));
    CHECK(holds("growth = -4 KiB and reserved>1 GiB"));
    CHECK(holds("(reserved > 1 and pid > 1)"));
    CHECK_FALSE(error_of("reserved > 1 2").empty());
    CHECK_FALSE(error_of("reserved > 1 GiB MiB").empty());
    CHECK_FALSE(error_of("pid > 1 GiB").empty());
}

TEST_CASE("filter: every operator") {
    CHECK(holds("reserved >= 2GiB"));
    CHECK(holds("reserved <= 2147483648"));
    CHECK_FALSE(holds("reserved < 2GiB"));
    CHECK(holds("reserved = 2GiB"));
    CHECK(holds("reserved == 2GiB"));
    CHECK_FALSE(holds("reserved != 2GiB"));
    CHECK(holds("reserved > 2GB"));   // of 1000 each
    CHECK(holds("adj = -1000"));
    CHECK(holds("growth < 0"));
    CHECK(holds("growth = -4KiB"));
    CHECK(holds("fill = 5%"));
    CHECK(holds("comm = node"));
    CHECK(holds("comm = \"node\""));
    CHECK(holds("comm != 'nod'"));
    CHECK(holds("comm ~ od"));   // anywhere in it
    CHECK_FALSE(holds("comm ~ '^od'"));
    CHECK(holds("comm !~ java"));
}

TEST_CASE("filter: and binds closer than or, not closest") {
    CHECK(holds("pid=6713 or pid=1 and pid=2"));
    CHECK_FALSE(holds("(pid=6713 or pid=1) and pid=2"));
    CHECK(holds("not pid=1 and pid=6713"));
    CHECK_FALSE(holds("not (pid=1 or pid=6713)"));
    CHECK(holds("not not pid=6713"));
    CHECK(holds("pid=1 or pid=2 or pid=6713"));
}

TEST_CASE("filter: what could not be read is neither above nor below, nor is it not so") {
    for (const char* const condition : {"pss > 0", "pss >= 0", "pss = 0", "pss != 0", "not pss > 0", "not pss = 0",
                                        "user = root", "user != root", "user ~ '.*'", "user !~ x", "not user = root"}) {
        CAPTURE(condition);
        CHECK_FALSE(holds(condition));
    }
    CHECK(holds("pss > 0 or pid = 6713"));   // which decides
    CHECK_FALSE(holds("pss > 0 and pid = 6713"));
    CHECK_FALSE(holds("not (pss > 0 and pid = 6713)"));
    CHECK(holds("not (pss > 0 and pid = 1)"));
}

TEST_CASE("filter: what is wrong is told with its place") {
    CHECK(error_of("reserved > 1GX") == "expected a size such as 64KiB or 1.5GiB\n"
                                        "  reserved > 1GX\n"
                                        "             ^");
    CHECK(error_of("") == "expected a column\n  \n  ^");
    CHECK(error_of("nonsense = 1").starts_with("there is no column 'nonsense'\n"));
    CHECK(error_of("pid").starts_with("expected one of < <= > >= = != ~ !~\n  pid\n     ^"));
    CHECK(error_of("pid = node").starts_with("expected a number\n"));
    CHECK(error_of("fill < 5").starts_with("expected a percentage such as 5%\n"));   // 5 of 1 holds always
    CHECK(error_of("pid ~ 1").starts_with("'pid' is a number: only texts match\n"));
    CHECK(error_of("comm < x").starts_with("texts have no order"));
    CHECK(error_of("comm =").starts_with("expected a text\n"));
    CHECK(error_of("comm = 'x").starts_with("this quote is not closed\n  comm = 'x\n         ^"));
    CHECK(error_of("comm ~ '('").starts_with("no regular expression: "));
    CHECK(error_of("pid = 1 pid = 2").starts_with("expected 'and' or 'or'\n  pid = 1 pid = 2\n          ^"));
    CHECK(error_of("(pid = 1").starts_with("expected ')'\n"));
    CHECK(error_of("pid = 1 and").starts_with("expected a column\n"));
    CHECK(error_of("comm = '\x1b[2J' x").find('\x1b') == std::string::npos);
}

TEST_CASE("filter: depth is bounded, length is not") {
    CHECK(error_of(std::string(100'000, '(')).starts_with("too deep\n"));
    std::string nots, many = "pid = 6713";
    for (int i = 0; i < 100'000; ++i) nots += "not ";
    CHECK(error_of(nots + "pid = 1").starts_with("too deep\n"));
    for (int i = 0; i < 10'000; ++i) many += " and pid = 6713";
    CHECK(holds(many));
}

TEST_CASE("filter: an expression that backtracks does not hang") {
    const auto filter = Filter::parse("comm ~ '^(a*)*b$'", kind_of);
    REQUIRE(filter.has_value());
    CHECK_FALSE((*filter)([](std::string_view) -> Value { return std::string(4000, 'a'); }));
}
