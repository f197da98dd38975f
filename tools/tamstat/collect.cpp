// SPDX-License-Identifier: MIT
#include "collect.hpp"

#include <algorithm>      // std::ranges::sort, std::ranges::unique
#include <cerrno>         // EMFILE, ENFILE, ENOENT, ENOMEM
#include <chrono>         // std::chrono::steady_clock
#include <functional>     // std::greater
#include <optional>       // std::optional
#include <system_error>   // std::error_code
#include <thread>         // std::this_thread

#include <fcntl.h>    // O_DIRECTORY, O_PATH
#include <unistd.h>   // faccessat

#include <fmt/format.h>
#include <range/v3/algorithm/all_of.hpp>
#include <range/v3/algorithm/stable_sort.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/iota.hpp>

#include "arrange.hpp"              // arrange_rows, filter_for, sort_column
#include "choice.hpp"               // Choice
#include "details.hpp"              // Deadline, read_details, read_scores, set_details
#include "exit_code.hpp"            // Failure, code_of, complain
#include "machine.hpp"              // kernel_release
#include "module.hpp"               // has_module, read_module
#include "progress.hpp"             // Progress
#include "tamalloc/discovery.hpp"   // statistics_calls
#include "tamalloc/stats.hpp"       // process_stats, processes

namespace tamstat {
namespace {

namespace detail = tamalloc::detail;
using tamalloc::errc;
using tamalloc::ProcessStats;
using tamalloc::StatsField;

[[noreturn]] void fail(const std::string& what, std::error_code error) {
    throw Failure(code_of(error), fmt::format("{}: {}", what, error.message()));
}

tamalloc::Provenance source_of(const Options& options) {
    using tamalloc::Provenance;
    const auto calls = detail::statistics_calls();
    switch (options.source) {
    case Source::automatic:
        return calls.usable() && options.procfs == "/proc" ? Provenance::kernel : Provenance::procfs;
    case Source::procfs: break;
    case Source::syscall:
        if (calls.usable()) return Provenance::kernel;
        throw Failure(exit_unsupported, fmt::format("--source syscall: {}", detail::reason_of(calls)));
    case Source::module:
        if (has_module(options.procfs)) return Provenance::module;
        throw Failure(exit_unsupported, "--source module: it is not loaded");
    }
    return Provenance::procfs;
}

// Of a listing of all processes, where nobody said otherwise.
constexpr auto usual_budget = std::chrono::seconds(5);

Deadline deadline_of(const Options& options) {
    if (!options.budget) return options.pids.empty() ? Deadline(usual_budget) : Deadline();
    return options.budget->count() == 0 ? Deadline() : Deadline(*options.budget);
}

constexpr auto without_scores = StatsField::memory | StatsField::identity | StatsField::detail;

/// One listing.
class Collector {
public:
    Collector(const Options& options, Need need)
        : options_(options), need_(need), choice_(options), procfs_(open(options.procfs)) {
        if (has(need, Need::oom)) fields_ = fields_ | StatsField::oom;
        collection_.from = source_of(options);
    }

    Collection collect() && {
        if (collection_.from == tamalloc::Provenance::module) read_by_module();
        else if (!options_.pids.empty()) read_asked();
        else if (collection_.from == tamalloc::Provenance::kernel) read_all_by_calls();
        else read_all();
        supplement();
        return std::move(collection_);
    }

private:
    static detail::Procfs open(const std::string& root) {
        auto procfs = detail::Procfs::open(root.c_str());
        if (!procfs) fail(root, procfs.error());
        return std::move(*procfs);
    }

    [[nodiscard]] std::vector<pid_t> asked() const {
        auto pids = options_.pids;
        std::ranges::sort(pids);
        pids.erase(std::ranges::unique(pids).begin(), pids.end());
        return pids;
    }

    void read_asked() {
        for (const auto pid : asked()) {
            const auto stats = read(pid);
            if (stats || !is_absent(stats.error())) add_asked(pid, stats);
            else
                (stats.error() == errc::kernel_thread ? collection_.kernel_threads : collection_.missing)
                    .push_back(pid);
        }
    }

    // Without a procfs nobody knows whether there is such a process.
    void add_asked(pid_t pid, const tamalloc::result<ProcessStats>& stats) {
        if (!stats && stats.error() == std::errc::no_such_file_or_directory && procfs_.missing())
            fail(options_.procfs, stats.error());
        add(pid, stats);
    }

