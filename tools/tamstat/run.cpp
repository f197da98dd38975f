// SPDX-License-Identifier: MIT
// tamstat run: starts a command, watches what it and its descendants reserve and commit, and ends as it does.
#include <algorithm>   // std::max, std::min, std::ranges::max_element
#include <array>       // std::array
#include <cerrno>      // ENOENT
#include <chrono>      // std::chrono::steady_clock
#include <csignal>     // SIGTERM and its kin
#include <cstdint>     // std::uint64_t
#include <cstdio>      // std::fputs, stderr
#include <string>      // std::string
#include <vector>      // std::vector

#include <spawn.h>          // posix_spawnp
#include <sys/prctl.h>      // PR_SET_CHILD_SUBREAPER
#include <sys/resource.h>   // getrusage
#include <sys/wait.h>       // wait4
#include <unistd.h>         // environ

#include <fmt/format.h>   // fmt::format

#include "atomic_file.hpp"      // replace_file
#include "commands.hpp"         // run_run
#include "curve.hpp"            // curve_svg, MemorySample, sparkline
#include "exit_code.hpp"        // Failure
#include "json.hpp"             // dump, header, Json
#include "process_tree.hpp"     // descendants
#include "tamalloc/stats.hpp"   // process_stats
#include "terminal.hpp"         // terminal_width
#include "text.hpp"             // escaped, unicode

namespace tamstat {
namespace {

using Clock = std::chrono::steady_clock;

// What the shell answers.
constexpr int cannot_execute = 126, not_found = 127, by_signal = 128;

sigset_t signals(std::initializer_list<int> list) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : list) ::sigaddset(&set, signal);
    return set;
}

// Those that the command is to get, and the one that says that it has ended.
sigset_t watched_signals() { return signals({SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}); }

struct Command {
    pid_t pid = 0;
    Clock::time_point start;
};

// \effects blocks the signals that are watched, but not in the command
Command start(std::vector<std::string> words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto watched = watched_signals();
    std::signal(SIGCHLD, SIG_DFL);   // where it is ignored, nobody hears that the command has ended
    sigset_t before;
    ::sigprocmask(SIG_BLOCK, &watched, &before);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);   // what outlives its parent in there still belongs to it
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &before);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    Command command{.start = Clock::now()};
    const int error = ::posix_spawnp(&command.pid, arguments.front(), nullptr, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    if (error == 0) return command;
    throw Failure(static_cast<ExitCode>(error == ENOENT ? not_found : cannot_execute),
                  fmt::format("run: {}: {}", words.front(), std::system_category().message(error)));
}

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

    // What the kernel says in the end of the largest process: samples may have missed it. But it begins with what this
    // process had when it started the command.
    void note_usage(const rusage& usage) {
        rusage own{};
        ::getrusage(RUSAGE_SELF, &own);
        constexpr std::uint64_t kib = 1024;
        if (usage.ru_maxrss > own.ru_maxrss) note_peaks(0, static_cast<std::uint64_t>(usage.ru_maxrss) * kib);
    }

    void finish(int status) {
        seconds_ = std::chrono::duration<double>(Clock::now() - command_.start).count();
        code_ = WIFSIGNALED(status) ? by_signal + WTERMSIG(status) : WEXITSTATUS(status);
    }

    [[nodiscard]] int code() const { return code_; }
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
    std::uint64_t peak_reserved_ = 0, peak_committed_ = 0, most_processes_ = 0;
    double seconds_ = 0;
    int code_ = 0;
};

std::string Watch::report(const Options& options) const {
    constexpr std::size_t usual_width = 80, label_width = 34, least = 8;
    const auto width = terminal_width(STDERR_FILENO).value_or(usual_width);
    const auto columns = std::max(width, label_width + least) - label_width;
    const bool blocks = options.format != Format::plain && unicode();
    const auto line = [&](const char* name, std::uint64_t peak, std::uint64_t MemorySample::* figure) {
        return fmt::format("  {:<10} peak {:>10}  {}\n", name, peak == 0 ? "-" : format_bytes(peak, options.units),
                           sparkline(samples_, figure, columns, blocks));
    };
    return fmt::format("tamstat: {}: {} {} after {:.1f} s, at most {} process{} at once\n",
                       escaped(options.run.front()), code_ > by_signal ? "signal" : "exit",
                       code_ > by_signal ? code_ - by_signal : code_, seconds_, most_processes_,
                       most_processes_ == 1 ? "" : "es") +
           line("reserved", peak_reserved_, &MemorySample::reserved) +
           line("committed", peak_committed_, &MemorySample::committed);
}

// A command that ended before it was looked at has used more than nothing.
Json known(std::uint64_t peak) { return peak == 0 ? Json() : Json(peak); }

Json Watch::json(const Options& options) const {
    auto document = header("run");
    auto& run = document["run"] = {{"command", options.run.front()},
                                   {"exit_code", code_},
                                   {"seconds", std::round(seconds_ * 1000) / 1000},
                                   {"peak_reserved", known(peak_reserved_)},
                                   {"peak_committed", known(peak_committed_)},
                                   {"most_processes", most_processes_}};
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
        next_ = Clock::now();
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
    watch.sample();   // it may have ended before the first wait
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

void save(const std::string& path, const std::string& text) {
    if (const auto error = replace_file(path, text)) throw Failure(exit_io, path + ": " + error.message());
}

}   // namespace

int run_run(const Options& options) {
    const auto command = start(options.run);
    Watch watch(command);
    watch_until_the_end(command, watch, options.interval);
    const bool as_json = options.format == Format::json || options.format == Format::json_lines;
    const auto report = as_json ? dump(watch.json(options)) + '\n' : watch.report(options);
    if (!options.output.empty()) save(options.output, report);
    else if (as_json || !options.quiet) std::fputs(report.c_str(), stderr);   // stdout is the command's
    if (!options.svg.empty()) save(options.svg, curve_svg(watch.samples(), options.run.front()));
    return watch.code();
}

}   // namespace tamstat
