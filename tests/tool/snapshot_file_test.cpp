// SPDX-License-Identifier: MIT
// Hazard: a snapshot is a file of anybody's: cut off, of another program, or made to crash the reader. What is wrong with it
// has to be said, and what could not be read must not come back as 0.
#include "snapshot_file.hpp"

#include <doctest/doctest.h>

#include <optional>      // std::nullopt
#include <string>        // std::string
#include <string_view>   // std::string_view

using tamstat::parse_snapshot;

namespace {

// A document with this list of processes.
std::string with_processes(std::string_view processes) {
    return R"({"schema":"tamstat/1","time":"2026-11-20T17:33:02Z","processes":[)" + std::string(processes) + "]}";
}

std::string complaint(std::string_view text) {
    const auto snapshot = parse_snapshot(text);
    return snapshot ? "none" : snapshot.error();
}

}   // namespace

TEST_CASE("parse_snapshot reads processes and their mappings by address") {
    const auto snapshot = parse_snapshot(with_processes(
        R"({"pid":7,"start_ns":5,"comm":"a","reserved":100,"committed":null,"committed_error":"EACCES","new_key":[1],
            "mappings":[{"start":"0x2000","end":"0x3000","resident":4096,"kind":"file","path":"/x"},
                        {"start":"0x1000","end":"0x2000","resident":null,"kind":"none","path":""}]},
           {"pid":7,"start_ns":6,"comm":"b"})"));
    REQUIRE(snapshot);
    CHECK(snapshot->time == "2026-11-20T17:33:02Z");
    REQUIRE(snapshot->processes.size() == 2);
    const auto& process = snapshot->processes.at({7, 5});
    CHECK(process.comm == "a");
    CHECK(process.figures == tamstat::Figures{100, std::nullopt, std::nullopt, std::nullopt});
    REQUIRE(process.mappings.size() == 2);
    CHECK(process.mappings[0].start == 0x1000);
    CHECK(process.mappings[0].resident == std::nullopt);
    CHECK(process.mappings[1].resident == 4096);
    CHECK(process.mappings[1].path == "/x");
    CHECK(snapshot->processes.at({7, 6}).mappings.empty());
}

TEST_CASE("parse_snapshot says what is wrong") {
    CHECK(complaint(with_processes("")) == "none");
    CHECK(complaint("") == "it is no JSON");
    CHECK(complaint(with_processes("").substr(0, 60)) == "it is no JSON");
    CHECK(complaint("[]") == R"("schema" is not "tamstat/1")");
    CHECK(complaint(R"({"schema":"tamstat/2","processes":[]})") == R"("schema" is not "tamstat/1")");
    CHECK(complaint(R"({"schema":"tamstat/1","time":"2026-11-20T17:33:02Z"})") == R"("processes" is no list)");
    CHECK(complaint(with_processes("1")) == R"("processes" holds something that is no object)");
    CHECK(complaint(with_processes(R"({"comm":"a"})")) == R"(a process has no "pid")");
    CHECK(complaint(with_processes(R"({"pid":0})")) == R"(a process has no "pid")");
    CHECK(complaint(with_processes(R"({"pid":4294967297})")) == R"(a process has no "pid")");
    CHECK(complaint(with_processes(R"({"pid":1},{"pid":1})")) == "process 1 is there twice");
}

TEST_CASE("parse_snapshot takes no time that is none, which would be printed") {
    for (const auto* const time : {R"("\u001b]0;owned\u0007")", R"("2026-11-20T17:33:02Z\u001b[2J")",
                                   R"("2026-11-20T17:33:0\u001bZ")", "\"\"", "null"}) {
        CAPTURE(time);
        CHECK(complaint(R"({"schema":"tamstat/1","processes":[],"time":)" + std::string(time) + "}") ==
              R"("time" is no time such as 2026-11-20T17:33:02Z)");
    }
}

TEST_CASE("parse_snapshot takes no figure that is none") {
    for (const auto* const value : {"-1", "1.5", "\"1\"", "true", "1e30", "18446744073709551616", "{}"}) {
        CAPTURE(value);
        CHECK(complaint(with_processes(R"({"pid":1,"reserved":)" + std::string(value) + "}")) ==
              R"("reserved" is no number of at least 0)");
    }
    CHECK(complaint(with_processes(R"({"pid":1,"reserved":18446744073709551615})")) == "none");
    CHECK(complaint(with_processes(R"({"pid":1,"comm":1})")) == R"("comm" is no text)");
}

TEST_CASE("parse_snapshot takes no address space that cannot be") {
    const auto with_mappings = [](std::string_view mappings) {
        return with_processes(R"({"pid":1,"mappings":[)" + std::string(mappings) + "]}");
    };
    CHECK(complaint(with_mappings(R"({"start":"0x1","end":"0x2"},{"start":"0x2","end":"0x3"})")) == "none");
    CHECK(complaint(with_mappings(R"({"start":"0x1","end":"0x3"},{"start":"0x2","end":"0x4"})")) ==
          "two mappings of a process overlap");
    CHECK(complaint(with_mappings(R"({"start":"0x2","end":"0x2"})")) == "a mapping ends before it starts");
    for (const auto* const address : {"", "0x", "12", "0xg", "0x1 ", "0x-1", "0x10000000000000000"}) {
        CAPTURE(address);
        CHECK(complaint(with_mappings(R"({"start":")" + std::string(address) + R"(","end":"0x3"})")) ==
              R"("start" is no address)");
    }
    CHECK(complaint(with_mappings(R"({"start":1,"end":"0x3"})")) == R"("start" is no text)");
}

TEST_CASE("parse_snapshot survives a document that is nested very deeply") {
    CHECK(complaint(std::string(1'000'000, '[')) == "it is no JSON");
    CHECK(complaint(with_processes(R"({"pid":1,"x":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}")) ==
          "none");
}
