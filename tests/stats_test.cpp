// SPDX-License-Identifier: MIT
// Hazard: the figures differ from what the kernel says, belong to another process, or are half of one that just ended;
// and people size machines and kill processes by them. Or the reader itself leaks, allocates, or fails where one is
// gone.
#include "tamalloc/stats.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <ranges>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_kernel.hpp"
#include "fake_proc.hpp"
#include "manual_proc.hpp"
#include "support.hpp"

namespace detail = tamalloc::detail;
using support::Checks;
using support::fake_kernel;
using support::machine_bytes;
using support::Manual;
using support::page;
using tamalloc::errc;
using tamalloc::process_stats;
using tamalloc::ProcessStats;
using tamalloc::ProcessView;
using tamalloc::StatsField;

static_assert(std::ranges::view<ProcessView> && std::ranges::input_range<const ProcessView>);
static_assert(std::ranges::borrowed_range<ProcessView> && !std::ranges::forward_range<ProcessView>);
static_assert(std::default_initializable<ProcessView> && std::copyable<ProcessView>);
static_assert(std::same_as<std::ranges::range_value_t<ProcessView>, ProcessStats>);
template<class I>
concept HasCategory = requires { typename I::iterator_category; };
static_assert(!HasCategory<ProcessView::Iterator> && std::input_iterator<ProcessView::Iterator>);
static_assert(noexcept(process_stats()) && noexcept(tamalloc::system_totals()) && noexcept(tamalloc::system_stats()));
static_assert((StatsField::memory | StatsField::identity | StatsField::detail | StatsField::oom) == StatsField::all);
static_assert((StatsField::all & StatsField::oom) == StatsField::oom);
static_assert(ProcessStats{}.percentage() == 0 && ProcessStats{}.name().empty());
static_assert(ProcessStats{.reserved = 200, .committed = 50}.percentage() == 25);

