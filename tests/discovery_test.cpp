// SPDX-License-Identifier: MIT
// Hazard: a program calls a number that belongs to another system call, or believes in calls that a filter refuses, and
// then fails where any other program works; or it reports a back-end other than the one its pages come from.
#include "tamalloc/discovery.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake_kernel.hpp"
#include "support.hpp"
#include "tamalloc/system_source.hpp"

namespace detail = tamalloc::detail;
using detail::Why;
using support::Checks;
using support::fake_kernel;
using support::on_fake_kernel;
using tamalloc::Backend;

static_assert(noexcept(tamalloc::backend()));
static_assert(detail::reason_of({.why = Why::by_prctl}) == "prctl(2) told the numbers of the tamalloc system calls");
static_assert(detail::reason_of({.why = Why::absent, .wish = detail::Wish::syscall}) ==
              "TAMALLOC_BACKEND=syscall, but this kernel has no tamalloc system calls");

namespace {

// Files as those of /sys/kernel/mm/tamalloc.
class FakeSysfs {
public:
    FakeSysfs() {
        auto pattern = (std::filesystem::temp_directory_path() / "tamalloc.XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
        const std::array<const char*, 6> values{"2\n", "1560\n", "1561\n", "1562\n", "1563\n", "1564\n"};
        for (std::size_t i = 0; i != values.size(); ++i) write(detail::sysfs_files.at(i), values.at(i));
    }
    FakeSysfs(const FakeSysfs&) = delete;
    FakeSysfs& operator=(const FakeSysfs&) = delete;
    ~FakeSysfs() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    void write(const char* file, std::string_view text) const { std::ofstream(root_ / file) << text; }
    void remove(const char* file) const { std::filesystem::remove(root_ / file); }
    [[nodiscard]] const char* root() const { return root_.c_str(); }

private:
    std::filesystem::path root_;
};

constexpr const char* no_sysfs = "/no such directory";

int calls_made() {
    int all = 0;
    for (const auto& used : fake_kernel.used) all += used;
    return all;
}

Why why_of(const detail::FoundCalls& found, std::size_t call) {
    return call < TAMALLOC_CALL_TAMSTAT ? found.memory.why : found.statistics.why;
}

}   // namespace

TEST_CASE("backend() names the back-end of SystemSource and says why") {
    const auto info = tamalloc::backend();
    CHECK(info.backend == tamalloc::SystemSource::active());
    CHECK(!info.reason.empty());
    CHECK(info.reason == tamalloc::backend().reason);
    const char* const wish = std::getenv("TAMALLOC_BACKEND");
    const bool offered = ::prctl(PR_TAMALLOC, PR_TAMALLOC_ABI, 0UL, 0UL, 0UL) >= TAMALLOC_ABI_VERSION;
    if (wish != nullptr && std::string_view(wish) == "mmap") CHECK(info.backend == Backend::mmap);
    else CHECK((info.backend == Backend::kernel) == (offered && TAMALLOC_NO_SYSCALL == 0));
}

TEST_CASE("the calls are found by prctl, once, and by the children as well") {
    on_fake_kernel([](Checks& check) {
        errno = 42;
        check(tamalloc::backend().backend == Backend::kernel);
        check(errno == 42);
        check(tamalloc::backend().reason == detail::reason_of({.why = Why::by_prctl}));
        check(detail::memory_calls().numbers == std::array<std::uint16_t, 3>{1560, 1561, 0});
        check(detail::statistics_calls().numbers == std::array<std::uint16_t, 3>{1562, 1563, 1564});
        const int asked = fake_kernel.asked, used = calls_made();
        check(used == 5);   // one harmless call each
        check(support::in_child([] {
                  return tamalloc::backend().backend == Backend::kernel ? fake_kernel.asked.load() : -1;
              }) == asked);
        check(detail::statistics_calls().usable());
        check(fake_kernel.asked == asked && calls_made() == used);
    });
}

TEST_CASE("a number that answers anything but EINVAL to what is invalid is not used, nor those used with it") {
    for (std::size_t call = 0; call != support::fake_calls; ++call) {
        for (const int answer : {EPERM, ENOSYS, EFAULT, ENOMEM, -1}) {
            CAPTURE(call);
            CAPTURE(answer);
            on_fake_kernel([=](Checks& check) {
                fake_kernel.answers.at(call) = answer;
                const auto why = answer == EPERM || answer == ENOSYS ? Why::refused : Why::foreign;
                const bool memory = call < TAMALLOC_CALL_TAMSTAT;
                check(why_of(detail::find_calls(no_sysfs), call) == why);
                check(detail::memory_calls().usable() == !memory);
                check(detail::statistics_calls().usable() == memory);
                check(tamalloc::backend().backend == (memory ? Backend::mmap : Backend::kernel));
                check(tamalloc::backend().reason == detail::reason_of({.why = memory ? why : Why::by_prctl}));
            });
        }
    }
}

TEST_CASE("a number that belongs to another call is not used") {
    for (std::size_t call = 0; call != support::fake_calls; ++call) {
        CAPTURE(call);
        on_fake_kernel([call](Checks& check) {
            fake_kernel.numbers.at(call) = SYS_getppid;
            check(why_of(detail::find_calls(no_sysfs), call) == Why::foreign);
        });
    }
}

TEST_CASE("a number that is missing or impossible is not called") {
    for (std::size_t call = 0; call != support::fake_calls; ++call) {
        for (const long number : {0L, -5L, 65536L, 0x7fffffffL}) {
            CAPTURE(call);
            CAPTURE(number);
            on_fake_kernel([=](Checks& check) {
                fake_kernel.numbers.at(call) = number;
                check(why_of(detail::find_calls(no_sysfs), call) == Why::incomplete);
                check(calls_made() == (call < TAMALLOC_CALL_TAMSTAT ? 3 : 2));   // those of the other group
            });
        }
    }
}

TEST_CASE("an older version of the interface is not used, a later one is") {
    for (const int version : {1, 2, 3, 1000}) {
        CAPTURE(version);
        on_fake_kernel([version](Checks& check) {
            fake_kernel.version = version;
            const auto found = detail::find_calls(no_sysfs);
            check(found.memory.why == (version < 2 ? Why::other_version : Why::by_prctl));
            check(found.statistics.why == found.memory.why);
            check(calls_made() == (version < 2 ? 0 : 5));
        });
    }
}

TEST_CASE("a kernel without the calls is asked for them and gets none") {
    on_fake_kernel([](Checks& check) {
        fake_kernel.version = 0;
        check(detail::find_calls(no_sysfs).memory.why == Why::absent);
        check(detail::find_calls(no_sysfs).statistics.why == Why::absent);
        check(fake_kernel.asked == 2);
        check(calls_made() == 0);
    });
}

TEST_CASE("where prctl is refused, sysfs tells") {
    const FakeSysfs sysfs;
    on_fake_kernel([&sysfs](Checks& check) {
        fake_kernel.prctl_error = EPERM;
        const auto found = detail::find_calls(sysfs.root());
        check(found.memory.why == Why::by_sysfs && found.statistics.why == Why::by_sysfs);
        detail::publish(detail::memory_calls_found, found.memory);
        check(tamalloc::backend().backend == Backend::kernel);
        check(tamalloc::backend().reason == "sysfs told the numbers of the tamalloc system calls");
        const tamalloc::SystemSource source;
        const int before = fake_kernel.used[TAMALLOC_CALL_TAMALLOC2];
        const auto block = source.map(support::page, 1);
        check(block.has_value() && fake_kernel.used[TAMALLOC_CALL_TAMALLOC2] == before + 1);
        fake_kernel.answers[TAMALLOC_CALL_TAMSTAT_TOTAL] = ENOSYS;   // these are tried as well
        check(detail::find_calls(sysfs.root()).statistics.why == Why::refused);
        check(detail::find_calls(no_sysfs).memory.why == Why::untold);
    });
    // That is not a refusal, but what a kernel without the calls says, and one with them to a program of another word size.
    on_fake_kernel([&sysfs](Checks& check) {
        fake_kernel.prctl_error = EINVAL;
        check(detail::find_calls(sysfs.root()).memory.why == Why::absent && calls_made() == 0);
    });
}

TEST_CASE("what sysfs says is not believed when it is no number of a call") {
    for (const char* const text :
         {"", "\n", "0\n", "-1560\n", "65536\n", "99999999999999999999999\n", "1560", "1560 x\n", "0x618\n", "abc\n",
          "1560\n1561\n", "15600000000000000000000000000000000000000\n"}) {
        CAPTURE(text);
        for (const char* const file : detail::sysfs_files) {
            CAPTURE(file);
            const FakeSysfs sysfs;
            sysfs.write(file, text);
            on_fake_kernel([&](Checks& check) {
                fake_kernel.prctl_error = EACCES;
                const auto found = detail::find_calls(sysfs.root());
                const std::string_view name = file;
                if (name == "abi_version" && std::string_view(text) == "65536\n")
                    return check(found.memory.why == Why::by_sysfs);   // a number of a version
                if (name == "abi_version") return check(found.memory.why == Why::untold && calls_made() == 0);
                const bool memory = name.starts_with("nr_tamalloc");
                check((memory ? found.memory : found.statistics).why == Why::incomplete);
                check((memory ? found.statistics : found.memory).why == Why::by_sysfs);
            });
        }
    }
    const FakeSysfs sysfs;
    sysfs.remove("nr_tamalloc_rezero");
    on_fake_kernel([&](Checks& check) {
        fake_kernel.prctl_error = EACCES;
        check(detail::find_calls(sysfs.root()).memory.why == Why::incomplete);
    });
}

TEST_CASE("TAMALLOC_BACKEND is obeyed, and what it cannot have is said") {
    const auto backend_with = [](const char* wish, bool calls, std::string_view reason) {
        CAPTURE(wish);
        CAPTURE(reason);
        on_fake_kernel([=](Checks& check) {
            if (!calls) fake_kernel.version = 0;
            ::setenv("TAMALLOC_BACKEND", wish, 1);
            const bool told_not_to = std::string_view(wish) == "mmap";
            const auto found = detail::find_calls(no_sysfs);
            detail::publish(detail::memory_calls_found, found.memory);
            detail::publish(detail::statistics_calls_found, found.statistics);
            check(tamalloc::backend().reason == reason);
            check(tamalloc::backend().backend == (calls && !told_not_to ? Backend::kernel : Backend::mmap));
            check(detail::statistics_calls().usable() == (calls && !told_not_to));
            if (told_not_to) check(fake_kernel.asked == 0 && calls_made() == 0);
        });
    };
    const std::string found = "prctl(2) told the numbers of the tamalloc system calls",
                      absent = "this kernel has no tamalloc system calls",
                      unknown = "TAMALLOC_BACKEND is not auto, mmap or syscall; ";
    for (const char* const wish : {"", "auto"}) {
        backend_with(wish, true, found);
        backend_with(wish, false, absent);
    }
    backend_with("syscall", true, found);
    backend_with("syscall", false, "TAMALLOC_BACKEND=syscall, but " + absent);
    backend_with("mmap", true, "TAMALLOC_BACKEND=mmap");
    backend_with("mmap", false, "TAMALLOC_BACKEND=mmap");
    for (const char* const wish : {"MMAP", "kernel", "mmap ", "1"}) {
        backend_with(wish, true, unknown + found);
        backend_with(wish, false, unknown + absent);
    }
}

TEST_CASE("threads that ask first at the same time get the same answer") {
    on_fake_kernel([](Checks& check) {
        for (int round = 0; round < 20; ++round) {
            detail::memory_calls_found = detail::CallGroup{};
            detail::statistics_calls_found = detail::CallGroup{};
            std::atomic<int> waiting = 8, wrong = 0;
            std::vector<std::thread> threads;
            for (int i = 0; i < 8; ++i)
                threads.emplace_back([&, i] {
                    --waiting;
                    while (waiting != 0) std::this_thread::yield();
                    const auto calls = i % 2 == 0 ? detail::memory_calls() : detail::statistics_calls();
                    const auto first = i % 2 == 0 ? 1560 : 1562;
                    if (!calls.usable() || calls.numbers[0] != first || calls.numbers[1] != first + 1) ++wrong;
                });
            for (auto& thread : threads) thread.join();
            check(wrong == 0);
        }
    });
}

TEST_CASE("calls that are taken back stay so, and the reason says it") {
    on_fake_kernel([](Checks& check) {
        check(tamalloc::backend().backend == Backend::kernel);
        detail::withdraw(detail::memory_calls_found);
        check(tamalloc::backend().backend == Backend::mmap);
        check(tamalloc::backend().reason == "the tamalloc system calls worked at first and are refused since");
        check(detail::statistics_calls().usable());
        const int asked = fake_kernel.asked;
        check(!detail::memory_calls().usable() && fake_kernel.asked == asked);
        // A thread that looked at the same time comes too late.
        detail::publish(detail::memory_calls_found, detail::find_calls().memory);
        check(!detail::memory_calls().usable());
    });
    on_fake_kernel([](Checks& check) {
        ::setenv("TAMALLOC_BACKEND", "syscall", 1);
        check(detail::memory_calls().usable());
        detail::withdraw(detail::memory_calls_found);
        check(tamalloc::backend().reason.starts_with("TAMALLOC_BACKEND=syscall, but "));
    });
}
