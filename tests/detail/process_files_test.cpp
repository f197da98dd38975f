// SPDX-License-Identifier: MIT
// Hazard: a process chooses its name so that a reader of /proc takes parts of it for numbers; ends between two of its
// files, and half of it is reported; or runs on a machine with other units. Whoever kills by these figures kills
// wrongly.
#include "tamalloc/detail/process_files.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

#include "fake_proc.hpp"

namespace detail = tamalloc::detail;
using support::FakeProc;
using support::FakeProcess;
using tamalloc::errc;
using tamalloc::StatsField;

namespace {

constexpr std::array<const char*, 4> all_files{"stat", "status", "oom_score", "oom_score_adj"};

// Every combination of groups, none as well.
template<class F> void for_each_fields(F f) {
    for (unsigned bits = 0; bits < 16; ++bits) {
        CAPTURE(bits);
        f(static_cast<StatsField>(bits));
    }
}

// Of the groups that are filled; the others must be 0.
void check_equal(const tamalloc::ProcessStats& stats, const FakeProcess& process) {
    const auto filled = [&](StatsField group, std::uint64_t value) {
        return detail::wants(stats.filled, group) ? value : 0;
    };
    CHECK(stats.reserved == filled(StatsField::memory, process.pages * 4096));
    CHECK(stats.committed == filled(StatsField::memory, process.resident * 4096));
    CHECK(stats.peak_reserved == filled(StatsField::detail, (process.pages + 5) * 4096));
    CHECK(stats.peak == filled(StatsField::detail, (process.resident + 7) * 4096));
    CHECK(stats.swap == filled(StatsField::detail, process.swap_kib * 1024));
    CHECK(stats.page_tables == filled(StatsField::detail, process.page_tables_kib * 1024));
    CHECK(static_cast<unsigned>(stats.parent) == filled(StatsField::identity, static_cast<unsigned>(process.parent)));
    CHECK(stats.uid == filled(StatsField::identity, process.uid));
    CHECK(stats.start_ns == filled(StatsField::identity, process.start_ticks * 10'000'000));
    CHECK(stats.name() == (detail::wants(stats.filled, StatsField::identity) ? process.name.substr(0, 15) : ""));
    CHECK(stats.oom_score == static_cast<int>(filled(StatsField::oom, 1)) * process.oom_score);
    CHECK(stats.oom_score_adj == static_cast<int>(filled(StatsField::oom, 1)) * process.oom_score_adj);
    CHECK(stats.from == tamalloc::Provenance::procfs);
}

}   // namespace

TEST_CASE("each group is read when asked for and the others are 0 or right") {
    FakeProcess process;
    process.oom_score_adj = -1000;
    process.uid = 4294967294;
    const FakeProc proc;
    (void)proc.add(77, process);
    for_each_fields([&](StatsField fields) {
        const auto stats = proc.open().process_stats(77, fields).value();
        CHECK(stats.pid == 77);
        CHECK((stats.filled & fields) == fields);
        check_equal(stats, process);
    });
}

TEST_CASE("a group reads no other files than it says") {
    const FakeProc proc;
    const auto process = proc.add(77);
    for (const std::string file : {"stat", "oom_score", "oom_score_adj"}) proc.write(process / file, "garbage\n");
    CHECK(proc.open().process_stats(77, StatsField::memory).value().reserved == 4096 * 1000);
    CHECK(proc.open().process_stats(77, StatsField::detail).value().peak == 4096 * 257);
    proc.write(process / "stat", FakeProcess().stat(77));
    CHECK(proc.open().process_stats(77, StatsField::memory | StatsField::identity).value().name() == "sleep");
}

TEST_CASE("a name may hold anything") {
    for (const std::string_view name :
         {"", " ", "a b", ")", "(", "))((", ") S 1 (", "a) S 1 (b", "a) R 2 3 4 5", "\n", "\nVmSize:\t1 kB",
          "x\nUid:\t0", "\xff\xfe\x80", "a\\nb", "\\", "fifteen bytes !", "\x1b[2J", "\r\t\v"}) {
        FakeProcess process;
        process.name = name;
        CAPTURE(name);
        const FakeProc proc;
        (void)proc.add(77, process);
        for_each_fields(
            [&](StatsField fields) { check_equal(proc.open().process_stats(77, fields).value(), process); });
    }
}