namespace {

// How far the kernel's counters may lag while a process runs: three make up RSS, and each processor keeps back up to a
// batch of each (lib/percpu_counter.c).
std::uint64_t tolerance() {
    const auto cpus = static_cast<std::uint64_t>(::sysconf(_SC_NPROCESSORS_CONF));
    return 3 * std::max<std::uint64_t>(32, 2 * cpus) * cpus * page;
}

bool near(std::uint64_t a, std::uint64_t b, std::uint64_t slack) { return (a > b ? a - b : b - a) <= slack; }

// Where figures about a process come from here, and where they would come from without the calls. The module cannot tell
// a name that is no UTF-8.
tamalloc::Provenance without_calls(std::string_view name = {}) {
    const bool module = ::access("/proc/tamalloc/watch", R_OK | W_OK) == 0 && !name.starts_with('\xff');
    return module ? tamalloc::Provenance::module : tamalloc::Provenance::procfs;
}
tamalloc::Provenance provenance(std::string_view name = {}) {
    return detail::statistics_calls().usable() ? tamalloc::Provenance::kernel : without_calls(name);
}

void check_against_manual(const ProcessStats& stats, std::uint64_t slack = 0) {
    const Manual manual(stats.pid);
    CHECK(stats.filled == StatsField::all);
    CHECK(stats.from == provenance(stats.name()));
    CHECK(near(stats.reserved, manual.kib("VmSize"), slack));
    CHECK(near(stats.committed, manual.kib("VmRSS"), slack));
    CHECK(near(stats.peak_reserved, manual.kib("VmPeak"), slack));
    CHECK(near(stats.peak, manual.kib("VmHWM"), slack));
    CHECK(near(stats.swap, manual.kib("VmSwap"), slack));
    CHECK(near(stats.page_tables, manual.kib("VmPTE"), slack));
    CHECK(stats.parent == manual.number("PPid"));
    CHECK(stats.uid == static_cast<uid_t>(manual.number("Uid")));
    CHECK(stats.name() == manual.name());
    CHECK(stats.start_ns == manual.start_ns());
    CHECK(std::abs(stats.oom_score - manual.file("oom_score")) <= (slack == 0 ? 0 : 2));
    CHECK(stats.oom_score_adj == manual.file("oom_score_adj"));
}

// A child that does something and then stops, or waits for its end.
struct Child {
    template<class F> explicit Child(F f) : pid(::fork()) {
        if (pid == 0) {
            f();
            while (true) ::pause();
        }
        REQUIRE(pid > 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { end(); }

    void end() {
        if (std::exchange(ended, true)) return;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    void wait_until_stopped() const { ::waitpid(pid, nullptr, WUNTRACED); }
    // With all its threads, of which a sanitizer has more.
    void wait_until_zombie() const {
        siginfo_t info;
        ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
    }

    pid_t pid;
    bool ended = false;
};

void stop() { std::raise(SIGSTOP); }

std::vector<std::uint64_t> cpu_line() {
    std::ifstream file("/proc/stat");
    std::string key;
    file >> key;
    std::vector<std::uint64_t> ticks;
    for (std::uint64_t t = 0; ticks.size() < 7 && file >> t;) ticks.push_back(t);
    return ticks;
}

std::uint64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}   // namespace

TEST_CASE("a stopped child with one thread reads exactly as /proc says") {
    for (const std::string name :
         {"child", "a) S 1 (b", "VmSize:\t1 kB", "\nVmRSS: 1 kB", "\xff\xfe", " ", ")", "(("}) {
        CAPTURE(name);
        const Child child([&name] {
            ::prctl(PR_SET_NAME, name.c_str());
            std::vector<char> memory(10 << 20, 'x');
            memory.clear();
            memory.shrink_to_fit();   // so that the peak is above
            stop();
        });
        child.wait_until_stopped();
        const auto stats = process_stats(child.pid).value();
        check_against_manual(stats);
        CHECK(stats.pid == child.pid);
        CHECK(stats.parent == ::getpid());
        CHECK(stats.name() == name.substr(0, 15));
        CHECK(stats.start_ns <= now_ns());
        const auto memory = process_stats(child.pid, StatsField::memory).value();
        CHECK(memory.reserved == stats.reserved);
        CHECK(memory.committed == stats.committed);
        CHECK((memory.filled & StatsField::detail) == StatsField::detail);   // the same file
    }
}

TEST_CASE("memory that is written is committed and reserved memory is not") {
    if (!support::asserts_residency) return support::skip("sanitizers touch memory of their own");
    const auto grown = [](bool write) {
        const Child child([write] {
            stop();
            const std::size_t n = 64 << 20;
            auto* const p = static_cast<char*>(
                ::mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
            ::madvise(p, n, MADV_NOHUGEPAGE);
            for (std::size_t i = 0; write && i < n; i += page) p[i] = 1;
            stop();
        });
        child.wait_until_stopped();
        const auto before = process_stats(child.pid).value();
        ::kill(child.pid, SIGCONT);
        ::waitpid(child.pid, nullptr, WUNTRACED);
        const auto after = process_stats(child.pid).value();
        return std::pair(after.reserved - before.reserved, after.committed - before.committed);
    };
    const auto [reserved, committed] = grown(false);
    CHECK(reserved == 64 << 20);
    CHECK(committed < 1 << 20);
    CHECK(near(grown(true).second, 64 << 20, 1 << 20));
}

TEST_CASE("a child with running threads reads as /proc says within the lag of the counters") {
    constexpr std::size_t per_thread = 16, count = 4;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const Child child([&ready] {
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < count; ++i) {
            auto* const p = static_cast<char*>(
                ::mmap(nullptr, per_thread * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
            threads.emplace_back([p, &ready] {
                for (bool first = true;; first = false) {
                    for (std::size_t j = 0; j < per_thread; ++j) p[j * page] = 1;
                    ::madvise(p, per_thread * page, MADV_DONTNEED);
                    std::this_thread::sleep_for(std::chrono::microseconds(100));
                    if (first) (void)!::write(ready[1], "x", 1);   // the code is in memory, too
                }
            });
        }
        for (auto& thread : threads) thread.join();
    });
    char byte = 0;
    for (std::size_t i = 0; i < count; ++i) REQUIRE(::read(ready[0], &byte, 1) == 1);
    for (int i = 0; i < 20; ++i)
        check_against_manual(process_stats(child.pid).value(), tolerance() + count * per_thread * page);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("this process reads the same by 0 and by its id") {
    for (const pid_t pid : {0, ::getpid()}) {
        (void)Manual(::getpid());   // what it takes for the first time is there before it counts
        const auto stats = process_stats(pid).value();
        CHECK(stats.pid == ::getpid());
        CHECK(stats.parent == ::getppid());
        CHECK(stats.uid == ::getuid());
        CHECK(stats.reserved > stats.committed);
        CHECK(stats.committed > 0);
        CHECK(stats.peak >= stats.committed);
        check_against_manual(stats, tolerance());
    }
    CHECK(process_stats().value().start_ns == process_stats(::getpid()).value().start_ns);
}

TEST_CASE("a zombie has 0 bytes and still its name") {
    const Child child([] {
        ::prctl(PR_SET_NAME, "undead");
        ::_exit(0);
    });
    child.wait_until_zombie();
    const auto stats = process_stats(child.pid).value();
    check_against_manual(stats);
    CHECK(stats.name() == "undead");
    CHECK(stats.reserved + stats.committed + stats.peak_reserved + stats.peak + stats.swap + stats.page_tables == 0);
    CHECK(process_stats(child.pid, StatsField::memory).value().committed == 0);
    CHECK(process_stats(child.pid, StatsField::oom).value().oom_score == 0);
    CHECK(tamalloc::process_detail(child.pid).value().pss == 0);
}

TEST_CASE("a kernel thread has no memory of its own") {
    std::ifstream file("/proc/2/stat");
    std::string text;
    std::getline(file, text);
    if (!text.starts_with("2 (kthreadd)")) return support::skip("process 2 is no kernel thread here");
    for (const auto fields :
         {StatsField::memory, StatsField::identity, StatsField::detail, StatsField::oom, StatsField::all})
        CHECK(process_stats(2, fields).error() == errc::kernel_thread);
    CHECK(tamalloc::process_detail(2).error() == errc::kernel_thread);
}

TEST_CASE("a process that is gone or never was is std::errc::no_such_process") {
    Child child([] {});
    child.end();
    for (const pid_t pid : {child.pid, 1 << 30, 2147483647, -1, -2147483647 - 1}) {
        CAPTURE(pid);
        for (const auto fields : {StatsField::memory, StatsField::oom, StatsField::all}) {
            const auto stats = process_stats(pid, fields);
            REQUIRE_FALSE(stats.has_value());
            CHECK(stats.error() == std::errc::no_such_process);
            CHECK(stats.error() == errc::no_such_process);
        }
        CHECK(tamalloc::process_detail(pid).error() == std::errc::no_such_process);
    }
}

TEST_CASE("the id of a thread is no process") {
    pid_t id = 0;
    std::thread([&] {
        id = static_cast<pid_t>(::syscall(SYS_gettid));
        for (const auto fields :
             {StatsField::memory, StatsField::identity, StatsField::detail, StatsField::oom, StatsField::all})
            CHECK(process_stats(id, fields).error() == std::errc::no_such_process);
        CHECK(tamalloc::process_detail(id).error() == std::errc::no_such_process);
        CHECK(process_stats().value().pid == ::getpid());
    }).join();
    CHECK(id != ::getpid());
}

namespace {

constexpr std::size_t headless_bytes = 64 << 20;

// Ends the main thread, while another one does something and stays. Not pthread_exit, which would unwind the test.
template<class F> [[noreturn]] void end_main_thread(F f) {
    const pid_t main_thread = ::getpid();
    std::thread([f, main_thread] {
        auto* const p = static_cast<char*>(
            ::mmap(nullptr, headless_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (std::size_t i = 0; i < headless_bytes; i += page) p[i] = 1;
        while (Manual(main_thread).kib("VmSize") != 0) std::this_thread::yield();
        f();
        while (true) ::pause();
    }).detach();
    ::syscall(SYS_exit, 0);
    std::abort();
}

// A child whose main thread has ended.
class Headless {
public:
    Headless() : child_([this] { end_main_thread([this] { tell(); }); }) {
        char byte = 0;
        REQUIRE(::read(pipe_[0], &byte, 1) == 1);
        ::close(pipe_[0]);
        ::close(pipe_[1]);
    }
    [[nodiscard]] pid_t pid() const { return child_.pid; }

private:
    void tell() const {
        if (::write(pipe_[1], "x", 1) != 1) ::_exit(1);
    }

    std::array<int, 2> pipe_ = [] {
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        return ends;
    }();
    Child child_;
};

// What is wrong with what is said of such a process, 0 being the caller.
int check_headless(pid_t pid) {
    for (const auto fields : {StatsField::memory, StatsField::detail, StatsField::identity, StatsField::all}) {
        const auto stats = process_stats(pid, fields);
        if (!stats) return 1;
        if (stats->committed < headless_bytes || stats->reserved < stats->committed) return 2;
        if (stats->peak < headless_bytes || stats->page_tables == 0) return 3;
        if (fields == StatsField::all && (stats->filled != fields || stats->oom_score == 0)) return 4;
    }
    const auto detail = tamalloc::process_detail(pid);
    if (!detail) return detail.error() == errc::unsupported ? 0 : 5;
    return detail->pss >= headless_bytes && detail->private_dirty >= headless_bytes ? 0 : 6;
}

}   // namespace

TEST_CASE("a process whose main thread has ended has the memory of its other threads") {
    if (!support::asserts_residency) return support::skip("sanitizers touch memory of their own");
    const Headless process;
    CHECK(Manual(process.pid()).kib("VmSize") == 0);
    CHECK(check_headless(process.pid()) == 0);
    const auto view = tamalloc::processes(StatsField::memory).value();
    CHECK(std::ranges::count_if(view, [&](const ProcessStats& stats) {
              return stats.pid == process.pid() && stats.committed >= headless_bytes;
          }) == 1);
    CHECK(support::in_child([]() -> int { end_main_thread([] { ::_exit(check_headless(0)); }); }) == 0);
}

TEST_CASE("a process that becomes a zombie while it is read is all of one or all of the other") {
    std::size_t alive = 0, ended = 0;
    unsigned rounds = 0;
    for (const auto end = now_ns() + 1'000'000'000; now_ns() < end; ++rounds) {
        const Child child([rounds] {
            ::usleep(rounds % 8 * 100);
            ::_exit(0);
        });
        for (bool zombie = false; !zombie;) {
            const auto stats = process_stats(child.pid);
            if (!stats) FAIL(stats.error().message());
            if (stats->reserved != 0 && stats->oom_score == 0 && stats->oom_score_adj > -999)
                FAIL_CHECK("the score of a zombie");
            zombie = stats->reserved == 0;
            ++(zombie ? ended : alive);
            const auto detail = tamalloc::process_detail(child.pid);
            if (!detail && detail.error() == errc::unsupported) return support::skip("this kernel has no smaps_rollup");
            if (!detail) FAIL(detail.error().message());
            if (detail->base.reserved == 0 && detail->pss != 0) FAIL_CHECK("pages of a zombie");
        }
    }
    if (!support::sanitized) CHECK(alive > 0);   // with sanitizers, one reading takes longer than such a process
    CHECK(ended > 0);
}

TEST_CASE("a process that begins another program from another thread is there all the time") {
    if (support::sanitized) return support::skip("sanitizers slow it down too much");
    if (::access("/bin/sleep", X_OK) != 0) return support::skip("there is no /bin/sleep");
    std::size_t begun = 0;
    for (const auto end = now_ns() + 1'000'000'000; now_ns() < end; ++begun) {
        const Child child(
            [] { std::thread([] { ::execl("/bin/sleep", "sleep", "1000", static_cast<char*>(nullptr)); }).join(); });
        for (bool other = false; !other;) {
            const auto stats = process_stats(child.pid);
            if (!stats) FAIL(stats.error().message());
            if (stats->reserved == 0) FAIL("no memory for a moment");
            other = stats->name() == "sleep";
        }
    }
    CHECK(begun > 0);
}

#ifdef __GLIBC__
TEST_CASE("every function gets by with the least stack that a thread may have") {
    if (support::sanitized) return support::skip("sanitizers need a larger stack");
    const Headless headless;   // is read along a longer path, in the sums as well
    for (const pid_t pid : {0, headless.pid()}) {
        CAPTURE(pid);
        CHECK(support::with_little_stack([pid] { return process_stats(pid).has_value(); }) == 0);
        CHECK(support::with_little_stack([pid] {
                  const auto detail = tamalloc::process_detail(pid);
                  return detail || detail.error() == errc::unsupported;
              }) == 0);
    }
    CHECK(support::with_little_stack([] { return tamalloc::system_totals().has_value(); }) == 0);
    CHECK(support::with_little_stack([] { return tamalloc::system_stats().has_value(); }) == 0);
    CHECK(support::with_little_stack([] {
              const auto view = tamalloc::processes();
              return view && std::ranges::distance(*view) > 0;
          }) == 0);
}
#endif

TEST_CASE("another user's process is read and its pages are not") {
    if (::geteuid() != 0) {
        CHECK(process_stats(1).value().uid == Manual(1).number("Uid"));
        return support::skip("only root can become somebody else");
    }
    const Child child([] {
        if (::setgid(65534) == 0 && ::setuid(65534) == 0) stop();
    });
    child.wait_until_stopped();
    CHECK(process_stats(child.pid).value().uid == 65534);
    check_against_manual(process_stats(child.pid).value());
    const pid_t parent = ::getpid();
    const int status = support::in_child([parent] {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 1;
        if (::access(("/proc/" + std::to_string(parent) + "/status").c_str(), R_OK) != 0) return 77;
        const auto stats = process_stats(parent);
        if (!stats || stats->uid != 0 || stats->committed == 0) return 2;
        const auto detail = tamalloc::process_detail(parent);
        return !detail && detail.error() == std::errc::permission_denied ? 0 : 3;
    });
    if (status == 77) return support::skip("/proc is mounted with hidepid");
    CHECK(status == 0);
}

TEST_CASE("the detail of a process tells shared from private and huge from small") {
    if (!support::asserts_residency) return support::skip("sanitizers touch memory of their own");
    const Child child([] {
        constexpr std::size_t n = 32 << 20;
        const auto map = [](int flags) {
            auto* const p =
                static_cast<char*>(::mmap(nullptr, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0));
            ::madvise(p, n, MADV_NOHUGEPAGE);
            for (std::size_t i = 0; i < n; i += page) p[i] = 1;
            return p;
        };
        (void)map(MAP_PRIVATE);
        ::madvise(map(MAP_PRIVATE), n, MADV_FREE);
        (void)map(MAP_SHARED);
        const pid_t other = ::fork();   // all of it is shared by two from now on
        if (other == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            while (true) stop();
        }
        ::waitpid(other, nullptr, WUNTRACED);
        stop();
    });
    child.wait_until_stopped();
    const auto detail = tamalloc::process_detail(child.pid);
    if (!detail && detail.error() == errc::unsupported) return support::skip("this kernel has no smaps_rollup");
    const Manual manual(child.pid);
    CHECK(detail.value().base.committed == manual.kib("VmRSS"));
    CHECK(detail->pss < detail->base.committed);
    CHECK(detail->pss > detail->base.committed / 4);
    std::ifstream file("/proc/" + std::to_string(child.pid) + "/smaps_rollup");
    std::map<std::string, std::uint64_t> rollup;
    std::string line;
    std::getline(file, line);
    std::uint64_t kib = 0;
    for (std::string key, unit; file >> key >> kib >> unit;) rollup[key] = kib * 1024;
    CHECK(near(detail->pss, rollup.at("Pss:"), 1 << 20));   // others that map the same libraries come and go
    CHECK(detail->private_dirty == rollup.at("Private_Dirty:"));
    CHECK(near(detail->lazy_free, rollup.at("LazyFree:"), 64 * page));   // the kernel marks pages in batches, later
    CHECK(detail->anon_huge == rollup.at("AnonHugePages:"));
}

TEST_CASE("the list has each process once by increasing id and composes with std::views") {
    const Child child([] {});
    const auto view = tamalloc::processes(StatsField::memory | StatsField::identity).value();
    std::vector<pid_t> pids;
    for (const auto& stats : view) pids.push_back(stats.pid);
    CHECK_FALSE(view.error());
    CHECK(std::ranges::is_sorted(pids));
    CHECK(std::ranges::adjacent_find(pids) == pids.end());
    for (const pid_t pid : {::getpid(), child.pid}) CHECK(std::ranges::count(pids, pid) == 1);
    auto mine = tamalloc::processes().value() |
                std::views::filter([](const ProcessStats& stats) { return stats.parent == ::getpid(); }) |
                std::views::transform(&ProcessStats::pid);
    std::vector<pid_t> children;
    for (const pid_t pid : mine) children.push_back(pid);
    CHECK(children == std::vector<pid_t>{child.pid});
    CHECK(std::ranges::distance(ProcessView()) == 0);
}

TEST_CASE("the list misses no process that /proc lists") {
    const auto before = now_ns();
    const auto view = tamalloc::processes(StatsField::identity).value();
    std::map<pid_t, std::string> listed;
    for (const auto& stats : view) listed.emplace(stats.pid, stats.name());
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const pid_t pid = std::stoi(name);
        const auto stats = process_stats(pid, StatsField::identity);
        if (stats && stats->start_ns + 20'000'000 < before) CHECK(listed.contains(pid));   // a tick is 10 ms
        if (!stats && stats.error() == errc::kernel_thread) CHECK_FALSE(listed.contains(pid));
    }
}

TEST_CASE("totals are at least what the parts of them are") {
    const auto totals = tamalloc::system_totals().value();
    const auto self = process_stats().value();
    CHECK(totals.processes >= 1);
    CHECK(totals.reserved >= self.reserved);
    CHECK(totals.committed >= self.committed - tolerance());
    CHECK(totals.ram == machine_bytes("MemTotal:"));
    CHECK(totals.swap == machine_bytes("SwapTotal:"));
    CHECK(totals.charge_limit == machine_bytes("CommitLimit:"));
    CHECK(totals.available <= totals.ram);
    CHECK(totals.charged > 0);
    const bool calls = detail::statistics_calls().usable();
    CHECK(totals.from == (calls ? tamalloc::Provenance::kernel : tamalloc::Provenance::procfs));
}

TEST_CASE("the machine has memory and processors and a disk") {
    struct statvfs disk{};
    REQUIRE(::statvfs("/", &disk) == 0);
    const auto before = cpu_line();
    const auto stats = tamalloc::system_stats().value();
    const auto after = cpu_line();
    const auto within = [&](std::uint64_t ns, std::initializer_list<std::size_t> columns) {
        const std::uint64_t tick = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
        std::uint64_t least = 0, most = 0;
        for (const auto i : columns) least += before.at(i) * tick, most += after.at(i) * tick;
        return least <= ns + 1'000'000'000 && ns <= most + 1'000'000'000;   // iowait may go back, proc_stat(5)
    };
    CHECK(within(stats.cpu.user, {0, 1}));
    CHECK(within(stats.cpu.system, {2, 5, 6}));
    CHECK(within(stats.cpu.idle, {3, 4}));
    CHECK(stats.memory.total == machine_bytes("MemTotal:"));
    CHECK(stats.memory.used == stats.memory.total - stats.memory.available);
    CHECK(stats.memory.free <= stats.memory.total);
    CHECK(stats.disk.total == disk.f_blocks * disk.f_frsize);
    CHECK(stats.disk.free >= stats.disk.available);
    const auto without = tamalloc::system_stats(nullptr).value();
    CHECK(without.disk.total + without.disk.free + without.disk.available == 0);
    CHECK(without.memory.total == stats.memory.total);
    CHECK(tamalloc::system_stats("/no such mount point").error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("without the calls and /proc every answer is ENOENT") {
    const int status = support::in_child([] {
        if (!support::hide_proc()) return 77;
        support::use_no_calls();
        const auto missing = std::errc::no_such_file_or_directory;
        for (const pid_t pid : {0, 1, 1 << 30})
            if (process_stats(pid).error() != missing || tamalloc::process_detail(pid).error() != missing) return 2;
        if (tamalloc::processes().error() != missing) return 3;
        if (tamalloc::system_totals().error() != missing) return 4;
        return tamalloc::system_stats().error() == missing ? 0 : 5;
    });
    if (status == 77) return support::skip("mounting over /proc is not permitted here");
    CHECK(status == 0);
}

TEST_CASE("without /proc the calls still tell") {
    if (!detail::statistics_calls().usable()) return support::skip("this kernel has no tamalloc system calls");
    const int status = support::in_child([] {
        if (!support::hide_proc()) return 77;
        if (!process_stats() || process_stats()->committed == 0) return 2;
        if (process_stats(1 << 30).error() != errc::no_such_process) return 3;
        const auto view = tamalloc::processes();
        if (!view || std::ranges::count(*view, ::getpid(), &ProcessStats::pid) != 1) return 4;
        return tamalloc::system_totals() && tamalloc::system_totals()->processes > 0 ? 0 : 5;
    });
    if (status == 77) return support::skip("mounting over /proc is not permitted here");
    CHECK(status == 0);
}

TEST_CASE("no descriptors left is EMFILE and no leak") {
    if (support::sanitized) return support::skip("sanitizers need descriptors of their own");
    CHECK(support::in_child([] {
              support::use_no_calls();
              const rlimit none{0, 0};
              if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
              const auto full = std::errc::too_many_files_open;
              if (process_stats().error() != full || tamalloc::process_detail().error() != full) return 2;
              if (tamalloc::processes().error() != full) return 3;
              return tamalloc::system_totals().error() == full && tamalloc::system_stats().error() == full ? 0 : 4;
          }) == 0);
    // Enough for the first, or for two: what was opened is closed again.
    const auto before = support::open_descriptors();
    CHECK(support::in_child([before] {
              support::use_no_calls();
              rlimit limit{};
              ::getrlimit(RLIMIT_NOFILE, &limit);
              for (rlim_t n = 0; n < before + 4; ++n) {
                  limit.rlim_cur = n;
                  ::setrlimit(RLIMIT_NOFILE, &limit);
                  (void)process_stats();
                  (void)tamalloc::process_detail();
                  (void)tamalloc::system_totals();
                  (void)tamalloc::system_stats();
              }
              limit.rlim_cur = limit.rlim_max;
              ::setrlimit(RLIMIT_NOFILE, &limit);
              return support::open_descriptors() == before ? 0 : 1;
          }) == 0);
}

TEST_CASE("seccomp that refuses a call is that error and no crash") {
    for (const int error : {EPERM, EACCES, ENOSYS})
        for (const long call : {SYS_openat, SYS_read, SYS_getdents64}) {
            CAPTURE(error);
            CAPTURE(call);
            CHECK(support::in_child([=] {
                      support::use_no_calls();
                      if (!support::refuse(call, error)) return 1;
                      const std::error_code expected(error, std::system_category());
                      errno = 42;
                      const bool lists = call != SYS_read, reads = call != SYS_getdents64;
                      if (reads && process_stats().error() != expected) return 2;
                      if (reads && process_stats(1, StatsField::memory).error() != expected) return 3;
                      if (reads && tamalloc::process_detail().error() != expected) return 4;
                      if (lists && tamalloc::processes().error() != expected) return 5;
                      if (tamalloc::system_totals().error() != expected) return 6;
                      if (reads && tamalloc::system_stats().error() != expected) return 7;
                      return errno == 42 ? 0 : 8;
                  }) == 0);
        }
}

#ifdef __GLIBC__
TEST_CASE("reading statistics allocates nothing") {
    if (support::sanitized) return support::skip("sanitizers have a malloc of their own");
    // A thread's first allocation sets up a cache of its own (tcache), so even one that is freed at once shows.
    const auto in_use = [](void (*read)()) {
        std::size_t before = 0, after = 0;
        std::thread([&] {
            before = ::mallinfo2().uordblks;
            read();
            after = ::mallinfo2().uordblks;
        }).join();
        return after - before;
    };
    REQUIRE(in_use([] {
                void* volatile p = std::malloc(1);
                std::free(p);
            }) > 0);
    CHECK(in_use([] { (void)process_stats(); }) == 0);
    CHECK(in_use([] { (void)process_stats(1 << 30); }) == 0);
    CHECK(in_use([] { (void)tamalloc::process_detail(); }) == 0);
    CHECK(in_use([] { (void)tamalloc::system_totals(); }) == 0);
    CHECK(in_use([] { (void)tamalloc::system_stats(); }) == 0);
}
#endif

TEST_CASE("reading a process makes none of its memory resident") {
    const Child child([] { stop(); });
    child.wait_until_stopped();
    const auto before = process_stats(child.pid).value();
    for (int i = 0; i < 100; ++i) (void)tamalloc::process_detail(child.pid);
    CHECK(process_stats(child.pid).value().committed == before.committed);
}

namespace {

template<class F> void with_fake_calls(F f) {
    if (support::thread_sanitized) return support::skip("ThreadSanitizer lets no signal handler allocate memory");
    support::on_fake_kernel(f);
}

// With the calls of the kernel, where it has them, and with the fake ones.
template<class F> void with_calls(F f) {
    support::on_real_kernel(detail::statistics_calls(), f);
    with_fake_calls(f);
}

bool same(const ProcessStats& call, const ProcessStats& proc, std::uint64_t slack = 0) {
    return call.from == tamalloc::Provenance::kernel && proc.from == tamalloc::Provenance::procfs &&
           call.filled == proc.filled && call.pid == proc.pid && call.parent == proc.parent && call.uid == proc.uid &&
           call.name() == proc.name() && call.start_ns == proc.start_ns && near(call.reserved, proc.reserved, slack) &&
           near(call.committed, proc.committed, slack) && near(call.peak_reserved, proc.peak_reserved, slack) &&
           near(call.peak, proc.peak, slack) && near(call.swap, proc.swap, slack) &&
           near(call.page_tables, proc.page_tables, slack) &&
           std::abs(call.oom_score - proc.oom_score) <= (slack == 0 ? 0 : 2) &&
           call.oom_score_adj == proc.oom_score_adj;
}

tamalloc::result<ProcessStats> from_proc(pid_t pid) {
    return detail::Procfs::open().value().process_stats(pid, StatsField::all);
}

}   // namespace

TEST_CASE("the calls and /proc tell the same of a stopped child, of a zombie and of every other process") {
    const Child stopped([] {
        ::prctl(PR_SET_NAME, "a) S 1 (b");
        std::vector<char> memory(10 << 20, 'x');
        memory.clear();
        memory.shrink_to_fit();
        std::ofstream("/proc/self/oom_score_adj") << 500;
        stop();
    });
    const Child zombie([] { ::_exit(0); });
    stopped.wait_until_stopped();
    zombie.wait_until_zombie();
    with_calls([&](Checks& check) {
        for (const pid_t pid : {stopped.pid, zombie.pid})
            check(same(process_stats(pid).value(), from_proc(pid).value()));
        check(process_stats(stopped.pid)->oom_score_adj == 500);
        check(process_stats(zombie.pid)->reserved == 0);
        check(process_stats(zombie.pid)->filled == StatsField::all);
        check(same(process_stats().value(), from_proc(0).value(), tolerance() + (64 << 20)));
        std::size_t compared = 0;
        pid_t last = 0;
        const auto view = tamalloc::processes().value();
        for (const auto& stats : view) {
            check(std::exchange(last, stats.pid) < stats.pid);
            if (stats.pid == stopped.pid) check(same(stats, from_proc(stats.pid).value()));
            bool once = false;   // another one may do anything between two readings, and end
            for (int tries = 0; tries < 100 && !once; ++tries) {
                const auto call = process_stats(stats.pid), proc = from_proc(stats.pid);
                once = !call || !proc || same(*call, *proc, tolerance());
            }
            check(once);
            ++compared;
        }
        check(!view.error() && compared > 2);
        check(std::ranges::count(view, zombie.pid, &ProcessStats::pid) == 1);
    });
}

TEST_CASE("the calls and /proc give the same sums") {
    with_calls([](Checks& check) {
        const auto alike = [](std::uint64_t a, std::uint64_t b) { return near(a, b, std::max(a, b) / 50); };
        bool once = false;   // others come and go, and may be large
        for (int tries = 0; tries < 100 && !once; ++tries) {
            const auto calls = tamalloc::system_totals().value();
            const auto proc = detail::Procfs::open().value().system_totals().value();
            check(calls.from == tamalloc::Provenance::kernel && proc.from == tamalloc::Provenance::procfs);
            check(calls.charge_limit == proc.charge_limit && calls.ram == proc.ram && calls.swap == proc.swap);
            once = near(calls.processes, proc.processes, 1) && alike(calls.reserved, proc.reserved) &&
                   alike(calls.committed, proc.committed) && alike(calls.charged, proc.charged) &&
                   alike(calls.available, proc.available);
        }
        check(once);
    });
}

TEST_CASE("what the calls do not find is the error that /proc gives") {
    Child child([] {});
    child.end();
    with_calls([gone = child.pid](Checks& check) {
        for (const pid_t pid : {gone, 1 << 30, 2147483647, -1, -2147483647 - 1})
            check(process_stats(pid).error() == errc::no_such_process);
        std::thread([&check] {
            check(process_stats(static_cast<pid_t>(::syscall(SYS_gettid))).error() == errc::no_such_process);
            check(process_stats().value().pid == ::getpid());
        }).join();
        if (from_proc(2).has_value() || from_proc(2).error() != errc::kernel_thread) return;
        check(process_stats(2).error() == errc::kernel_thread);
        check(std::ranges::count(tamalloc::processes().value(), 2, &ProcessStats::pid) == 0);
    });
}

TEST_CASE("a group that a record does not have is 0 and not filled in") {
    support::uapi::tamstat record{};
    record.mask = TAMSTAT_BASIC | TAMSTAT_MEM;
    record.pid = 7;
    record.oom_score_adj = 5;
    record.vm_total = 4;
    record.rss_file = record.swap = record.pgtables = 2;
    const auto memory = detail::stats_of(record);
    CHECK(memory.filled == (StatsField::identity | StatsField::memory));
    CHECK(memory.reserved == 4);
    CHECK(memory.committed == 2);
    CHECK(memory.swap + memory.page_tables == 0);
    CHECK(memory.oom_score_adj == 0);
    record.mask = TAMSTAT_BASIC | TAMSTAT_OOM;
    record.oom_score = 9;
    CHECK(detail::stats_of(record).filled == (StatsField::identity | StatsField::oom));
    CHECK(detail::stats_of(record).oom_score == 9);
    record.flags = TAMSTAT_F_NOMM | TAMSTAT_F_ZOMBIE;   // ended after its score was read
    CHECK(detail::stats_of(record).filled == StatsField::all);
    CHECK(detail::stats_of(record).oom_score == 0);
    record.start_boottime_ns = 1'234'567'890;
    CHECK(detail::stats_of(record).start_ns == 1'230'000'000);
    std::ranges::fill(record.comm, 'x');
    CHECK(detail::stats_of(record).name() == "xxxxxxxxxxxxxxx");
}

TEST_CASE("a list by the calls has the groups asked for and the processes of its time") {
    with_calls([](Checks& check) {
        const auto before = tamalloc::processes(StatsField::memory).value();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));   // two ticks: the fake calls tell no time between
        const Child child([] { stop(); });
        child.wait_until_stopped();
        const auto after = tamalloc::processes(StatsField::detail).value();
        check(std::ranges::count(before, child.pid, &ProcessStats::pid) == 0);
        check(std::ranges::count(after, child.pid, &ProcessStats::pid) == 1);
        for (const auto& stats : before)
            if (stats.pid == ::getpid()) check(stats.filled == (StatsField::memory | StatsField::identity));
        const auto copy = after;
        for (const auto& stats : copy)
            if (stats.pid == child.pid) {
                check(stats.filled == (StatsField::memory | StatsField::identity | StatsField::detail));
                check(stats.page_tables == Manual(child.pid).kib("VmPTE"));
            }
        for (const auto& stats : tamalloc::processes(StatsField::oom).value() |
                                     std::views::filter([&](const auto& s) { return s.pid == child.pid; }))
            check(stats.filled == (StatsField::identity | StatsField::oom) && stats.reserved == 0);
    });
}

TEST_CASE("a list in pages of no, one and two records misses nothing") {
    const std::array<Child, 5> children{Child([] {}), Child([] {}), Child([] {}), Child([] {}), Child([] {})};
    with_fake_calls([&children](Checks& check) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const auto view = tamalloc::processes(StatsField::identity).value();
        for (int round = 0; round < 3; ++round) {   // each begins anew
            std::vector<pid_t> listed;
            for (const auto& stats : view) listed.push_back(stats.pid);
            check(!view.error() && std::ranges::adjacent_find(listed) == listed.end());
            for (const auto& child : children) check(std::ranges::count(listed, child.pid) == 1);
            check(std::ranges::count(listed, ::getpid()) == 1 && std::ranges::count(listed, ::getppid()) == 1);
        }
    });
}

TEST_CASE("a list in a time namespace has those that started before its clock") {
    if (support::thread_sanitized) return support::skip("ThreadSanitizer lets no signal handler allocate memory");
    const auto list = [] {
        Checks check;
        const auto view = tamalloc::processes(StatsField::identity).value();
        check(view.begin()->from == tamalloc::Provenance::kernel);
        check(std::ranges::count(view, 1, &ProcessStats::pid) == 1);
        return check.status();
    };
    const int status = support::in_child([&list] {
        if (::unshare(CLONE_NEWTIME) != 0) return 77;
        timespec now{};
        ::clock_gettime(CLOCK_BOOTTIME, &now);
        std::ofstream offsets("/proc/self/timens_offsets");   // of the children
        if (!(offsets << "boottime -" << now.tv_sec << " 0" << std::flush)) return 77;
        if (detail::statistics_calls().usable() && support::in_child(list) != 0) return 1;
        return support::in_child([&list] { return support::start_fake_kernel() ? list() : 77; });
    });
    if (status == 77) return support::skip("time namespaces or seccomp are not permitted here");
    CHECK(status == 0);
}

TEST_CASE("EPERM about a process is the answer, and the calls go on being used") {
    const Child child([] { stop(); });
    child.wait_until_stopped();
    with_fake_calls([&child](Checks& check) {
        fake_kernel.secret = child.pid;
        check(process_stats(child.pid).error() == std::errc::operation_not_permitted);
        check(process_stats().value().from == tamalloc::Provenance::kernel);
        check(std::ranges::count(tamalloc::processes().value(), child.pid, &ProcessStats::pid) == 0);
        check(detail::statistics_calls().usable());
    });
}

TEST_CASE("calls that are refused later are replaced by /proc") {
    for (const int error : {EPERM, ENOSYS}) {
        CAPTURE(error);
        with_fake_calls([error](Checks& check) {
            const auto early = tamalloc::processes().value();
            auto open = early.begin();
            for (auto& answer : fake_kernel.answers) answer = error;
            check(process_stats().value().from == without_calls());
            const int used = fake_kernel.used[TAMALLOC_CALL_TAMSTAT];
            check(process_stats(::getppid()).value().from == without_calls());
            check(fake_kernel.used[TAMALLOC_CALL_TAMSTAT] == used);
            check(tamalloc::system_totals().value().from == tamalloc::Provenance::procfs);
            const auto late = tamalloc::processes().value();
            for (const auto& stats : late) check(stats.from == without_calls());
            while (open != early.end()) ++open;   // what was begun by the calls ends, and says why
            check(early.error() == std::error_code(error, std::system_category()));
        });
        with_fake_calls([error](Checks& check) {
            check(tamalloc::system_totals().value().from == tamalloc::Provenance::kernel);
            fake_kernel.answers[TAMALLOC_CALL_TAMSTAT_TOTAL] = error;
            check(tamalloc::system_totals().value().from == tamalloc::Provenance::procfs);
            check(!detail::statistics_calls().usable() && detail::memory_calls().usable());
        });
        with_fake_calls([error](Checks& check) {
            check(process_stats().value().from == tamalloc::Provenance::kernel);
            fake_kernel.answers[TAMALLOC_CALL_TAMSTAT_LIST] = error;
            const auto view = tamalloc::processes().value();
            check(std::ranges::count(view, ::getpid(), &ProcessStats::pid) == 1 && !view.error());
            check(view.begin()->from == without_calls());
        });
    }
}

TEST_CASE("TAMALLOC_BACKEND=mmap asks /proc") {
    with_fake_calls([](Checks& check) {
        ::setenv("TAMALLOC_BACKEND", "mmap", 1);
        check(process_stats().value().from == without_calls());
        check(tamalloc::system_totals().value().from == tamalloc::Provenance::procfs);
        check(tamalloc::processes().value().begin()->from == without_calls());
        check(fake_kernel.asked == 0);
    });
}

namespace {

constexpr std::array<const char*, 5> storm_names{"storm", "a) S 1 (b", ")", "\nVmRSS: 9 kB", "\xff"};

// Children that end as soon as they are there, for as long as the test takes.
[[noreturn]] void fork_and_exit() {
    ::prctl(PR_SET_NAME, storm_names[0]);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0;; ++i) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            if (i % 2 == 0) ::prctl(PR_SET_NAME, storm_names[i / 2 % storm_names.size()]);
            ::_exit(0);
        }
        if (pid > 0) ::waitpid(pid, nullptr, 0);
    }
}

// What would be wrong of any process, at any time.
const char* absurdity(const ProcessStats& stats, std::uint64_t ram) {
    if (stats.committed > ram || stats.peak > ram) return "more committed than there is memory";
    if (stats.reserved >> 57 != 0) return "more reserved than there are addresses";
    if (stats.committed > stats.reserved + tolerance()) return "more committed than reserved";
    if (stats.peak < stats.committed || stats.peak_reserved < stats.reserved) return "a peak below its summit";
    if (stats.reserved == 0 && (stats.committed | stats.peak | stats.page_tables) != 0) return "half a record";
    if (stats.filled != StatsField::all) return "a group is missing";
    if (stats.parent < 0 || stats.parent == stats.pid) return "its own parent";
    if (stats.start_ns > now_ns()) return "started in the future";
    if (std::abs(stats.oom_score_adj) > 1000) return "oom_score_adj out of range";
    if (stats.oom_score < 0 || stats.oom_score > 2000) return "oom_score out of range";
    // Others may be in vfork, and then score 0 as well; and -999 comes to 0 for who has little.
    const bool of_storm = std::ranges::find(storm_names, stats.name()) != storm_names.end();
    if (of_storm && stats.reserved != 0 && stats.oom_score == 0 && stats.oom_score_adj > -999) return "half a zombie";
    return nullptr;
}

}   // namespace

TEST_CASE("in a storm of processes that begin and end no figure is wrong and nothing leaks") {
    const auto before = support::open_descriptors();
    const auto ram = tamalloc::system_totals().value().ram;
    const Child a(fork_and_exit), b(fork_and_exit), c(fork_and_exit);
    const auto is_worker = [&](pid_t pid) { return pid == a.pid || pid == b.pid || pid == c.pid; };
    std::size_t rounds = 0, seen = 0, gone = 0;
    for (const auto end = now_ns() + 5'000'000'000; now_ns() < end; ++rounds) {
        const auto view = tamalloc::processes().value();
        pid_t last = 0;
        std::size_t workers = 0;
        for (const auto& stats : view) {
            CAPTURE(stats.pid);
            const char* const wrong = absurdity(stats, ram);
            if (wrong != nullptr) FAIL_CHECK(std::string(wrong));
            if (stats.pid <= last) FAIL_CHECK("not in order");
            last = stats.pid;
            workers += is_worker(stats.pid) ? 1 : 0;
            if (rounds == 0 || !is_worker(stats.parent)) continue;   // a worker names itself first
            ++seen;
            if (std::ranges::find(storm_names, stats.name()) == storm_names.end()) FAIL_CHECK("a name nobody has");
        }
        if (view.error()) FAIL_CHECK(view.error().message());
        if (workers != 3) FAIL_CHECK("a process that was there all the time is missing");
        const auto totals = tamalloc::system_totals();
        if (!totals) FAIL_CHECK(totals.error().message());
        else if (totals->processes < 4 || totals->committed > totals->processes * ram) FAIL_CHECK("wrong totals");
        // One that is about to end: the pids after the latest.
        for (pid_t pid = last - 20; pid < last + 20; ++pid) {
            const auto stats = process_stats(pid);
            if (stats && absurdity(*stats, ram) != nullptr) FAIL_CHECK(std::string(absurdity(*stats, ram)));
            if (!stats && stats.error() != errc::no_such_process && stats.error() != errc::kernel_thread)
                FAIL_CHECK(stats.error().message());
            gone += !stats ? 1 : 0;
        }
    }
    CHECK(rounds > 10);
    CHECK(seen > 0);
    CHECK(gone > 0);
    CHECK(support::open_descriptors() == before);
}
