// SPDX-License-Identifier: MIT
// Hazard: the parts of a process's address space do not sum up to what it has reserved, or one is called by another's name;
// zero pages are taken for memory or for untouched; another user's process looks empty instead of unreadable.
#include "tamalloc/mappings.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <concepts>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "manual_proc.hpp"
#include "support.hpp"

using tamalloc::errc;
using tamalloc::Mapping;
using tamalloc::MappingKind;
using tamalloc::mappings;
using tamalloc::MappingView;

static_assert(std::ranges::view<MappingView> && std::ranges::input_range<const MappingView>);
static_assert(std::ranges::borrowed_range<MappingView> && !std::ranges::forward_range<MappingView>);
static_assert(std::default_initializable<MappingView> && std::copyable<MappingView>);
static_assert(std::same_as<std::ranges::range_value_t<MappingView>, Mapping>);
static_assert(name_of(MappingKind::none) == "none" && name_of(MappingKind::other) == "other");

namespace {

const std::size_t area_size = 16'384 * support::page;

// Anonymous memory, single pages.
class Area {
public:
    Area(int protection, int flags)
        : data_(static_cast<std::byte*>(
              ::mmap(nullptr, area_size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0))) {
        REQUIRE(data_ != MAP_FAILED);
        ::madvise(data_, area_size, MADV_NOHUGEPAGE);
    }
    Area(const Area&) = delete;
    Area& operator=(const Area&) = delete;
    ~Area() { ::munmap(data_, area_size); }

    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::uint64_t first() const { return reinterpret_cast<std::uintptr_t>(data_); }
    [[nodiscard]] std::uint64_t last() const { return first() + area_size; }