    void read_all() {
        std::vector<pid_t> pids;
        auto error = procfs_.for_each_pid([&pids](pid_t pid) {
            pids.push_back(pid);
            return true;
        });
        if (!error && pids.empty()) error = procfs_.missing();
        if (error) fail(options_.procfs, error);
        std::ranges::sort(pids);
        for (const auto pid : pids) {
            const auto stats = read(pid);
            if (stats || !is_absent(stats.error())) add(pid, stats);
            else if (stats.error() == errc::no_such_process) ++collection_.exited;
        }
    }

    void read_all_by_calls() {
        const auto view = tamalloc::processes(fields_);
        if (!view) fail("tamstat_list", view.error());
        for (const auto& stats : *view) add(stats.pid, stats);
        if (view->error()) fail("tamstat_list", view->error());
    }

    void read_by_module() {
        auto all = read_module(options_.procfs);
        if (options_.pids.empty()) {
            for (auto& row : all) add(std::move(row));
            return;
        }
        for (const auto pid : asked()) {
            const auto row = std::ranges::find(all, pid, &ProcessRow::pid);
            if (row == all.end()) collection_.missing.push_back(pid);
            else add(std::move(*row));
        }
    }

    static bool is_absent(std::error_code error) {
        return error == errc::no_such_process || error == errc::kernel_thread;
    }

    [[nodiscard]] tamalloc::result<ProcessStats> read(pid_t pid) const {
        if (collection_.from == tamalloc::Provenance::kernel) return tamalloc::process_stats(pid, fields_);
        auto stats = procfs_.process_stats(pid, fields_);
        // It may be the scores only that cannot be read.
        if (!stats && detail::wants(fields_, StatsField::oom) && !is_absent(stats.error()))
            stats = procfs_.process_stats(pid, without_scores);
        if (!stats && stats.error() == errc::no_such_process && lacks_files(pid))
            return tamalloc::unexpected<std::error_code>(std::make_error_code(std::errc::no_such_file_or_directory));
        return stats;
    }

    // Whether it is not the process that is gone: a copy of a /proc may have its directory without its files.
    [[nodiscard]] bool lacks_files(pid_t pid) const {
        const auto name = detail::name_of(pid);
        const detail::Descriptor directory(procfs_.directory(), name.data(), O_PATH | O_DIRECTORY);
        const auto lacks = [](int place, const char* file) {
            return ::faccessat(place, file, F_OK, 0) != 0 && errno == ENOENT;
        };
        if (directory.error() != 0 || !(lacks(directory.get(), "stat") || lacks(directory.get(), "status")))
            return false;
        return !lacks(procfs_.directory(), name.data());   // it may have ended just now
    }

    void add(pid_t pid, const tamalloc::result<ProcessStats>& stats) {
        if (!stats) {
            const auto why = unread(stats.error());
            if (why.error == EMFILE || why.error == ENFILE || why.error == ENOMEM)
                fail(fmt::format("{}/{}", options_.procfs, pid), stats.error());
            add(unread_row(pid, why));
        } else {
            auto row = row_of(*stats, fields_);
            if (has(need_, Need::oom) && !row.oom_score && collection_.from == tamalloc::Provenance::procfs)
                read_scores(row);
            add(std::move(row));
        }
    }

    // The library has both or none.
    void read_scores(ProcessRow& row) const {
        const auto error = procfs_.with_directory(row.pid, [&row](const detail::Descriptor& directory) {
            tamstat::read_scores(row, directory);
            return std::error_code();
        });
        if (error) row.oom_score = row.oom_score_adj = unread(error);
    }

    void add(ProcessRow row) {
        if (choice_.takes(row)) collection_.rows.push_back(std::move(row));
    }

    // Of each process once more, so that the cheap figures of all are there before the budget is spent.
    void supplement() {
        if (!has(need_, Need::extra | Need::cgroup | Need::rollup | Need::maps | Need::cmdline)) return;
        const auto deadline = deadline_of(options_);
        Progress progress("reading processes", collection_.rows.size());
        std::vector<bool> leaves(collection_.rows.size());
        for (std::uint64_t done = 0; const auto i : largest_first()) {
            progress.at(done++);
            leaves[i] = !stays(collection_.rows[i], deadline);
        }
        std::erase_if(collection_.rows,
                      [leaves, i = std::size_t{0}](const ProcessRow&) mutable { return leaves[i++]; });
    }

