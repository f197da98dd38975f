// SPDX-License-Identifier: MIT
// tamstat run: starts a command, watches what it and its descendants reserve and commit, and ends as it does.
#include <algorithm>   // std::max, std::min
#include <cerrno>      // ESRCH
#include <chrono>      // std::chrono::steady_clock
#include <cmath>       // std::round
#include <csignal>     // SIGCHLD, kill, sigtimedwait
#include <cstdint>     // std::uint64_t
#include <cstdio>      // std::fputs, stderr
#include <string>      // std::string
#include <vector>      // std::vector

#include <sys/resource.h>   // rusage
#include <sys/wait.h>       // wait4
#include <unistd.h>         // STDERR_FILENO

#include <fmt/format.h>   // fmt::format

#include "atomic_file.hpp"      // check_replaceable, replace_file
#include "commands.hpp"         // run_run
#include "curve.hpp"            // curve_svg, MemorySample, sparkline
#include "exit_code.hpp"        // complain, Failure
#include "json.hpp"             // dump, header, Json, put
#include "launch.hpp"           // Command, launch, watched_signals
#include "process_tree.hpp"     // descendants
#include "tamalloc/stats.hpp"   // process_stats
#include "terminal.hpp"         // terminal_width
#include "text.hpp"             // escaped, unicode

namespace tamstat {
namespace {

using Clock = std::chrono::steady_clock;

class Watch {
public:
    explicit Watch(const Command& command) : command_(command) {}

    void sample() {
        auto pids = descendants();
        if (pids.empty()) pids.push_back(command_.pid);
        MemorySample sum{.seconds = std::chrono::duration<double>(Clock::now() - command_.start).count()};
        for (const auto pid : pids) {
            const auto stats =
                tamalloc::process_stats(pid, tamalloc::StatsField::memory | tamalloc::StatsField::detail);
            if (!stats || stats->reserved == 0) continue;
            sum.reserved = tamalloc::detail::saturating_sum(sum.reserved, stats->reserved);
            sum.committed = tamalloc::detail::saturating_sum(sum.committed, stats->committed);
            ++sum.processes;
            note_peaks(stats->peak_reserved, stats->peak);
        }
        if (sum.processes == 0) return;   // it is ending
        note_peaks(sum.reserved, sum.committed);
        most_processes_ = std::max(most_processes_, sum.processes);
        samples_.push_back(sum);
    }

    // What the kernel says in the end of the largest process: samples may have missed it. It counts in what was there before
    // the command, and its counters are not exact to the page.
    void note_usage(const rusage& usage) {
        constexpr std::uint64_t kib = 1024, inexact = 128 * kib;
        const auto peak = static_cast<std::uint64_t>(usage.ru_maxrss) * kib;
        if (peak > command_.peak_before + inexact) note_peaks(0, peak);
    }

    void finish(int status) {
        seconds_ = std::chrono::duration<double>(Clock::now() - command_.start).count();
        status_ = status;
    }

    // As a shell has it.
    [[nodiscard]] int code() const {
        constexpr int by_signal = 128;
        return WIFSIGNALED(status_) ? by_signal + WTERMSIG(status_) : WEXITSTATUS(status_);
    }
    [[nodiscard]] const std::vector<MemorySample>& samples() const { return samples_; }
    [[nodiscard]] std::string report(const Options& options) const;
    [[nodiscard]] Json json(const Options& options) const;

private:
    void note_peaks(std::uint64_t reserved, std::uint64_t committed) {
        peak_reserved_ = std::max(peak_reserved_, reserved);
        peak_committed_ = std::max(peak_committed_, committed);
    }

