// SPDX-License-Identifier: MIT
// Hazard: on a machine with more processes, processors or gigabytes than the author's, a listing loses processes or
// lists them twice, a sum wraps, or one broken process hides all others without a word.
#include "tamalloc/detail/procfs.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_proc.hpp"
#include "support.hpp"
#include "tamalloc/stats.hpp"

namespace detail = tamalloc::detail;
using support::FakeProc;
using support::FakeProcess;
using tamalloc::errc;
using tamalloc::StatsField;

namespace {

tamalloc::ProcessView view_of(const FakeProc& proc, StatsField fields = StatsField::all) {
    return detail::processes(proc.open(), fields).value();
}

std::vector<pid_t> pids(const tamalloc::ProcessView& view) {
    std::vector<pid_t> all;
    for (const auto& process : view) all.push_back(process.pid);
    return all;
}

}   // namespace

TEST_CASE("a file of a process that has ended says ESRCH when read and ENOENT when opened") {
    const pid_t pid = ::fork();
    if (pid == 0)
        while (true) ::pause();
    const detail::Descriptor directory(AT_FDCWD, ("/proc/" + std::to_string(pid)).c_str(), O_PATH | O_DIRECTORY);
    const detail::Descriptor stat(directory.get(), "stat", 0);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    std::array<char, 100> buffer{};
    tamalloc::ProcessStats stats;
    CHECK(detail::process_error(detail::read_line(stat, buffer).error()) == errc::no_such_process);
    CHECK(detail::process_error(detail::ProcessFiles(directory.get(), {}).read(StatsField::all, stats)) ==
          errc::no_such_process);
    CHECK(detail::process_error(detail::errno_code(EPERM)) == std::errc::operation_not_permitted);
    CHECK_FALSE(detail::process_error({}));
}

TEST_CASE("processes are listed by increasing pid without kernel threads and threads") {
    const FakeProc proc;
    for (const int pid : {4194304, 9, 10, 1, 100, 99}) (void)proc.add(pid);
    (void)proc.add(2, FakeProcess::kernel_thread());
    (void)proc.add(50, FakeProcess::zombie());
    proc.write("123", "a file");
    proc.write("98x", "");
    FakeProcess thread;
    thread.thread_of = 100;
    (void)proc.add(101, thread);
    std::filesystem::remove(proc.root / "123");
    for (const auto fields :
         {StatsField::all, StatsField::identity, StatsField::detail, StatsField::memory, StatsField::oom})
        CHECK(pids(view_of(proc, fields)) == std::vector<pid_t>{1, 9, 10, 50, 99, 100, 4194304});
    CHECK(proc.open().system_totals().value().processes == 6);
}

TEST_CASE("each begin starts anew from the same processes and copies share the error") {
    const FakeProc proc;
    for (const int pid : {3, 4, 5}) (void)proc.add(pid);
    const auto view = view_of(proc);
    const auto copy = view;   // NOLINT(performance-unnecessary-copy-initialization): what is tested
    CHECK(pids(view) == std::vector<pid_t>{3, 4, 5});
    std::filesystem::remove_all(proc.root / "4");
    (void)proc.add(6);
    CHECK(pids(view) == std::vector<pid_t>{3, 5});
    CHECK(pids(copy) == std::vector<pid_t>{3, 5});
    auto i = view.begin();
    const auto other = copy.begin();   // of its own, where a copy of i is not
    const auto j = i;
    const auto& first = *tamalloc::ProcessView::Iterator(i);   // outlives what it was taken from
    CHECK(first.pid == 3);
    ++i;
    CHECK(i->pid == 5);
    CHECK(j->pid == 5);
    CHECK(other->pid == 3);
    ++i;
    CHECK(j == view.end());
    CHECK(other != view.end());
    CHECK(tamalloc::ProcessView().begin() == std::default_sentinel);
    CHECK_FALSE(tamalloc::ProcessView().error());
}