    // What the budget does not reach shall be small: many small processes are older than the large one.
    [[nodiscard]] std::vector<std::size_t> largest_first() const {
        const auto size = has(need_, Need::maps) ? &ProcessRow::reserved : &ProcessRow::committed;
        auto order = ranges::views::iota(std::size_t{0}, collection_.rows.size()) | ranges::to<std::vector>();
        ranges::stable_sort(order, std::greater(),
                            [&](std::size_t i) { return (collection_.rows[i].*size).value_or(0); });
        return order;
    }

    [[nodiscard]] bool stays(ProcessRow& row, const Deadline& deadline) {
        if (!row.reserved) {
            set_details(row, need_, row.reserved.why());
            return options_.cgroup.empty();
        }
        const auto error = procfs_.with_directory(
            row.pid, [&](const detail::Descriptor& directory) { return supplement(row, directory, deadline); });
        collection_.exited += error == errc::no_such_process ? 1 : 0;
        return error != errc::no_such_process && choice_.takes_cgroup(row);
    }

    [[nodiscard]] std::error_code supplement(ProcessRow& row, const detail::Descriptor& directory,
                                             const Deadline& deadline) const {
        ProcessStats now;
        now.pid = row.pid;
        if (const auto error = detail::ProcessFiles(directory.get(), {}).read(StatsField::identity, now)) return error;
        if (row.start_ns && now.start_ns != *row.start_ns)
            return errc::no_such_process;   // the pid is another's by now
        read_details(row, directory, need_, deadline, options_.procfs == "/proc");
        return {};
    }

    const Options& options_;
    Need need_;
    Choice choice_;
    detail::Procfs procfs_;
    StatsField fields_ = without_scores;
    Collection collection_;
};

}   // namespace

Collection collect(const Options& options, Need need) {
    using namespace std::chrono_literals;
    using Clock = std::chrono::steady_clock;
    constexpr auto interval = 500ms;
    std::optional<Collection> before;
    const auto start = Clock::now();
    if (has(need, Need::growth)) {
        before = Collector(options, Need::nothing).collect();
        std::this_thread::sleep_for(interval);
    }
    const auto between = Clock::now() - start;   // not the interval: a machine in trouble sleeps longer
    if (options.cmdline) need = need | Need::cmdline;
    auto collection = Collector(options, need | need_of(options.detail)).collect();
    collection.kernel = kernel_release(options.procfs);
    if (before) add_growth(collection.rows, before->rows, std::chrono::duration<double>(between).count());
    return collection;
}

void add_growth(std::span<ProcessRow> now, std::span<const ProcessRow> before, double seconds) {
    auto old = before.begin();
    for (auto& row : now) {
        while (old != before.end() && old->pid < row.pid) ++old;
        if (old == before.end()) return;
        if (old->pid != row.pid || !row.start_ns || !old->start_ns || *row.start_ns != *old->start_ns) continue;
        if (!row.committed || !old->committed) continue;
        const auto grown = static_cast<double>(*row.committed) - static_cast<double>(*old->committed);
        row.growth = static_cast<std::int64_t>(grown / seconds);
    }
}

Need needs(const Options& options, std::span<const Column* const> columns) {
    auto need = need_of(options.detail);
    for (const auto* const column : columns) need = need | column->need;
    for (const auto& key : options.sort) need = need | sort_column(all_columns(), key.column).need;
    (void)filter_for(options.filter, all_columns(), [&need](const Column& column) { need = need | column.need; });
    if (!options.cgroup.empty()) need = need | Need::cgroup;
    return need;
}

void arrange(std::vector<ProcessRow>& rows, const Options& options, std::span<const SortKey> usual) {
    arrange_rows(rows, all_columns(), options, usual);
}

int verdict(const Collection& collection) {
    for (const auto pid : collection.missing) complain(fmt::format("there is no process {}", pid));
    for (const auto pid : collection.kernel_threads)
        complain(fmt::format("{} is a kernel thread: it has no memory of its own", pid));
    if (!collection.missing.empty() || !collection.kernel_threads.empty()) return exit_failed;
    const auto denied = [](const ProcessRow& row) { return is_denial(row.reserved.why()); };
    return !collection.rows.empty() && ranges::all_of(collection.rows, denied) ? exit_denied : exit_ok;
}

}   // namespace tamstat
