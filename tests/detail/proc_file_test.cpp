// SPDX-License-Identifier: MIT
// Hazard: a file of /proc is longer than the buffer, cut off, interrupted by a signal or not as documented, and a wrong
// number comes out of it instead of an error.
#include "tamalloc/detail/proc_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "fake_proc.hpp"

namespace detail = tamalloc::detail;
using support::FakeProc;

namespace {

template<class T> std::string taken(std::string_view text) {
    T number{};
    return detail::take_number(text, number) ? std::to_string(number) + "|" + std::string(text) : "no";
}

std::vector<std::string> lines_of(const FakeProc& proc, const char* name, std::error_code& error) {
    const detail::Descriptor file(AT_FDCWD, (proc.root / name).c_str(), 0);
    detail::LineReader reader(file);
    std::vector<std::string> lines;
    for (std::string_view line; reader.next(line);) lines.emplace_back(line);
    error = reader.error();
    return lines;
}

void on_alarm(int) {}

}   // namespace

TEST_CASE("a number is digits that end at a blank and fits") {
    CHECK(taken<std::uint64_t>("12 34") == "12| 34");
    CHECK(taken<std::uint64_t>(" \t 12") == "12|");
    CHECK(taken<std::uint64_t>("18446744073709551615\n") == "18446744073709551615|\n");
    CHECK(taken<std::uint64_t>("18446744073709551616") == "no");
    CHECK(taken<std::uint64_t>("-1") == "no");
    CHECK(taken<int>("-1000\n") == "-1000|\n");
    CHECK(taken<int>("2147483648") == "no");
    for (const std::string text : {"", " ", "x", "12x", "12.5", "+1", "0x10"}) {
        CAPTURE(text);
        CHECK(taken<std::uint64_t>(text) == "no");
    }
}

TEST_CASE("arithmetic tells when it does not fit") {
    std::uint64_t product = 0;
    CHECK(detail::multiply(1ULL << 47, 1ULL << 16, product));
    CHECK(product == 1ULL << 63);
    CHECK_FALSE(detail::multiply(1ULL << 48, 1ULL << 16, product));
    CHECK(detail::saturating_sum(1, 2) == 3);
    CHECK(detail::saturating_sum(~0ULL, 1) == ~0ULL);
}

TEST_CASE("a file of one line is read whole or not at all") {
    const FakeProc proc;
    std::array<char, 16> buffer{};
    const auto read = [&](std::string_view text) {
        proc.write("line", text);
        return detail::read_line({AT_FDCWD, (proc.root / "line").c_str(), 0}, buffer);
    };
    CHECK(read("123 456\n").value() == "123 456\n");
    CHECK(read("a\nb c\n").value() == "a\nb c\n");
    CHECK(read("123456789012345\n").value() == "123456789012345\n");
    for (const std::string text : {"", "123", "123 456", "1234567890123456\n"}) {
        CAPTURE(text);
        CHECK(read(text).error() == tamalloc::errc::malformed_procfs);
    }
    CHECK(detail::read_line({AT_FDCWD, (proc.root / "none").c_str(), 0}, buffer).error() ==
          std::errc::no_such_file_or_directory);
    CHECK(detail::read_line({AT_FDCWD, (proc.root / "sys").c_str(), 0}, buffer).error() == std::errc::is_a_directory);
}

