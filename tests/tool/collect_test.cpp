// SPDX-License-Identifier: MIT
// Hazard: a process that cannot be read is shown as one that uses nothing, or not at all; a pid that was reused meanwhile gives
// its figures to another; the budget is ignored; a filter or an order that is wrong shows the wrong processes.
#include "collect.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "columns.hpp"
#include "exit_code.hpp"
#include "fake_kernel.hpp"
#include "fake_proc.hpp"
#include "json.hpp"
#include "module.hpp"
#include "support.hpp"

using namespace tamstat;
using support::FakeProc;
using support::FakeProcess;
using tamalloc::MappingKind;

namespace {

Options options_for(const FakeProc& proc) {
    Options options;
    options.procfs = proc.root.string();
    return options;
}

FakeProcess named(const char* name, std::uint64_t pages = 1000) {
    FakeProcess process;
    process.name = name;
    process.pages = pages;
    return process;
}

std::vector<pid_t> pids(const std::vector<ProcessRow>& rows) {
    std::vector<pid_t> all;
    for (const auto& row : rows) all.push_back(row.pid);
    return all;
}

std::vector<pid_t> collected(const Options& options, Need need = Need::nothing) {
    return pids(collect(options, need).rows);
}

std::vector<pid_t> arranged(const Options& options) {
    auto collection = collect(options, needs(options, {}));
    arrange(collection.rows, options);
    return pids(collection.rows);
}

ExitCode failure_of(const Options& options) {
    try {
        (void)arranged(options);
    } catch (const Failure& failure) {
        return failure.code();
    }
    return exit_ok;
}

constexpr std::string_view three_mappings =
    "1000-3000 rw-p 00000000 00:00 0 \nRss: 4 kB\nPss: 2 kB\nPrivate_Dirty: 1 kB\n"
    "AnonHugePages: 3 kB\nSwap: 0 kB\nVmFlags: rd wr ac \n"
    "4000-8000 ---p 00000000 00:00 0 \nRss: 0 kB\nVmFlags: ac \n"
    "8000-9000 rw-p 00000000 00:00 0 \nRss: 4 kB\nPss: 4 kB\nVmFlags: rd wr nr \n";

}   // namespace

TEST_CASE("collect: all processes by pid, without kernel threads, with zombies") {
    const FakeProc proc;
    (void)proc.add(30, named("c"));
    (void)proc.add(4, named("a"));
    (void)proc.add(5, FakeProcess::kernel_thread());
    (void)proc.add(6, FakeProcess::zombie());
    const auto collection = collect(options_for(proc), Need::oom);
    CHECK(pids(collection.rows) == std::vector<pid_t>{4, 6, 30});
    CHECK(verdict(collection) == exit_ok);
    const auto& row = collection.rows.front();
    CHECK(*row.comm == "a");
    CHECK(*row.reserved == 1000 * 4096);
    CHECK(*row.committed == 250 * 4096);
    CHECK(*row.fill() == 0.25);
    CHECK(*row.untouched() == 750 * 4096 - 12 * 1024);
    CHECK(*row.oom_score == 666);
    CHECK(*row.oom_share() == 0);
    CHECK(row.first_error() == 0);
    CHECK_FALSE(row.pss);   // nobody asked
    CHECK(row.pss.why().error == 0);
    CHECK(*collection.rows[1].reserved == 0);
    CHECK_FALSE(collection.rows[1].fill());
    CHECK(collection.from == tamalloc::Provenance::procfs);
}

TEST_CASE("collect: PIDs that were asked for, each once, and which are missing") {
    const FakeProc proc;
    (void)proc.add(4);
    (void)proc.add(7);
    (void)proc.add(5, FakeProcess::kernel_thread());
    auto options = options_for(proc);
    options.pids = {7, 4, 7};
    CHECK(collected(options) == std::vector<pid_t>{4, 7});
    options.pids = {7, 99, 5};
    const auto collection = collect(options, Need::nothing);
    CHECK(pids(collection.rows) == std::vector<pid_t>{7});
    CHECK(collection.missing == std::vector<pid_t>{99});
    CHECK(collection.kernel_threads == std::vector<pid_t>{5});
    silence(true);
    CHECK(verdict(collection) == exit_failed);
    silence(false);
}