TEST_CASE("a name is cut at 15 bytes") {
    FakeProcess process;
    process.name = "kworker-of-a-long-name)";
    const FakeProc proc;
    (void)proc.add(77, process);
    CHECK(proc.open().process_stats(77, StatsField::identity).value().name() == "kworker-of-a-lo");
}

TEST_CASE("other ticks count as such") {
    const FakeProc proc;
    (void)proc.add(77);
    const auto procfs = proc.open({.ticks_per_second = 1024});
    CHECK(procfs.process_stats(77, StatsField::identity).value().start_ns == 12'055'664'062);   // 12345/1024 s
}

TEST_CASE("128 TiB of address space are 128 TiB") {
    FakeProcess process;
    process.pages = (std::uint64_t{1} << 47) / 4096;
    process.resident = process.pages / 2;
    process.swap_kib = std::uint64_t{1} << 36;
    process.start_ticks = 100ULL * 86400 * 36500;   // a century
    const FakeProc proc;
    (void)proc.add(77, process);
    for_each_fields([&](StatsField fields) { check_equal(proc.open().process_stats(77, fields).value(), process); });
}

TEST_CASE("a status as long as that of a user in 65536 groups is read to where the figures stand") {
    FakeProcess process;
    for (int group = 0; group < 65536; ++group) process.groups += std::to_string(1'000'000'000 + group) + " ";
    const FakeProc proc;
    (void)proc.add(77, process);
    check_equal(proc.open().process_stats(77, StatsField::all).value(), process);
}

TEST_CASE("a kernel thread is none whatever is asked") {
    const FakeProc proc;
    (void)proc.add(77, FakeProcess::kernel_thread());
    for_each_fields(
        [&](StatsField fields) { CHECK(proc.open().process_stats(77, fields).error() == errc::kernel_thread); });
    CHECK(proc.open().process_detail(77).error() == errc::kernel_thread);
}

TEST_CASE("a zombie has 0 bytes and is no error") {
    const FakeProc proc;
    (void)proc.add(77, FakeProcess::zombie());
    for_each_fields([&](StatsField fields) {
        const auto stats = proc.open().process_stats(77, fields).value();
        CHECK((stats.filled & fields) == fields);
        CHECK(stats.reserved + stats.committed + stats.peak + stats.peak_reserved + stats.swap == 0);
        CHECK(stats.percentage() == 0);
        CHECK(stats.name() == (detail::wants(fields, StatsField::identity) ? "sleep" : ""));
    });
    const auto detail = proc.open().process_detail(77).value();
    CHECK(detail.base.name() == "sleep");
    CHECK(detail.pss == 0);
}

TEST_CASE("the id of a thread is no process whatever is asked") {
    FakeProcess process;
    process.thread_of = 70;
    const FakeProc proc;
    (void)proc.add(77, process);
    for_each_fields(
        [&](StatsField fields) { CHECK(proc.open().process_stats(77, fields).error() == errc::no_such_process); });
    CHECK(proc.open().process_detail(77).error() == errc::no_such_process);
}

TEST_CASE("the memory of a process whose main thread has ended is that of its other threads") {
    auto process = FakeProcess::zombie();
    process.threads = 4;
    FakeProcess thread;
    thread.parent = 12;   // the main thread says this
    const FakeProc proc;
    (void)proc.add(77, process);
    (void)proc.add_thread(77, 77, process);
    std::filesystem::remove(proc.root / proc.add_thread(77, 78) / "status");   // ends meanwhile
    (void)proc.add_thread(77, 79, process);                                    // has ended
    const auto last = proc.add_thread(77, 80, thread);
    FakeProcess expected;
    for_each_fields([&](StatsField fields) {
        const auto stats = proc.open().process_stats(77, fields).value();
        CHECK((stats.filled & fields) == fields);
        CHECK(stats.committed == 250 * 4096);
        check_equal(stats, expected);
    });
    CHECK(proc.open().process_detail(77).error() == errc::unsupported);
    proc.write(last / "status", "garbage\n");
    CHECK(proc.open().process_stats(77, StatsField::memory).error() == errc::malformed_procfs);
    std::filesystem::remove_all(proc.root / last);
    CHECK(proc.open().process_stats(77, StatsField::memory).value().reserved == 0);   // all have ended
    std::filesystem::remove_all(proc.root / "77" / "task");
    CHECK(proc.open().process_stats(77, StatsField::memory).value().reserved == 0);
}

TEST_CASE("a process that ends between two of its files is gone and never half a record") {
    for (const std::string file : {"stat", "status"}) {
        CAPTURE(file);
        const FakeProc proc;
        const auto process = proc.add(77);
        for (const std::string other : all_files)
            if (file == "stat" || other != "stat") std::filesystem::remove(proc.root / process / other);
        bool missed = false;
        for_each_fields([&](StatsField fields) {
            const auto stats = proc.open().process_stats(77, fields);
            if (stats) return check_equal(*stats, FakeProcess());
            CHECK(stats.error() == errc::no_such_process);
            missed = true;
        });
        CHECK(missed);
    }
}

TEST_CASE("a process that becomes a zombie before its score is read is a zombie altogether") {
    const FakeProc proc;
    const auto process = proc.add(77);
    const auto fifo = proc.root / process / "oom_score";
    std::filesystem::remove(fifo);
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    std::thread kernel([&] {
        std::ofstream score(fifo);   // waits for the reader
        proc.write(process / "status", FakeProcess::zombie().status(77));
        score << "0\n";
    });
    const auto stats = proc.open().process_stats(77, StatsField::all);
    const detail::Descriptor release(AT_FDCWD, fifo.c_str(), O_NONBLOCK);   // a writer that nobody waited for
    kernel.join();
    CHECK(stats.value().filled == StatsField::all);
    CHECK(stats->reserved + stats->committed + stats->peak_reserved + stats->peak + stats->page_tables == 0);
    CHECK(stats->oom_score == 0);
    CHECK(stats->name() == "sleep");
}

TEST_CASE("where a kernel keeps no oom scores that group is not said to be filled") {
    for (const std::string file : {"oom_score", "oom_score_adj"}) {
        CAPTURE(file);
        const FakeProc proc;
        std::filesystem::remove(proc.root / proc.add(77) / file);
        for_each_fields([&](StatsField fields) {
            const auto stats = proc.open().process_stats(77, fields).value();
            CHECK_FALSE(detail::wants(stats.filled, StatsField::oom));
            CHECK((stats.filled | StatsField::oom) == (stats.filled | StatsField::oom | fields));
            check_equal(stats, FakeProcess());
        });
    }
}

TEST_CASE("a file cut off anywhere gives an error or the right figures") {
    FakeProcess process;
    process.name = "a\n) S 1 (b";
    const FakeProc proc;
    const auto directory = proc.add(77, process);
    const auto procfs = proc.open();
    for (const std::string file : all_files) {
        CAPTURE(file);
        const auto text = proc.read(directory / file);
        bool missed = false;
        for (std::size_t size = 0; size < text.size(); ++size) {
            CAPTURE(size);
            proc.write(directory / file, std::string_view(text).substr(0, size));
            for (const auto fields : {StatsField::memory, StatsField::detail, StatsField::oom, StatsField::all}) {
                const auto stats = procfs.process_stats(77, fields);
                if (stats) {
                    check_equal(*stats, process);
                } else {
                    CHECK(stats.error() == errc::malformed_procfs);
                    missed = true;
                }
            }
        }
        CHECK(missed);
        proc.write(directory / file, text);
    }
}

TEST_CASE("garbage is malformed_procfs and so is what does not fit") {
    const FakeProcess usual;
    const auto status = usual.status(77), stat = usual.stat(77);
    const auto with = [](std::string text, std::string_view from, std::string_view to) {
        return text.replace(text.find(from), from.size(), to);
    };
    const struct {
        std::string file, text;
    } cases[] = {
        {"stat", "\n"},
        {"stat", "77 sleep S 1\n"},
        {"stat", "77 )sleep( S 1\n"},
        {"stat", "77 (sleep)\n"},
        {"stat", with(stat, "4194304", "0x400000")},
        {"stat", with(stat, "12345", "1234567890123456789")},   // ticks whose nanoseconds do not fit
        {"stat", std::string(100'000, 'x') + "\n"},
        {"status", "\n"},
        {"status", with(status, "Tgid:\t77\n", "")},
        {"status", with(status, "PPid:\t1\n", "")},
        {"status", with(status, "Uid:", "uid:")},
        {"status", with(status, "Threads:", "threads:")},
        {"status", with(status, "Tgid:\t77", "Tgid:\t4294967373")},   // 77 + 2^32
        {"status", with(status, "VmRSS:", "vmRSS:")},
        {"status", with(status, "VmSize:", "vmSize:")},
        {"status", with(status, "4000 kB", "18446744073709551615 kB")},
        {"status", with(status, "4000 kB", "4000 MB")},
        {"status", with(status, "Uid:\t1000", "Uid:\t4294967296")},
        {"status", with(status, "PPid:\t1", "PPid:\t2147483648")},
        {"status", with(status, "PPid:\t1", "PPid:\t-1")},
        {"status", std::string(100'000, 'x') + "\n"},
        {"oom_score", "\n"},
        {"oom_score", "x\n"},
        {"oom_score", "99999999999\n"},
        {"oom_score_adj", "- 1\n"},
    };
    for (const auto& [file, text] : cases) {
        CAPTURE(file);
        CAPTURE(text.substr(0, 100));
        const FakeProc proc;
        proc.write(proc.add(77) / file, text);
        const auto stats = proc.open().process_stats(77, StatsField::all);
        REQUIRE_FALSE(stats.has_value());
        CHECK(stats.error() == errc::malformed_procfs);
    }
}

TEST_CASE("where a sandbox tells no peaks and no swap that group is not said to be filled") {
    const FakeProcess usual;
    auto text = usual.status(77);
    for (const std::string_view key : {"VmPeak:", "VmHWM:", "VmPTE:", "VmSwap:"})
        text.erase(text.find(key), text.find('\n', text.find(key)) + 1 - text.find(key));
    const FakeProc proc;
    proc.write(proc.add(77) / "status", text);
    const auto stats = proc.open().process_stats(77, StatsField::all).value();
    CHECK(stats.filled == (StatsField::memory | StatsField::identity | StatsField::oom));
    check_equal(stats, usual);
}

TEST_CASE("peaks without the sizes they are of are not believed") {
    const FakeProcess usual;
    auto text = usual.status(77);
    for (const std::string_view key : {"VmSize:", "VmRSS:"})
        text.erase(text.find(key), text.find('\n', text.find(key)) + 1 - text.find(key));
    const FakeProc proc;
    proc.write(proc.add(77) / "status", text);
    const auto stats = proc.open().process_stats(77, StatsField::all).value();
    CHECK(stats.filled == (StatsField::memory | StatsField::identity | StatsField::oom));
    CHECK(stats.reserved + stats.committed + stats.peak_reserved + stats.peak + stats.swap + stats.page_tables == 0);
}

TEST_CASE("what smaps_rollup says") {
    const FakeProc proc;
    const auto process = proc.add(77);
    CHECK(proc.open().process_detail(77).error() == errc::unsupported);   // a kernel without that file
    const std::string rollup = "556b1771b000-7ffd6ff8c000 ---p 00000000 00:00 0                          [rollup]\n"
                               "Rss:                1768 kB\nPss:                 340 kB\nPss_Dirty:           112 kB\n"
                               "Private_Clean:        40 kB\nPrivate_Dirty:       113 kB\nLazyFree:              8 kB\n"
                               "AnonHugePages:      2048 kB\nShmemPmdMapped:        0 kB\n";
    proc.write(process / "smaps_rollup", rollup);
    const auto detail = proc.open().process_detail(77).value();
    CHECK(detail.pss == 340 * 1024);
    CHECK(detail.private_dirty == 113 * 1024);
    CHECK(detail.lazy_free == 8 * 1024);
    CHECK(detail.anon_huge == 2048 * 1024);
    CHECK(detail.base.pid == 77);
    CHECK(detail.base.filled == StatsField::all);
    check_equal(detail.base, FakeProcess());
    for (std::size_t size = 0; size < rollup.find("AnonHugePages"); size += 7) {
        CAPTURE(size);
        proc.write(process / "smaps_rollup", rollup.substr(0, size));
        CHECK(proc.open().process_detail(77).error() == errc::malformed_procfs);
    }
}

TEST_CASE("reading one process leaves errno and the descriptors as they were") {
    const FakeProc proc;
    (void)proc.add(77);
    std::filesystem::remove(proc.root / proc.add(78) / "oom_score");
    const auto procfs = proc.open();
    const auto before = support::open_descriptors();
    for (const pid_t pid : {77, 78, 79, -1}) {
        errno = 42;
        (void)procfs.process_stats(pid, StatsField::all);
        (void)procfs.process_detail(pid);
        CHECK(errno == 42);
    }
    CHECK(support::open_descriptors() == before);
}
