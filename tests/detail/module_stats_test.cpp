// SPDX-License-Identifier: MIT
// Hazard: a module that is loaded, or another version of it, changes what the library says of a process: a figure, the
// name, or that there is none; or its answer is about another process than the files that complete it.
#include "tamalloc/detail/module_stats.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_proc.hpp"
#include "support.hpp"
#include "tamalloc/stats.hpp"

namespace detail = tamalloc::detail;
using detail::ModuleStats;
using support::FakeProc;
using tamalloc::errc;
using tamalloc::ProcessStats;
using tamalloc::Provenance;
using tamalloc::StatsField;

namespace {

constexpr detail::ProcUnits units{.ticks_per_second = 100};

std::string record(std::string_view comm = "cat", std::string_view score = "null", int pid = 77) {
    return "{\"pid\":" + std::to_string(pid) + ",\"parent\":7,\"uid\":1000,\"comm\":\"" + std::string(comm) +
           "\",\"threads\":3,\"start_ns\":1234567890,\"reserved\":40960,\"committed\":8192,\"peak_reserved\":45056,"
           "\"peak\":12288,\"swap\":4096,\"page_tables\":16384,\"oom_score\":" +
           std::string(score) + ",\"oom_score_adj\":-5}\n";
}

// The file as the kernel has it starts anew at each write; this one goes on behind what was written.
void load_fake(const FakeProc& proc, std::string_view answer, int pid = 77) {
    std::filesystem::create_directory(proc.root / "tamalloc");
    proc.write("tamalloc/watch", std::string(std::to_string(pid).size(), '#') + std::string(answer));
}

ProcessStats read(const FakeProc& proc, StatsField fields = StatsField::all, pid_t pid = 77) {
    return ModuleStats(proc.open()).process_stats(pid, fields).value();
}

}   // namespace