TEST_CASE("collect: what cannot be read is unread, and the row stays") {
    const FakeProc proc;
    std::filesystem::remove(proc.root / proc.add(4) / "oom_score");
    proc.write(proc.add(5) / "oom_score", "many\n");
    proc.write(proc.add(6) / "status", "Name:\tcut");
    (void)proc.add(7);
    const auto collection = collect(options_for(proc), Need::oom | Need::rollup);
    REQUIRE(pids(collection.rows) == std::vector<pid_t>{4, 5, 6, 7});
    CHECK(*collection.rows[0].reserved == 1000 * 4096);
    CHECK(collection.rows[0].oom_score.why() == Unread{ENOENT});
    CHECK(*collection.rows[0].oom_score_adj == 0);
    CHECK(*collection.rows[1].reserved == 1000 * 4096);
    CHECK(collection.rows[1].oom_score.why() == Unread{EBADMSG});
    CHECK(collection.rows[2].reserved.why() == Unread{EBADMSG});
    CHECK(collection.rows[2].fill().why() == Unread{EBADMSG});
    CHECK(collection.rows[3].pss.why() == Unread{ENOSYS});   // there is no smaps_rollup
    CHECK(totals_of(collection.rows).unreadable == 4);
    CHECK(totals_of(collection.rows).reserved == 3 * 1000 * 4096);
}

TEST_CASE("collect: what is denied is unread, and where all is denied the exit code says so") {
    if (::geteuid() != 0) return support::skip("needs root, to become somebody else");
    const FakeProc proc;
    const auto secret = proc.root / proc.add(4);
    (void)proc.add(5);
    std::filesystem::permissions(secret, std::filesystem::perms::none);
    auto options = options_for(proc);
    CHECK(support::in_child([&options] {
              if (::setresuid(65534, 65534, 65534) != 0) return 77;
              const auto all = collect(options, Need::oom | Need::rollup);
              if (pids(all.rows) != std::vector<pid_t>{4, 5} || verdict(all) != exit_ok) return 1;
              if (all.rows[0].reserved.why() != Unread{EACCES} || !all.rows[1].reserved) return 2;
              if (all.rows[0].pss.why() != Unread{EACCES}) return 4;
              options.pids = {4};
              return verdict(collect(options, Need::oom)) == exit_denied ? 0 : 3;
          }) == 0);
}

TEST_CASE("collect: --detail maps sums up the mappings by kind, and tells what is promised") {
    const FakeProc proc;
    proc.write(proc.add(4) / "smaps", three_mappings);
    proc.write(proc.add(5) / "smaps", "no mapping\n");
    auto options = options_for(proc);
    options.detail = Detail::maps;
    const auto collection = collect(options, Need::nothing);
    const auto& row = collection.rows.front();
    CHECK(*row.of(MappingKind::charged) == 0x2000);
    CHECK(*row.of(MappingKind::none) == 0x4000);
    CHECK(*row.of(MappingKind::noreserve) == 0x1000);
    CHECK(*row.of(MappingKind::file) == 0);
    CHECK(*row.accounted == 0x6000);   // PROT_NONE now, promised all the same
    CHECK(*row.mappings == 3);
    CHECK(*row.pss == 6 * 1024);
    CHECK(*row.uss == 1024);
    CHECK(*row.huge == 3 * 1024);
    CHECK(*totals_of(collection.rows).charged == 0x6000);
    CHECK(collection.rows[1].of(MappingKind::none).why() == Unread{EBADMSG});
    CHECK(*commit_charge(options).charged == 313572 * 1024);
}

