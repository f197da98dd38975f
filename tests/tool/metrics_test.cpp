// SPDX-License-Identifier: MIT
// Hazard: a sum over what could be read looks like the sum; two processes whose names become one label make two samples
// of one series, which costs the whole scrape; a name with an escape sequence reaches the terminal of whoever looks.
#include "metrics.hpp"

#include <doctest/doctest.h>

#include <algorithm>     // std::ranges::find
#include <cerrno>        // EACCES
#include <cstdint>       // std::uint64_t
#include <limits>        // std::numeric_limits
#include <optional>      // std::nullopt, std::optional
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <utility>       // std::move
#include <vector>        // std::vector

using tamstat::GroupBy;
using tamstat::label_text;
using tamstat::MetricFamily;
using tamstat::metrics;
using tamstat::ProcessRow;
using tamstat::scrape_errors;
using tamstat::Unread;

namespace {

ProcessRow row(pid_t pid, std::string comm, std::uint64_t reserved, std::uint64_t committed) {
    ProcessRow result;
    result.pid = pid;
    result.comm = std::move(comm);
    result.cgroup = std::string("/system.slice/one");
    result.reserved = reserved;
    result.committed = committed;
    result.swap = result.page_tables = std::uint64_t{0};
    result.oom_score = 600 + pid;
    result.oom_score_adj = 0;
    return result;
}

// The value of the sample with these labels: "group=a kind=reserved".
std::optional<double> value(const std::vector<MetricFamily>& families, std::string_view name, std::string_view labels) {
    const auto family = std::ranges::find(families, name, &MetricFamily::name);
    REQUIRE(family != families.end());
    for (const auto& sample : family->samples) {
        std::string text;
        for (const auto& label : sample.labels)
            text += (text.empty() ? "" : " ") + std::string(label.name) + '=' + label.value;
        if (text == labels) return sample.value;
    }
    return std::nullopt;
}

std::vector<MetricFamily> of(const std::vector<ProcessRow>& rows, GroupBy by = GroupBy::comm,
                             std::optional<std::size_t> top = std::nullopt) {
    return metrics({rows, std::uint64_t{10}, std::uint64_t{20}, {}, 0.5}, by, top);
}

constexpr auto memory = "tamstat_group_memory_bytes";

}   // namespace

TEST_CASE("metrics add up a group and tell its worst score") {
    const auto families = of({row(1, "a", 100, 10), row(2, "a", 200, 20), row(3, "b", 1, 1)});
    CHECK(value(families, memory, "group=a kind=reserved") == 300);
    CHECK(value(families, memory, "group=a kind=committed") == 30);
    CHECK(value(families, memory, "group=b kind=reserved") == 1);
    CHECK(value(families, "tamstat_group_processes", "group=a") == 2);
    CHECK(value(families, "tamstat_group_oom_score_max", "group=a") == 602);
    CHECK(value(families, "tamstat_system_commit_bytes", "kind=charged") == 10);
    CHECK(value(families, "tamstat_system_commit_bytes", "kind=limit") == 20);
    CHECK(value(families, "tamstat_scrape_duration_seconds", "") == 0.5);
}

TEST_CASE("metrics leave out a sum that lacks a summand, and what nobody asked for") {
    auto rows = std::vector{row(1, "a", 100, 10), row(2, "a", 200, 20)};
    rows[1].committed = Unread{EACCES};
    rows[0].swap = Unread{EACCES};
    const auto families = of(rows);
    CHECK(value(families, memory, "group=a kind=committed") == std::nullopt);
    CHECK(value(families, memory, "group=a kind=swap") == std::nullopt);
    CHECK(value(families, memory, "group=a kind=reserved") == 300);
    CHECK(value(families, memory, "group=a kind=noreserve") == std::nullopt);
    CHECK(value(families, "tamstat_group_processes", "group=a") == 2);
}

TEST_CASE("metrics have no group for a process that could not be read at all, which is counted") {
    ProcessRow unreadable;
    unreadable.pid = 7;
    unreadable.comm = Unread{EACCES};
    unreadable.reserved = unreadable.committed = Unread{EACCES};
    for (const auto& family : of({unreadable})) {
        CAPTURE(family.name);
        CHECK((!family.name.starts_with("tamstat_group_") || family.samples.empty()));
    }
    CHECK(scrape_errors(std::vector{unreadable}).at("EACCES") == 1);
    CHECK(scrape_errors({}).at("EACCES") == 0);   // a counter is there before it counts
    CHECK(scrape_errors({}).at("budget") == 0);
}

TEST_CASE("metrics count a process that the budget cut short once, under that name") {
    auto cut = row(1, "a", 1, 1);
    cut.pss = Unread{tamstat::budget_spent};
    CHECK(scrape_errors(std::vector{cut}).at("budget") == 1);
}

TEST_CASE("metrics saturate a sum instead of wrapping it") {
    constexpr auto greatest = std::numeric_limits<std::uint64_t>::max();
    CHECK(value(of({row(1, "a", greatest, 1), row(2, "a", 2, 1)}), memory, "group=a kind=reserved") == 0x1p64);
}

TEST_CASE("metrics of the largest groups: the rest is one, and may be the name of a process as well") {
    const auto families =
        of({row(1, "a", 100, 1), row(2, "(rest)", 90, 1), row(3, "b", 5, 1), row(4, "c", 7, 1)}, GroupBy::comm, 2);
    CHECK(value(families, memory, "group=a kind=reserved") == 100);
    CHECK(value(families, memory, "group=(rest) kind=reserved") == 102);
    CHECK(value(families, "tamstat_group_processes", "group=(rest)") == 3);
    CHECK(value(families, memory, "group=b kind=reserved") == std::nullopt);
    CHECK(value(of({row(1, "a", 100, 1)}, GroupBy::comm, 1), memory, "group=a kind=reserved") == 100);
}

TEST_CASE("metrics by pid and by cgroup") {
    const std::vector rows{row(11, "a", 100, 1), row(12, "a", 50, 1)};
    CHECK(value(of(rows, GroupBy::pid), memory, "group=11 comm=a kind=reserved") == 100);
    CHECK(value(of(rows, GroupBy::cgroup), memory, "group=/system.slice/one kind=reserved") == 150);
    CHECK(value(of(rows, GroupBy::pid, 1), memory, "group=11 comm=a kind=reserved") == 100);
    CHECK(value(of(rows, GroupBy::pid, 1), memory, "group=(rest) kind=reserved") == 50);
}

TEST_CASE("label_text is valid UTF-8 that no terminal obeys") {
    CHECK(label_text("node") == "node");
    CHECK(label_text("caf\xc3\xa9") == "caf\xc3\xa9");
    CHECK(label_text("\x1b[2Jevil\n\x7f") == "\\x1b[2Jevil\\x0a\\x7f");
    CHECK(label_text("\xc2\x9b"
                     "31m") == "\\xc2\\x9b"
                               "31m");   // C1, as UTF-8
    CHECK(label_text("\xc2\xa0") == "\xc2\xa0");
    CHECK(label_text("a\xff") == "a\xef\xbf\xbd");   // U+FFFD
    CHECK(label_text("\x9b") == "\xef\xbf\xbd");     // C1, as Latin-1
}

TEST_CASE("metrics of processes whose names become the same label are one group") {
    const auto families = of({row(1, "a\xff", 1, 1), row(2, "a\xfe", 2, 1)});
    CHECK(value(families, memory, "group=a\xef\xbf\xbd kind=reserved") == 3);
}