    Command command_;
    std::vector<MemorySample> samples_;
    std::uint64_t peak_reserved_ = 0, peak_committed_ = 0;   // 0: ended before it was looked at
    std::uint64_t most_processes_ = 1;
    double seconds_ = 0;
    int status_ = 0;   // of wait4(2)
};

std::string Watch::report(const Options& options) const {
    constexpr std::size_t usual_width = 80, label_width = 34, least = 8;
    const auto width = terminal_width(STDERR_FILENO).value_or(usual_width);
    const auto columns = std::max(width, label_width + least) - label_width;
    const bool blocks = options.format != Format::plain && unicode();
    const auto line = [&](const char* name, std::uint64_t peak, std::uint64_t MemorySample::* figure) {
        auto text = fmt::format("  {:<10} peak {:>10}  {}", name, peak == 0 ? "-" : format_bytes(peak, options.units),
                                sparkline(samples_, figure, columns, blocks));
        text.erase(text.find_last_not_of(' ') + 1);
        return text + '\n';
    };
    return fmt::format("tamstat: {}: {} {} after {:.1f} s, at most {} process{} at once\n",
                       escaped(options.run.front()), WIFSIGNALED(status_) ? "signal" : "exit",
                       WIFSIGNALED(status_) ? WTERMSIG(status_) : WEXITSTATUS(status_), seconds_, most_processes_,
                       most_processes_ == 1 ? "" : "es") +
           line("reserved", peak_reserved_, &MemorySample::reserved) +
           line("committed", peak_committed_, &MemorySample::committed);
}

// A command that ended before it was looked at has used more than nothing.
Reading<std::uint64_t> known(std::uint64_t peak) { return peak == 0 ? Reading<std::uint64_t>(Unread{ESRCH}) : peak; }

Json Watch::json(const Options& options) const {
    auto document = header("run");
    auto& run = document["run"] = {{"command", options.run.front()},
                                   {"exit_code", WIFSIGNALED(status_) ? Json() : Json(WEXITSTATUS(status_))},
                                   {"signal", WIFSIGNALED(status_) ? Json(WTERMSIG(status_)) : Json()},
                                   {"seconds", std::round(seconds_ * 1000) / 1000}};
    put(run, "peak_reserved", known(peak_reserved_));
    put(run, "peak_committed", known(peak_committed_));
    run["most_processes"] = most_processes_;
    auto& samples = run["samples"] = Json::array();
    for (const auto& sample : samples_)
        samples.push_back({{"seconds", std::round(sample.seconds * 1000) / 1000},
                           {"reserved", sample.reserved},
                           {"committed", sample.committed},
                           {"processes", sample.processes}});
    return document;
}

// Short commands are looked at often; the longer one runs, the more seldom, down to the interval.
class Pace {
public:
    explicit Pace(Seconds interval) : longest_(std::chrono::duration_cast<Clock::duration>(interval)) {
        constexpr auto first = std::chrono::milliseconds(20);
        period_ = std::min<Clock::duration>(first, longest_);
        next_ = Clock::now() + period_;   // what a program has before the first is that of its loader
    }

    [[nodiscard]] timespec left() const {
        using std::chrono::nanoseconds;
        const auto left = std::max<nanoseconds>(next_ - Clock::now(), nanoseconds(0)).count();
        constexpr std::int64_t second = 1'000'000'000;
        return {static_cast<time_t>(left / second), static_cast<long>(left % second)};
    }

    void advance() {
        constexpr int taken_at_each = 128;
        if (++taken_ % taken_at_each == 0) period_ = std::min(2 * period_, longest_);
        next_ = std::max(next_ + period_, Clock::now());
    }

private:
    Clock::duration longest_, period_{};
    Clock::time_point next_;
    int taken_ = 0;
};

// Takes what has ended: orphans of the command, too.
// \returns whether the command has
bool reap(const Command& command, Watch& watch) {
    int status = 0;
    rusage usage{};
    for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        if (pid != command.pid) continue;
        watch.note_usage(usage);
        watch.finish(status);
        return true;
    }
    return false;
}

void watch_until_the_end(const Command& command, Watch& watch, Seconds interval) {
    const auto watched = watched_signals();
    Pace pace(interval);
    while (true) {
        const auto left = pace.left();
        siginfo_t info{};
        const int signal = ::sigtimedwait(&watched, &info, &left);
        if (signal == SIGCHLD && reap(command, watch)) return;
        // What a terminal sends, the command gets as well; what somebody sends to this process is meant for it.
        if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL) ::kill(command.pid, signal);
        if (signal > 0) continue;
        watch.sample();
        pace.advance();
    }
}

bool to_file(const std::string& path) { return !path.empty() && path != "-"; }

// Before the command runs: what it does may not be repeated for the sake of a report.
void check_writable(const std::string& path) {
    if (!to_file(path)) return;
    if (const auto error = check_replaceable(path)) throw Failure(exit_io, path + ": " + error.message());
}

// \returns whether it is written; an error does not change how the command has ended
bool save(const std::string& path, const std::string& text) {
    const auto error = replace_file(path, text);
    if (error) complain(path + ": " + error.message());
    return !error;
}

}   // namespace

int run_run(const Options& options) {
    check_writable(options.output);
    check_writable(options.svg);
    const auto command = launch(options.run);
    Watch watch(command);
    watch_until_the_end(command, watch, options.interval);
    const auto watched = watched_signals();
    ::sigprocmask(SIG_UNBLOCK, &watched, nullptr);   // the report may go to where nobody reads
    const bool as_json = options.format == Format::json || options.format == Format::json_lines;
    const auto report = as_json ? dump(watch.json(options)) + '\n' : watch.report(options);
    if (options.output == "-") std::fputs(report.c_str(), stdout);
    else if (to_file(options.output) ? !save(options.output, report) : as_json || !options.quiet)
        std::fputs(report.c_str(), stderr);   // stdout is the command's
    if (!options.svg.empty()) save(options.svg, curve_svg(watch.samples(), options.run.front()));
    return watch.code();
}

}   // namespace tamstat