TEST_CASE("collect: the budget cuts what is dear, and says so") {
    const FakeProc proc;
    auto large = named("large");
    large.resident = 1 << 20;   // 4 GiB: 44 ms
    proc.write(proc.add(4, large) / "smaps", three_mappings);
    proc.write(proc.add(5) / "smaps", three_mappings);
    auto options = options_for(proc);
    options.detail = Detail::maps;
    options.budget = std::chrono::milliseconds(30);
    const auto collection = collect(options, Need::nothing);
    CHECK(collection.rows[0].cut());
    CHECK_FALSE(collection.rows[0].of(MappingKind::none));
    CHECK(collection.rows[0].first_error() == 0);
    CHECK(*collection.rows[0].reserved == 1000 * 4096);
    CHECK_FALSE(collection.rows[1].cut());
    CHECK(totals_of(collection.rows).cut == 1);
    CHECK(totals_of(collection.rows).unreadable == 0);
    options.budget = std::chrono::nanoseconds(0);   // no limit
    CHECK(totals_of(collect(options, Need::nothing).rows).cut == 0);
}

TEST_CASE("collect: the budget goes to the largest first, and what was cut leaves no residual") {
    const FakeProc proc;
    std::string many;   // takes longer than the budget
    for (int i = 0; i < 1'000'000; ++i) many += "1000-2000 rw-p 0 00:00 0\nRss: 0 kB\n";
    proc.write(proc.add(4, named("old")) / "smaps", many);
    proc.write(proc.add(7, named("large", 2000)) / "smaps", three_mappings);
    auto options = options_for(proc);
    options.detail = Detail::maps;
    options.budget = std::chrono::milliseconds(50);
    const auto rows = collect(options, Need::nothing).rows;
    REQUIRE(pids(rows) == std::vector<pid_t>{4, 7});
    CHECK(rows[0].cut());
    CHECK_FALSE(rows[1].cut());
    CHECK(totals_of(rows).charged_in_part);
    CHECK_FALSE(residual(totals_of(rows), commit_charge(options)));
    options.pids = {7};
    CHECK(residual(totals_of(collect(options, Need::nothing).rows), commit_charge(options)) == 313572 * 1024 - 0x6000);
}

TEST_CASE("collect: of a process whose main thread has ended another thread tells, and nothing is made 0") {
    const FakeProc proc;
    auto leader = FakeProcess::zombie();
    leader.threads = 2;
    FakeProcess thread;
    thread.thread_of = 4;
    proc.write(proc.add(4, leader) / "smaps", "");
    std::filesystem::create_directories(proc.root / "4/task/4");
    std::filesystem::create_directories(proc.root / "4/task/9");
    proc.write("4/task/4/status", leader.status(4));
    proc.write("4/task/9/status", thread.status(9));
    proc.write("4/task/9/smaps", three_mappings);
    const auto rows = collect(options_for(proc), Need::extra | Need::maps).rows;
    REQUIRE(rows.size() == 1);
    CHECK(*rows[0].reserved == 1000 * 4096);
    CHECK(*rows[0].anon == 112 * 1024);
    CHECK(rows[0].shmem.why() == Unread{ENODATA});   // this status has no such line
    CHECK(*rows[0].mappings == 3);
    CHECK_FALSE(rows[0].zero);
}

TEST_CASE("collect: no mappings of a process that lives are unread, of a zombie none") {
    const FakeProc proc;
    proc.write(proc.add(4) / "smaps", "");
    proc.write(proc.add(5, FakeProcess::zombie()) / "smaps", "");
    const auto rows = collect(options_for(proc), Need::maps).rows;
    CHECK(rows[0].of(MappingKind::none).why() == Unread{ENODATA});
    CHECK(rows[0].pss.why() == Unread{ENODATA});
    CHECK(*rows[1].of(MappingKind::none) == 0);
    CHECK(totals_of(rows).unreadable == 1);
}