    // Its mappings: neighbours that are alike are one, and it may have been merged with others.
    [[nodiscard]] std::vector<Mapping> found() const {
        const auto view = mappings().value();
        std::vector<Mapping> all;
        for (const auto& m : view)
            if (m.first < last() && m.last > first()) all.push_back(m);
        CHECK(!view.error());
        return all;
    }

private:
    std::byte* data_;
};

// Stopped, or waiting for its end.
class Sleeper {
public:
    Sleeper() : pid(::fork()) {
        if (pid == 0) {
            std::raise(SIGSTOP);
            while (true) ::pause();
        }
        REQUIRE(pid > 0);
        ::waitpid(pid, nullptr, WUNTRACED);
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    ~Sleeper() { end(); }

    void end() {
        if (std::exchange(ended_, true)) return;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    pid_t pid;

private:
    bool ended_ = false;
};

}   // namespace

TEST_CASE("an area is of the kind that it was asked for") {
    const Area none(PROT_NONE, 0), noreserve(PROT_READ | PROT_WRITE, MAP_NORESERVE), charged(PROT_READ | PROT_WRITE, 0);
    for (const auto& m : none.found()) CHECK(m.kind == MappingKind::none);
    for (const auto& m : charged.found()) {
        CHECK(m.kind == MappingKind::charged);
        CHECK(m.accounted);
    }
    const bool never_overcommits = support::vm_flags(noreserve.data()).find(" nr") == std::string::npos;
    for (const auto& m : noreserve.found())
        CHECK(m.kind == (never_overcommits ? MappingKind::charged : MappingKind::noreserve));
}

TEST_CASE("what is written is resident, and what is only read is zero pages") {
    if (!support::asserts_residency) return support::skip("residency is not asserted in this build");
    const Area area(PROT_READ | PROT_WRITE, MAP_NORESERVE);
    constexpr std::size_t written = 5, read = 7;
    for (std::size_t i = 0; i < written; ++i) area.data()[2 * i * support::page] = std::byte{1};
    for (std::size_t i = 0; i < read; ++i) (void)support::read(area.data() + area_size / 2 + 3 * i * support::page);
    std::uint64_t resident = 0, uss = 0;
    for (const auto& m : area.found()) resident += m.resident, uss += m.uss;
    CHECK(resident >= written * support::page);
    CHECK(resident < (written + 1) * support::page + area_size / 100);   // a neighbour that it was merged with
    CHECK(uss <= resident);
    const auto view = mappings().value();
    const auto zero = view.zero_mapped(area.first(), area.last());
    if (!zero && zero.error() == errc::unsupported) return support::skip("this kernel has no PAGEMAP_SCAN");
    CHECK(zero.value() == read * support::page);
    CHECK(view.zero_mapped(area.first(), area.first() + area_size / 2).value() == 0);
    CHECK(view.zero_mapped(area.first(), area.first()).value() == 0);
}

TEST_CASE("more zero pages than one question can be answered with are all counted") {
    if (!support::asserts_residency) return support::skip("residency is not asserted in this build");
    const Area area(PROT_READ | PROT_WRITE, MAP_NORESERVE);
    constexpr std::size_t pages = 3000;   // apart from one another
    for (std::size_t i = 0; i < pages; ++i) (void)support::read(area.data() + 2 * i * support::page);
    const auto zero = mappings().value().zero_mapped(area.first(), area.last());
    if (!zero && zero.error() == errc::unsupported) return support::skip("this kernel has no PAGEMAP_SCAN");
    CHECK(zero.value() == pages * support::page);
}

TEST_CASE("the mappings of a process that stands still are in order and sum up to its figures") {
    const Sleeper sleeper;
    const support::Manual manual(sleeper.pid);
    const auto view = mappings(sleeper.pid).value();
    std::uint64_t size = 0, swap = 0, resident = 0, before = 0;
    for (const auto& m : view) {
        CHECK(m.first >= before);
        CHECK(m.resident <= m.size());
        CHECK(m.pss <= m.resident);
        before = m.last;
        size += m.size();
        swap += m.swap;
        resident += m.resident;
    }
    CHECK(!view.error());
    CHECK(size == manual.kib("VmSize"));
    CHECK(swap == manual.kib("VmSwap"));
    // The kernel's counter lags by a batch a processor, or 64 pages a thread before Linux 6.2.
    const auto lag = 3 * std::max<std::uint64_t>(64, 64 * std::thread::hardware_concurrency()) * support::page;
    CHECK(resident <= manual.kib("VmRSS") + lag);
    CHECK(manual.kib("VmRSS") <= resident + lag);
}

TEST_CASE("each begin reads anew, and copies of an iterator go on together") {
    const auto view = mappings().value();
    const auto count = std::ranges::distance(view);
    CHECK(count > 5);
    {
        const Area area(PROT_NONE, 0);
        CHECK(std::ranges::any_of(view,
                                  [&](const Mapping& m) { return m.first <= area.first() && m.last >= area.last(); }));
    }
    auto first = view.begin();
    const auto copy = first;
    const auto address = first->first;
    ++first;
    CHECK(copy->first == first->first);
    CHECK(copy->first > address);
    CHECK(std::ranges::distance(MappingView()) == 0);
    CHECK(MappingView().zero_mapped(0, 1 << 20).value() == 0);
    const Sleeper sleeper;
    const auto still = mappings(sleeper.pid).value();
    std::uint64_t by_hand = 0, by_view = 0;
    for (const auto& m : still)
        if (m.kind == MappingKind::none) by_hand += m.size();
    for (const auto size : still | std::views::filter([](const Mapping& m) { return m.kind == MappingKind::none; }) |
                               std::views::transform(&Mapping::size))
        by_view += size;
    CHECK(by_view == by_hand);
}

TEST_CASE("who is not there has no mappings, a thread is no process, and who ends meanwhile shows it") {
    CHECK(mappings(-1).error() == errc::no_such_process);
    CHECK(mappings(1 << 30).error() == errc::no_such_process);
    std::thread([] {
        CHECK(mappings(static_cast<pid_t>(::syscall(SYS_gettid))).error() == errc::no_such_process);
        CHECK(std::ranges::distance(mappings().value()) > 5);
    }).join();
    Sleeper sleeper;
    const auto view = mappings(sleeper.pid).value();
    CHECK(std::ranges::distance(view) > 5);
    sleeper.end();
    CHECK(std::ranges::distance(view) == 0);
    CHECK(view.error() == errc::no_such_process);
    CHECK(mappings(sleeper.pid).error() == errc::no_such_process);
    CHECK(mappings(0, "/nowhere").error() == std::error_code(ENOENT, std::system_category()));
}

TEST_CASE("another user's process is unreadable, not empty") {
    if (::geteuid() != 0) return support::skip("needs root, to become somebody else");
    const auto parent = ::getpid();
    CHECK(support::in_child([parent] {
              if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) return 77;
              const auto view = mappings(parent).value();
              if (std::ranges::distance(view) != 0) return 1;
              if (view.error() != std::errc::permission_denied) return 2;
              return view.zero_mapped(0, 4096).error() == std::errc::permission_denied ? 0 : 3;
          }) == 0);
}