TEST_CASE("lines come out whole whatever their lengths and only those longer than the buffer are cut") {
    const FakeProc proc;
    for (const std::size_t length : {0U, 1U, 2000U, 2046U, 2047U, 2048U, 2049U, 4095U, 4096U, 4097U, 700'000U}) {
        CAPTURE(length);
        const std::string odd(length, 'x');
        std::string text = "first\n";
        text.append(odd).append("\nsecond\n").append(odd).append("\n\nthird\n");
        proc.write("lines", text);
        std::error_code error;
        const auto lines = lines_of(proc, "lines", error);
        CHECK_FALSE(error);
        const auto cut = odd.substr(0, 2048);
        CHECK(lines == std::vector<std::string>{"first", cut, "second", cut, "", "third"});
    }
}

TEST_CASE("a last line without its end is an error short or long") {
    const FakeProc proc;
    for (const std::size_t length : {1U, 2047U, 2048U, 10'000U}) {
        CAPTURE(length);
        proc.write("lines", "first\n" + std::string(length, 'x'));
        std::error_code error;
        CHECK(lines_of(proc, "lines", error).front() == "first");
        CHECK(error == tamalloc::errc::malformed_procfs);
    }
    proc.write("lines", "");
    std::error_code error;
    CHECK(lines_of(proc, "lines", error).empty());
    CHECK_FALSE(error);
}

TEST_CASE("figures are found at the start of lines only and kB are bytes") {
    const FakeProc proc;
    std::array<detail::Figure, 2> figures{{{"VmSize:", true}, {"Tgid:"}}};
    const auto read = [&](std::string_view text) {
        figures = {{{"VmSize:", true}, {"Tgid:"}}};
        proc.write("figures", text);
        return detail::read_figures({AT_FDCWD, (proc.root / "figures").c_str(), 0}, figures);
    };
    CHECK_FALSE(read("Name: VmSize: 1 kB\nXVmSize: 2 kB\nTgid:\t7\t8\nVmSize:\t    3 kB\nVmSize: 4 kB\n"));
    CHECK(figures[0].value == 3 * 1024);
    CHECK(figures[1].value == 7);
    CHECK(detail::all_found(figures));
    CHECK_FALSE(read("Tgid: 7\nTgid: 8\nTgid: x\nVmSize: 3 kB\n"));   // the first counts
    CHECK(figures[0].value == 3 * 1024);
    CHECK(figures[1].value == 7);
    CHECK_FALSE(read("VmSize:\t18014398509481983 kB\n"));
    CHECK(figures[0].value == 18014398509481983ULL * 1024);
    CHECK_FALSE(figures[1].found);
    for (const std::string text :
         {"VmSize: 18014398509481984 kB\n", "VmSize: 3\n", "VmSize: 3 MB\n", "VmSize: 3 kB \n", "VmSize:\n",
          "VmSize: x kB\n", "VmSize: -3 kB\n", "VmSize: 3 kB", "Tgid: 99999999999999999999\n"}) {
        CAPTURE(text);
        CHECK(read(text) == tamalloc::errc::malformed_procfs);
    }
}

TEST_CASE("a figure that reaches the end of the buffer is malformed since it may go on") {
    const FakeProc proc;
    constexpr std::size_t buffer = 2048;
    for (const std::string tail : {"1000", "1000 kB"})
        for (std::size_t blanks = buffer - 20; blanks < buffer + 20; ++blanks) {
            const bool kib = tail.size() > 4;
            std::array<detail::Figure, 2> figures{{{"Uid:", kib}, {"Threads:"}}};
            proc.write("figures", "Uid:" + std::string(blanks, ' ') + tail + "\nThreads:\t1\n");
            const auto error = detail::read_figures({AT_FDCWD, (proc.root / "figures").c_str(), 0}, figures);
            CAPTURE(blanks);
            const bool fits = 4 + blanks + tail.size() < buffer;
            CHECK(error == (fits ? std::error_code() : make_error_code(tamalloc::errc::malformed_procfs)));
            if (!error) CHECK(figures[0].value == (kib ? 1000 * 1024 : 1000));
        }
    std::array<detail::Figure, 1> figures{{{"Uid:"}}};
    proc.write("figures", "Uid:\t1000\t" + std::string(10'000, '1') + "\n");   // what is cut is not the figure
    CHECK_FALSE(detail::read_figures({AT_FDCWD, (proc.root / "figures").c_str(), 0}, figures));
    CHECK(figures[0].value == 1000);
}

TEST_CASE("the entries named by ids are found whatever else is there and until one is enough") {
    const FakeProc proc;
    constexpr int count = 1000;
    for (int id = 1; id <= count; ++id) proc.write(std::to_string(id), "");
    for (const std::string name : {"0", "-1", "12x", "x12", "99999999999", "+5"}) proc.write(name, "");
    const detail::Descriptor directory(AT_FDCWD, proc.root.c_str(), O_DIRECTORY);
    std::vector<pid_t> ids;
    CHECK_FALSE(detail::for_each_id(directory.get(), [&](pid_t id) {
        ids.push_back(id);
        return true;
    }));
    std::ranges::sort(ids);
    CHECK(ids.size() == count);
    CHECK(ids.front() == 1);
    CHECK(ids.back() == count);
    CHECK(std::ranges::adjacent_find(ids) == ids.end());
    const detail::Descriptor again(AT_FDCWD, proc.root.c_str(), O_DIRECTORY);
    int calls = 0;
    CHECK_FALSE(detail::for_each_id(again.get(), [&](pid_t) { return ++calls < 3; }));
    CHECK(calls == 3);
    CHECK(detail::for_each_id(-1, [](pid_t) { return true; }) == std::errc::bad_file_descriptor);
    CHECK(std::string(detail::name_of(2147483647).data()) == "2147483647");
    CHECK(std::string(detail::name_of(-2147483647 - 1).data()) == "-2147483648");
}

TEST_CASE("signals interrupt neither opening nor reading") {
    const FakeProc proc;
    const auto fifo = proc.root / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    struct sigaction action{}, before{};
    action.sa_handler = on_alarm;   // no SA_RESTART
    ::sigaction(SIGALRM, &action, &before);
    // The writer leaves the signals to the reader, which waits for it twice.
    sigset_t alarms;
    ::sigemptyset(&alarms);
    ::sigaddset(&alarms, SIGALRM);
    ::pthread_sigmask(SIG_BLOCK, &alarms, nullptr);
    std::thread writer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        std::ofstream out(fifo);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        out << "42\n";
    });
    ::pthread_sigmask(SIG_UNBLOCK, &alarms, nullptr);
    const itimerval often{{0, 5000}, {0, 5000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    std::array<char, 16> buffer{};
    const auto line = detail::read_line({AT_FDCWD, fifo.c_str(), 0}, buffer);
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    const detail::Descriptor release(AT_FDCWD, fifo.c_str(), O_NONBLOCK);   // a writer that nobody waited for
    writer.join();
    ::sigaction(SIGALRM, &before, nullptr);
    CHECK(line.value() == "42\n");
}

TEST_CASE("a descriptor is closed once and not inherited by programs") {
    const auto before = support::open_descriptors();
    {
        detail::Descriptor file(AT_FDCWD, "/proc/self/stat", 0);
        CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
        const detail::Descriptor moved(std::move(file));
        CHECK(file.error() == EBADF);   // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): what it is now
        CHECK(support::open_descriptors() == before + 1);
    }
    CHECK(support::open_descriptors() == before);
}