TEST_CASE("collect: sums of mappings that do not fit are no small ones") {
    const FakeProc proc;
    constexpr std::string_view most = "Rss: 4 kB\nPss: 18014398509481980 kB\nPrivate_Dirty: 18014398509481980 kB\n";
    proc.write(proc.add(4) / "smaps",
               "1000-2000 rw-p 0 00:00 0 \n" + std::string(most) + "2000-3000 rw-p 0 00:00 0 \n" + std::string(most));
    const auto row = collect(options_for(proc), Need::maps).rows.at(0);
    CHECK(row.pss.why() == Unread{EOVERFLOW});
    CHECK(row.uss.why() == Unread{EOVERFLOW});
    CHECK(*row.mappings == 2);
}

TEST_CASE("collect: kinds of memory, faults, control group and limits where a column needs them") {
    const FakeProc proc;
    const auto directory = proc.add(4);
    proc.write(directory / "cgroup", "1:cpu:/other\n0::/a.slice/b\n");
    proc.write(directory / "limits",
               "Limit   Soft   Hard   Units\nMax address space         4096                 8192       bytes\n");
    proc.write(directory / "cmdline", std::string_view("node\0--a b\0", 11));
    const auto rows = collect(options_for(proc), Need::extra | Need::cgroup | Need::cmdline).rows;
    CHECK(*rows[0].anon == 112 * 1024);
    CHECK_FALSE(rows[0].shmem);   // this status has no such line
    CHECK(*rows[0].minor_faults == 100);
    CHECK(*rows[0].cgroup == "/a.slice/b");
    CHECK(*rows[0].address_limit == 4096);
    CHECK_FALSE(rows[0].memory_limit);   // another machine's control groups are not this one's
    CHECK(*rows[0].cmdline == "node --a b");
}

TEST_CASE("collect: --user, --comm and --cgroup choose") {
    const FakeProc proc;
    auto mine = named("node");
    mine.uid = 7;
    proc.write(proc.add(4, mine) / "cgroup", "0::/a/b\n");
    proc.write(proc.add(5, named("node-2")) / "cgroup", "0::/ab\n");
    proc.write(proc.add(6, named("java")) / "cgroup", "0::/a\n");
    const auto with = [&proc](auto change) {
        auto options = options_for(proc);
        change(options);
        return arranged(options);
    };
    CHECK(with([](Options& o) { o.user = "7"; }) == std::vector<pid_t>{4});
    CHECK(with([](Options& o) { o.user = "root"; }).empty());
    CHECK(with([](Options& o) { o.comm = "^node"; }) == std::vector<pid_t>{4, 5});
    CHECK(with([](Options& o) { o.comm = "java|2"; }) == std::vector<pid_t>{5, 6});
    CHECK(with([](Options& o) { o.cgroup = "/a"; }) == std::vector<pid_t>{4, 6});
    CHECK(with([](Options& o) { o.cgroup = "/a/"; }) == std::vector<pid_t>{4, 6});
    CHECK(with([](Options& o) { o.cgroup = "/"; }) == std::vector<pid_t>{4, 5, 6});
    auto options = options_for(proc);
    options.comm = "(";
    CHECK(failure_of(options) == exit_usage);
    options.comm.clear();
    options.user = "nobody-has-this-name";
    CHECK(failure_of(options) == exit_usage);
}