TEST_CASE("a process that cannot be understood ends the range and the error stays") {
    const FakeProc proc;
    for (const int pid : {3, 4, 5}) (void)proc.add(pid);
    const auto view = view_of(proc);
    const auto copy = view;   // NOLINT(performance-unnecessary-copy-initialization): what is tested
    const auto status = proc.read("4/status");
    proc.write("4/status", "garbage\n");
    CHECK(pids(view) == std::vector<pid_t>{3});
    CHECK(view.error() == errc::malformed_procfs);
    CHECK(copy.error() == errc::malformed_procfs);
    proc.write("4/status", status);
    CHECK(pids(copy) == std::vector<pid_t>{3, 4, 5});
    CHECK_FALSE(view.error());
}

TEST_CASE("running out of descriptors ends the range and the sums are an error") {
    if (support::sanitized) return support::skip("sanitizers need descriptors of their own");
    const FakeProc proc;
    (void)proc.add(3);
    CHECK(support::in_child([&] {
              const auto view = view_of(proc);
              const auto procfs = proc.open();
              const rlimit none{0, 0};
              if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
              if (!pids(view).empty() || view.error() != std::errc::too_many_files_open) return 2;
              if (procfs.system_totals().error() != std::errc::too_many_files_open) return 3;
              return procfs.process_stats(3, StatsField::all).error() == std::errc::too_many_files_open ? 0 : 4;
          }) == 0);
}

TEST_CASE("processes hidden from this user are left out of lists and refused when asked for") {
    if (::geteuid() != 0) return support::skip("only root can become somebody else");
    const FakeProc proc;
    for (const int pid : {3, 4, 5}) (void)proc.add(pid);
    ::chmod((proc.root / "4").c_str(), 0700);                 // as hidepid=1 does
    ::chmod((proc.root / "5" / "oom_score").c_str(), 0400);   // as a security module may
    CHECK(support::in_child([&] {
              if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 1;
              const auto view = view_of(proc);
              if (pids(view) != std::vector<pid_t>{3} || view.error()) return 2;
              if (pids(view_of(proc, StatsField::memory)) != std::vector<pid_t>{3, 5}) return 3;
              const auto procfs = proc.open();
              if (procfs.system_totals().value().processes != 2) return 4;
              if (procfs.process_stats(4, StatsField::memory).error() != std::errc::permission_denied) return 5;
              if (procfs.process_stats(5, StatsField::all).error() != std::errc::permission_denied) return 6;
              return 0;
          }) == 0);
}