TEST_CASE("a record of the module is read whole") {
    const auto stats = detail::parse_module_record(record("cat", "666"), units).value();
    CHECK(stats.from == Provenance::module);
    CHECK(stats.filled == StatsField::all);
    CHECK(stats.pid == 77);
    CHECK(stats.parent == 7);
    CHECK(stats.uid == 1000);
    CHECK(stats.name() == "cat");
    CHECK(stats.start_ns == 1'230'000'000);   // a whole tick, as /proc says
    CHECK(stats.reserved == 40960);
    CHECK(stats.committed == 8192);
    CHECK(stats.peak_reserved == 45056);
    CHECK(stats.peak == 12288);
    CHECK(stats.swap == 4096);
    CHECK(stats.page_tables == 16384);
    CHECK(stats.oom_score == 666);
    CHECK(stats.oom_score_adj == -5);
}

TEST_CASE("a score that the kernel does not tell the module is not filled in") {
    const auto stats = detail::parse_module_record(record(), units).value();
    CHECK(stats.filled == (StatsField::memory | StatsField::identity | StatsField::detail));
    CHECK(stats.oom_score == 0);
    CHECK(stats.oom_score_adj == 0);
}

TEST_CASE("a name comes back as the process chose it or not at all") {
    const auto name = [](std::string_view comm) {
        const auto stats = detail::parse_module_record(record(comm), units);
        return stats ? std::string(stats->name()) : "none";
    };
    CHECK(name("").empty());
    CHECK(name(R"(a\"b\\c)") == "a\"b\\c");
    CHECK(name(R"(\u0001\u000a\u007f)") == "\x01\n\x7f");
    CHECK(name("caf\xc3\xa9") == "caf\xc3\xa9");
    CHECK(name(R"(\",\"pid\":1,\"x)") == "\",\"pid\":1,\"x");
    CHECK(name("123456789012345") == "123456789012345");
    CHECK(name("1234567890123456") == "none");
    CHECK(name(R"(a\ufffd)") == "none");   // which byte it was, JSON cannot say
    CHECK(name(R"(\u00)") == "none");
}

TEST_CASE("half a record is none") {
    const auto whole = record("a\\\"b", "666");
    for (std::size_t size = 0; size < whole.find(",\"oom_score\""); ++size) {
        CAPTURE(size);
        const auto stats = detail::parse_module_record(std::string_view(whole).substr(0, size), units);
        CHECK((!stats || stats->page_tables != 16384));
    }
    CHECK(!detail::parse_module_record("", units));
    CHECK(!detail::parse_module_record(record().replace(1, 5, "\"dip\""), units));
}

TEST_CASE("what the module does not tell comes from the files of the process") {
    const FakeProc proc;
    (void)proc.add(77);
    load_fake(proc, record());
    const auto descriptors = support::open_descriptors();
    const auto all = read(proc);
    CHECK(all.from == Provenance::module);
    CHECK(all.reserved == 40960);
    CHECK(all.filled == StatsField::all);
    CHECK(all.oom_score == 666);   // of the files: not -5
    CHECK(all.oom_score_adj == 0);
    load_fake(proc, record());
    CHECK(read(proc, StatsField::memory).filled == (StatsField::memory | StatsField::identity | StatsField::detail));
    CHECK(support::open_descriptors() == descriptors);
}

TEST_CASE("a module that tells everything needs no other file") {
    const FakeProc proc;
    std::filesystem::create_directory(proc.root / "77");
    load_fake(proc, record("cat", "1"));
    CHECK(read(proc).oom_score == 1);
    CHECK(read(proc).oom_score_adj == -5);
}

TEST_CASE("where the module does not answer the files do") {
    const auto from_files = [](std::string_view answer) {
        const FakeProc proc;
        (void)proc.add(77);
        load_fake(proc, answer);
        const auto stats = read(proc);
        return stats.from == Provenance::procfs && stats.reserved == 1000 * 4096 && stats.name() == "sleep";
    };
    CHECK(from_files(""));
    CHECK(from_files("\n"));
    CHECK(from_files("{}\n"));
    CHECK(from_files(record(R"(a\ufffd)")));
    CHECK(from_files(record("cat", "null", 78)));   // of another process
    CHECK(from_files(std::string(5000, 'x') + "\n"));
    const FakeProc proc;
    (void)proc.add(77);
    std::filesystem::create_directories(proc.root / "tamalloc" / "watch");   // cannot be opened for writing
    CHECK(read(proc).from == Provenance::procfs);
    CHECK(ModuleStats(proc.open()).process_stats(78, StatsField::all).error() == errc::no_such_process);
}

TEST_CASE("a list asks the module about each process") {
    const FakeProc proc;
    (void)proc.add(7);
    (void)proc.add(77);
    load_fake(proc, record("cat", "null", 7), 7);
    const auto view = detail::processes(proc.open(), StatsField::memory).value();
    auto process = view.begin();
    CHECK(process->pid == 7);
    CHECK(process->from == Provenance::module);
    ++process;   // the fake file has no answer for it
    CHECK(process->pid == 77);
    CHECK(process->from == Provenance::procfs);
}

TEST_CASE("the module and /proc tell the same of a process that stands still") {
    if (::access("/proc/tamalloc/watch", R_OK | W_OK) != 0) {
        support::skip("the module tamalloc_stats is not loaded");
        return;
    }
    const auto procfs = [] { return std::move(detail::Procfs::open().value()); };
    for (const auto* const name : {"plain", "a) S 1 (b", "\"\\\x01\n\xff"}) {
        CAPTURE(name);
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::prctl(PR_SET_NAME, name);
            std::raise(SIGSTOP);
        }
        ::waitpid(pid, nullptr, WUNTRACED);
        const bool lost = std::string_view(name).ends_with('\xff');
        const auto told = ModuleStats(procfs()).process_stats(pid, StatsField::all).value();
        const auto expected = procfs().process_stats(pid, StatsField::all).value();
        CHECK(told.from == (lost ? Provenance::procfs : Provenance::module));
        CHECK(told.name() == name);
        CHECK(told.pid == expected.pid);
        CHECK(told.parent == expected.parent);
        CHECK(told.uid == expected.uid);
        CHECK(told.start_ns == expected.start_ns);
        CHECK(told.reserved == expected.reserved);
        CHECK(told.committed == expected.committed);
        CHECK(told.peak_reserved == expected.peak_reserved);
        CHECK(told.peak == expected.peak);
        CHECK(told.swap == expected.swap);
        CHECK(told.page_tables == expected.page_tables);
        CHECK(told.oom_score == expected.oom_score);
        CHECK(told.oom_score_adj == expected.oom_score_adj);
        CHECK(told.filled == expected.filled);
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
}