TEST_CASE("arrange: filtered, sorted with what is unread last, and cut") {
    const FakeProc proc;
    (void)proc.add(4, named("small", 500));
    (void)proc.add(5, named("large", 9000));
    (void)proc.add(6, named("large", 7000));
    proc.write(proc.add(7) / "status", "");
    const auto with = [&proc](const char* filter, std::vector<SortKey> sort, std::optional<std::size_t> limit = {}) {
        auto options = options_for(proc);
        options.filter = filter;
        options.sort = std::move(sort);
        options.limit = limit;
        return arranged(options);
    };
    CHECK(with("", {{"reserved", true}}) == std::vector<pid_t>{5, 6, 4, 7});
    CHECK(with("", {{"reserved", false}}) == std::vector<pid_t>{4, 6, 5, 7});
    CHECK(with("", {{"comm", false}, {"pid", true}}) == std::vector<pid_t>{6, 5, 4, 7});
    CHECK(with("reserved > 20MiB", {}) == std::vector<pid_t>{5, 6});
    CHECK(with("fill < 10% and comm ~ 'lar'", {{"fill", false}}) == std::vector<pid_t>{5, 6});
    CHECK(with("", {{"pid", true}}, 2) == std::vector<pid_t>{7, 6});
    CHECK(with("", {}, 0).empty());
    auto options = options_for(proc);
    options.sort = {{"size", true}};
    CHECK(failure_of(options) == exit_usage);
    options.sort.clear();
    options.filter = "reserved >";
    CHECK(failure_of(options) == exit_usage);
}

TEST_CASE("needs: what columns, keys, filters and options ask for, and no more") {
    Options options;
    CHECK(needs(options, {}) == Need::nothing);
    options.filter = "noreserve > 0 or oom > 700";
    options.sort = {{"pss", true}};
    CHECK(needs(options, {}) == (Need::maps | Need::oom | Need::rollup));
    options = {};
    options.cgroup = "/";
    const std::array<const Column*, 1> columns{find_column("minflt")};
    CHECK(needs(options, columns) == (Need::cgroup | Need::extra));
}

TEST_CASE("growth is that of the same process, not of one with the same pid") {
    const auto row = [](pid_t pid, std::uint64_t start, ProcessRow::Bytes committed) {
        ProcessRow r;
        r.pid = pid;
        r.start_ns = start;
        r.committed = committed;
        return r;
    };
    std::vector<ProcessRow> now{row(3, 1, 0), row(4, 1, 5000), row(5, 9, 5000), row(6, 1, 1000),
                                row(7, 1, Unread{EACCES})};
    add_growth(now, std::vector<ProcessRow>{row(4, 1, 1000), row(5, 1, 0), row(6, 1, 3000), row(7, 1, 1)}, 2);
    CHECK_FALSE(now[0].growth);
    CHECK(*now[1].growth == 2000);
    CHECK_FALSE(now[2].growth);
    CHECK(*now[3].growth == -1000);
    CHECK_FALSE(now[4].growth);
}

TEST_CASE("what is denied has an exit code of its own, whichever way the kernel says it") {
    const auto code = [](int error) { return code_of({error, std::generic_category()}); };
    CHECK(code(EACCES) == exit_denied);
    CHECK(code(EPERM) == exit_denied);   // hidepid
    CHECK(code(ENOENT) == exit_io);
}

TEST_CASE("sums do not wrap around") {
    std::vector<ProcessRow> rows(2);
    rows[0].reserved = rows[1].reserved = ~std::uint64_t{0} - 5;
    const auto totals = totals_of(rows);
    CHECK(totals.reserved == ~std::uint64_t{0});
    CHECK(totals.saturated);
    CHECK(totals.committed == 0);
    CHECK_FALSE(totals_of({}).saturated);
}

TEST_CASE("without a /proc, and where the source is absent, the exit code says so") {
    Options options;
    options.procfs = "/nowhere";
    CHECK(failure_of(options) == exit_io);
    options = {};
    options.source = Source::module;
    CHECK((std::filesystem::exists("/proc/tamalloc") || failure_of(options) == exit_unsupported));
    const support::FakeProc proc;
    options = options_for(proc);
    CHECK(failure_of(options) == exit_ok);
    std::filesystem::remove_all(proc.root / "self");
    CHECK(failure_of(options) == exit_io);
    options.pids = {7};
    CHECK(failure_of(options) == exit_io);   // nobody knows whether there is one
}