TEST_CASE("totals are sums over processes with memory and what meminfo says") {
    const FakeProc proc;
    FakeProcess process;
    for (const int pid : {1, 7, 3}) {
        process.pages = static_cast<std::uint64_t>(pid) * 1000;
        process.resident = static_cast<std::uint64_t>(pid) * 10;
        (void)proc.add(pid, process);
    }
    (void)proc.add(2, FakeProcess::kernel_thread());
    (void)proc.add(50, FakeProcess::zombie());
    std::filesystem::remove(proc.root / proc.add(51) / "status");   // ends meanwhile
    const auto procfs = proc.open();
    for (int run = 0; run < 2; ++run) {
        const auto totals = procfs.system_totals().value();
        CHECK(totals.processes == 3);
        CHECK(totals.reserved == 11000 * 4096);
        CHECK(totals.committed == 110 * 4096);
        CHECK(totals.charged == 313572 * 1024);
        CHECK(totals.charge_limit == 12342040ULL * 1024);
        CHECK(totals.ram == 24684084ULL * 1024);
        CHECK(totals.available == 23963620ULL * 1024);
        CHECK(totals.swap == 1048576ULL * 1024);
    }
    proc.write("7/status", "garbage\n");
    CHECK(procfs.system_totals().error() == errc::malformed_procfs);
    std::filesystem::remove(proc.root / "7" / "status");
    for (const std::string_view key : {"MemTotal", "MemAvailable", "SwapTotal"}) {
        CAPTURE(key);
        const FakeProc other;
        auto text = other.read("meminfo");
        other.write("meminfo", text.replace(text.find(key), 1, "X"));
        CHECK(other.open().system_totals().error() == errc::malformed_procfs);
    }
    std::filesystem::remove(proc.root / "meminfo");
    CHECK(procfs.system_totals().error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("where a sandbox says nothing of what is charged the rest answers") {
    const FakeProc proc;
    (void)proc.add(1);
    auto text = proc.read("meminfo");
    for (const std::string_view key : {"CommitLimit", "Committed_AS"}) {
        text.replace(text.find(key), 1, "X");
        proc.write("meminfo", text);
        const auto totals = proc.open().system_totals().value();
        CHECK(totals.charge_limit == 0);
        CHECK(totals.charged == (key == "CommitLimit" ? 313572 * 1024 : 0));
        CHECK(totals.ram == 24684084ULL * 1024);
        CHECK(totals.processes == 1);
    }
    proc.write("meminfo", proc.read("meminfo") + "Committed_AS: x kB\n");
    CHECK(proc.open().system_totals().error() == errc::malformed_procfs);
}

TEST_CASE("a process whose main thread has ended counts with the memory of the others") {
    const FakeProc proc;
    auto ended = FakeProcess::zombie();
    ended.threads = 2;
    (void)proc.add(7, ended);
    (void)proc.add_thread(7, 7, ended);
    (void)proc.add_thread(7, 8);
    (void)proc.add(9, ended);   // all of them end at this moment
    const auto totals = proc.open().system_totals().value();
    CHECK(totals.processes == 1);
    CHECK(totals.reserved == 1000 * 4096);
    CHECK(totals.committed == 250 * 4096);
}

TEST_CASE("sums that do not fit stop at the top instead of starting over") {
    const FakeProc proc;
    FakeProcess process;
    process.pages = process.resident = ((std::uint64_t{1} << 63) - 65536) / 4096;   // the peaks fit
    for (const int pid : {1, 2, 3}) (void)proc.add(pid, process);
    const auto totals = proc.open().system_totals().value();
    CHECK(totals.reserved == ~std::uint64_t{0});
    CHECK(totals.committed == ~std::uint64_t{0});
}

TEST_CASE("ten thousand processes are all listed once and their sums are right") {
    const FakeProc proc;
    constexpr int count = 10'000, step = 10;
    FakeProcess process;
    process.pages = (std::uint64_t{1} << 47) / 4096;   // 128 TiB each
    for (int id = step; id <= count * step; id += step) {
        const auto name = std::to_string(id);
        std::filesystem::create_directory(proc.root / name);
        proc.write(name + "/status", process.status(id));
    }
    pid_t expected = 0;
    bool right = true;
    const auto view = view_of(proc, StatsField::memory);
    for (const auto& stats : view) right = right && stats.pid == (expected += step) && stats.committed == 250 * 4096;
    CHECK(right);
    CHECK(expected == count * step);
    CHECK_FALSE(view.error());
    const auto totals = proc.open().system_totals().value();
    CHECK(totals.processes == static_cast<std::uint64_t>(count));
    CHECK(totals.reserved == static_cast<std::uint64_t>(count) << 47);
    CHECK(totals.committed == static_cast<std::uint64_t>(count) * 250 * 4096);
}

TEST_CASE("memory and processors of the machine in bytes and nanoseconds") {
    const FakeProc proc;
    for (const std::uint64_t hz : {100U, 1000U}) {
        const auto stats = proc.open({.ticks_per_second = hz}).system_stats(nullptr).value();
        CHECK(stats.memory.total == 24684084ULL * 1024);
        CHECK(stats.memory.free == 23450872ULL * 1024);
        CHECK(stats.memory.available == 23963620ULL * 1024);
        CHECK(stats.memory.used == (24684084ULL - 23963620) * 1024);
        const auto tick = 1'000'000'000 / hz;
        CHECK(stats.cpu.user == (60975 + 25) * tick);
        CHECK(stats.cpu.system == (8137 + 3 + 46) * tick);
        CHECK(stats.cpu.idle == (48849 + 270) * tick);
        CHECK(stats.disk.total + stats.disk.free + stats.disk.available == 0);
    }
    proc.write("meminfo", "MemTotal: 5 kB\nMemFree: 1 kB\nMemAvailable: 6 kB\n");
    CHECK(proc.open().system_stats(nullptr).value().memory.used == 0);
}

TEST_CASE("256 processors and their interrupts and the first line is the sum") {
    const FakeProc proc;
    std::string text = "cpu  18446744073 1 2 3 4 5 6 7 8 9\n";
    for (int cpu = 0; cpu < 256; ++cpu) text += "cpu" + std::to_string(cpu) + " 1000000000 1 1 1 1 1 1 1 1 1\n";
    text += "intr 343940";
    for (int interrupt = 0; interrupt < 100'000; ++interrupt) text += " 12345";
    proc.write("stat", text + "\nctxt 1\n");
    const auto stats = proc.open({.ticks_per_second = 100}).system_stats(nullptr).value();
    CHECK(stats.cpu.user == 18446744074ULL * 10'000'000);
    CHECK(stats.cpu.system == 13 * 10'000'000);   // 2 + 5 + 6
    CHECK(stats.cpu.idle == 7 * 10'000'000);
}

TEST_CASE("what is wrong with the files of the machine is an error") {
    for (const std::string& text :
         {std::string(), std::string("\n"), std::string("cpu  1 2 3 4 5 6\n"), std::string("cpu  1 2 3 x 5 6 7\n"),
          std::string("cpu0 1 2 3 4 5 6 7\n"), std::string("cpu  1 2 3 4 5 6 7 8"),
          std::string("cpu  18446744073709551615 2 3 4 5 6 7 8\n"),
          "cpu  1 2 3 4 5 6" + std::string(2030, ' ') + "12345 8\n"}) {
        CAPTURE(text);
        const FakeProc proc;
        proc.write("stat", text);
        CHECK(proc.open().system_stats(nullptr).error() == errc::malformed_procfs);
    }
    for (const std::string text : {"", "MemTotal: 5 kB\n", "MemTotal: 5 kB\nMemFree: 5 kB\nMemAvailable: 5\n"}) {
        CAPTURE(text);
        const FakeProc proc;
        proc.write("meminfo", text);
        CHECK(proc.open().system_stats(nullptr).error() == errc::malformed_procfs);
    }
    for (const std::string file : {"stat", "meminfo"}) {
        const FakeProc proc;
        std::filesystem::remove(proc.root / file);
        CHECK(proc.open().system_stats(nullptr).error() == std::errc::no_such_file_or_directory);
    }
}

TEST_CASE("where no procfs is nobody knows whether there is such a process") {
    CHECK(detail::Procfs::open("/no such directory").error() == std::errc::no_such_file_or_directory);
    CHECK(detail::Procfs::open("/proc/self/stat").error() == std::errc::not_a_directory);
    const FakeProc proc;
    CHECK(proc.open().process_stats(77, StatsField::all).error() == errc::no_such_process);
    CHECK(pids(view_of(proc)).empty());
    std::filesystem::remove(proc.root / "self");
    for (const pid_t pid : {0, 77})
        CHECK(proc.open().process_stats(pid, StatsField::all).error() == std::errc::no_such_file_or_directory);
    CHECK(detail::processes(proc.open(), StatsField::all).error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("a pid that is 0 is what self says under the id that /proc knows") {
    const FakeProc proc;   // as that of another pid namespace, where the caller is 1
    (void)proc.add(1);
    for (const auto fields : {StatsField::all, StatsField::memory, StatsField::oom, StatsField::identity}) {
        const auto stats = proc.open().process_stats(0, fields).value();
        CHECK(stats.pid == 1);
        CHECK(proc.open().process_stats(stats.pid, fields).value().start_ns == stats.start_ns);
    }
    CHECK(proc.open().process_stats(0, StatsField::all).value().name() == "sleep");
    proc.write("1/smaps_rollup",
               "Pss: 1 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 1 kB\nLazyFree: 1 kB\nAnonHugePages: 1 kB\n");
    CHECK(proc.open().process_detail(0).value().base.pid == 1);
    CHECK(proc.open().process_stats(-1, StatsField::all).error() == errc::no_such_process);
}

TEST_CASE("lists and sums leave errno and the descriptors as they were") {
    const FakeProc proc;
    for (const int pid : {3, 4, 5}) (void)proc.add(pid);
    std::filesystem::remove(proc.root / "4" / "status");
    const auto before = support::open_descriptors();
    {
        errno = 42;
        const auto procfs = proc.open();
        (void)procfs.system_totals();
        (void)procfs.system_stats("/no such directory");
        (void)procfs.process_stats(99, StatsField::all);
        CHECK(errno == 42);
        auto view = view_of(proc);
        const auto i = view.begin();
        view = {};
        CHECK(i->pid == 3);   // an iterator outlives its view
        CHECK(support::open_descriptors() == before + 2);
    }
    CHECK(support::open_descriptors() == before);
}
