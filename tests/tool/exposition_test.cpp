// SPDX-License-Identifier: MIT
// Hazard: one line that Prometheus cannot parse costs the whole scrape: a label with a quote or a newline in it, which a
// process may have as its name, a counter without _total, a missing # EOF.
#include "exposition.hpp"

#include <doctest/doctest.h>

#include <limits>   // std::numeric_limits
#include <vector>   // std::vector

using tamstat::exposition;
using tamstat::Exposition;
using tamstat::MetricFamily;

namespace {

const std::vector<MetricFamily> families{
    {"m_bytes",
     "bytes",
     false,
     "Memory, in a \"text\"\nof two lines \\.",
     {{{{"group", "a"}, {"kind", "b"}}, 1.5}, {{}, 0}}},
    {"m_errors", "", true, "Errors.", {{{{"reason", "EIO"}}, 7}}},
};

}   // namespace

TEST_CASE("exposition in the format of Prometheus") {
    CHECK(exposition(families, Exposition::prometheus) == "# HELP m_bytes Memory, in a \"text\"\\nof two lines \\\\.\n"
                                                          "# TYPE m_bytes gauge\n"
                                                          "m_bytes{group=\"a\",kind=\"b\"} 1.5\n"
                                                          "m_bytes 0\n"
                                                          "# HELP m_errors_total Errors.\n"
                                                          "# TYPE m_errors_total counter\n"
                                                          "m_errors_total{reason=\"EIO\"} 7\n");
}

TEST_CASE("exposition in the format of OpenMetrics: the family has no _total, a unit, and there is an end") {
    CHECK(exposition(families, Exposition::openmetrics) ==
          "# HELP m_bytes Memory, in a \\\"text\\\"\\nof two lines \\\\.\n"
          "# TYPE m_bytes gauge\n"
          "# UNIT m_bytes bytes\n"
          "m_bytes{group=\"a\",kind=\"b\"} 1.5\n"
          "m_bytes 0\n"
          "# HELP m_errors Errors.\n"
          "# TYPE m_errors counter\n"
          "m_errors_total{reason=\"EIO\"} 7\n"
          "# EOF\n");
}

TEST_CASE("exposition escapes what would end a label") {
    const std::vector<MetricFamily> hostile{{"m", "", false, "", {{{{"group", "a\"} 1\nm{group=\"b\\"}}, 1}}}};
    CHECK(exposition(hostile, Exposition::prometheus).ends_with("\nm{group=\"a\\\"} 1\\nm{group=\\\"b\\\\\"} 1\n"));
}

TEST_CASE("exposition shows bytes up to 8 PiB to the last one, and what is no number by its name") {
    const auto shown = [](double value) {
        const std::vector<MetricFamily> one{{"m", "", false, "", {{{}, value}}}};
        const auto text = exposition(one, Exposition::prometheus);
        return text.substr(text.rfind(' ') + 1);
    };
    CHECK(shown(9007199254740991) == "9007199254740991\n");
    CHECK(shown(0.25) == "0.25\n");
    CHECK(shown(std::numeric_limits<double>::infinity()) == "+Inf\n");
    CHECK(shown(-std::numeric_limits<double>::infinity()) == "-Inf\n");
    CHECK(shown(std::numeric_limits<double>::quiet_NaN()) == "NaN\n");
}