namespace {

// A child of ours stands still; so do we, as far as these figures go.
void compare_sources(support::Checks& check) {
    Options options;
    options.source = Source::syscall;
    options.pids = {::getpid(), ::getppid()};
    // What each takes for the first time is there before it counts.
    for (const auto source : {Source::syscall, Source::procfs}) {
        options.source = source;
        (void)collect(options, Need::oom | Need::extra);
    }
    options.source = Source::syscall;
    const auto calls = collect(options, Need::oom | Need::extra);
    options.source = Source::procfs;
    const auto files = collect(options, Need::oom | Need::extra);
    check(document("ps", calls, totals_of(calls.rows), options).at("source") == "syscall");
    check(document("ps", files, totals_of(files.rows), options).at("source") == "procfs");
    check(calls.rows.size() == 2 && files.rows.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        check(*calls.rows[i].uid == *files.rows[i].uid);   // not its name: a static program has no names of users
        for (const auto* const key : {"pid", "ppid", "comm", "reserved", "oom", "adj"})
            check(value_of(key, calls.rows[i]) == value_of(key, files.rows[i]));
    }
    options.pids.clear();
    options.source = Source::automatic;
    const auto all = collect(options, Need::nothing);
    check(all.from == tamalloc::Provenance::kernel && all.rows.size() >= 2);
}

}   // namespace

TEST_CASE("the kernel's calls give the same rows as /proc") {
    support::on_real_kernel(tamalloc::detail::statistics_calls(), compare_sources);
    support::on_fake_kernel(compare_sources);
}

TEST_CASE("the module's list gives rows, and what it does not write is an error") {
    const auto rows = parse_module(
        R"({"processes":[
{"pid":9,"parent":1,"uid":7,"comm":"b","threads":1,"start_ns":1234567890,"reserved":4096,"committed":2048,"peak_reserved":8192,"peak":4096,"swap":1,"page_tables":2,"oom_score":null,"oom_score_adj":-5},
{"pid":4,"parent":0,"uid":0,"comm":"a \"\ufffd","threads":1,"start_ns":5,"reserved":0,"committed":0,"peak_reserved":0,"peak":0,"swap":0,"page_tables":0,"oom_score":3,"oom_score_adj":0}
],"totals":{"processes":1,"reserved":4096,"committed":2048}})");
    REQUIRE(pids(rows) == std::vector<pid_t>{4, 9});
    CHECK(*rows[0].comm == "a \"\xef\xbf\xbd");
    CHECK(*rows[1].committed == 2048);
    CHECK(*rows[1].start_ns == 1'230'000'000);   // a whole tick, as /proc has it
    CHECK(rows[1].oom_score.why() == Unread{ENODATA});
    CHECK(*rows[1].oom_score_adj == -5);
    for (const auto* const wrong : {"", "{}", "{\"processes\":[{}]}", "{\"processes\":[{\"pid\":\"x\"}]}", "[", "null"})
        CHECK_THROWS_AS((void)parse_module(wrong), Failure);

    const FakeProc proc;
    (void)proc.add(4);
    std::filesystem::create_directory(proc.root / "tamalloc");
    proc.write("tamalloc/processes",
               R"({"processes":[{"pid":4,"parent":0,"uid":0,"comm":"a","threads":1,"start_ns":5,"reserved":77,
"committed":0,"peak_reserved":0,"peak":0,"swap":0,"page_tables":0,"oom_score":3,"oom_score_adj":0}]})");
    auto options = options_for(proc);
    options.source = Source::module;
    const auto collection = collect(options, Need::nothing);
    CHECK(collection.from == tamalloc::Provenance::module);
    CHECK(*collection.rows.at(0).reserved == 77);
    options.pids = {4, 5};
    CHECK(collect(options, Need::nothing).missing == std::vector<pid_t>{5});
}
