// SPDX-License-Identifier: MIT
// Hazard: a column is spelled in one place and not in another, a figure is shown with the wrong unit, or what is unknown is shown
// as 0.
#include "columns.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "exit_code.hpp"

using namespace tamstat;

namespace {

constexpr std::array<std::string_view, 3> usual{"pid", "comm", "reserved"};

std::string chosen(std::string_view asked) {
    std::string keys;
    for (const auto* const column : choose_columns(asked, usual))
        keys.append(keys.empty() ? "" : " ").append(column->key);
    return keys;
}

}   // namespace

TEST_CASE("columns: each has a key and a header of its own, a source and a meaning") {
    std::set<std::string_view> keys, headers;
    for (const auto& column : all_columns()) {
        CAPTURE(column.key);
        CHECK(keys.insert(column.key).second);
        CHECK(headers.insert(column.header).second);
        CHECK_FALSE(column.source.empty());
        CHECK_FALSE(column.meaning.empty());
        CHECK(find_column(column.key) == &column);
        // Of a process of which nothing is known, nothing is said but its pid.
        const auto value = column.value(ProcessRow{});
        CHECK((column.key == "pid" || value == Value(Unread{})));
    }
    CHECK(find_column("PID") == nullptr);
    CHECK(find_column("") == nullptr);
    CHECK(value_of("nothing", ProcessRow{}) == Value(Unread{}));
}

TEST_CASE("columns: a list is what is shown, + and - change the usual ones") {
    CHECK(chosen("") == "pid comm reserved");
    CHECK(chosen("fill") == "fill");
    CHECK(chosen("swap,pid,swap") == "pid swap");
    CHECK(chosen("+fill,-comm") == "pid reserved fill");
    CHECK(chosen("+pid") == "comm reserved pid");   // to the end
    CHECK(chosen("-pid,+fill,user") == "comm reserved fill user");
    for (const auto* const wrong : {"x", ",pid", "+", "+pid,-", "-pid,-comm,-reserved", "pid,-pid"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(chosen(wrong), Failure);
    }
}

TEST_CASE("columns: cells for people, and for programs") {
    const auto people = [](ColumnType type, const Value& value, Units units = Units::automatic) {
        return cell(type, value, units);
    };
    CHECK(people(ColumnType::bytes, std::uint64_t{1} << 20) == "1.0 MiB");
    CHECK(people(ColumnType::bytes, std::uint64_t{1} << 20, Units::bytes) == "1048576");
    CHECK(people(ColumnType::bytes, std::uint64_t{0}) == "0");
    CHECK(people(ColumnType::bytes, Unread{}) == "-");
    CHECK(people(ColumnType::bytes, Unread{EACCES}) == "-");
    CHECK(people(ColumnType::number, std::int64_t{-1000}) == "-1000");
    CHECK(people(ColumnType::share, 0.055) == "5.5%");
    CHECK(people(ColumnType::share, 0.0000001) == "0.00%");
    CHECK(people(ColumnType::share, 1.0) == "100.0%");
    CHECK(people(ColumnType::permille, 0.5) == "0.5");
    CHECK(people(ColumnType::rate, std::int64_t{-(1 << 21)}) == "-2.0 MiB/s");
    CHECK(people(ColumnType::rate, std::int64_t{1 << 20}) == "+1.0 MiB/s");
    CHECK(people(ColumnType::rate, std::int64_t{0}) == "0/s");
    CHECK(people(ColumnType::rate, INT64_MIN).starts_with("-8.0 EiB"));
    CHECK(people(ColumnType::text, std::string("\x1b raw")) == "\x1b raw");
    CHECK(raw_cell(std::uint64_t{1} << 20) == "1048576");
    CHECK(raw_cell(0.0555) == "0.0555");
    CHECK(raw_cell(std::int64_t{-5}) == "-5");
    CHECK(raw_cell(Unread{EACCES}).empty());
}

TEST_CASE("a process: shares and scores") {
    ProcessRow row;
    row.reserved = std::uint64_t{1000};
    row.committed = std::uint64_t{1200};   // counters lag behind one another
    CHECK(*row.untouched() == 0);
    row.committed = std::uint64_t{200};
    row.swap = std::uint64_t{100};
    row.zero = std::uint64_t{300};
    CHECK(*row.untouched() == 400);
    const auto share = [&row](int score) {
        row.oom_score = score;
        return row.oom_share();
    };
    CHECK(*share(666) == 0);   // an idle process
    CHECK(*share(667) == 0.5);
    CHECK(*share(1334) == 1001);
    CHECK(*share(333) == -500.5);   // oom_score_adj -500
    CHECK_FALSE(share(0));          // never killed
    row.oom_score = Unread{EACCES};
    CHECK(row.oom_share().why() == Unread{EACCES});
    CHECK(row.first_error() == EACCES);
}
