// SPDX-License-Identifier: MIT
#include "parser.hpp"

#include <algorithm>   // std::ranges::find
#include <cstdio>      // std::fputs
#include <limits>      // std::numeric_limits
#include <string>      // std::string
#include <utility>     // std::move, std::pair
#include <vector>      // std::vector

#include <fmt/format.h>

#include "accepted.hpp"           // refusal
#include "arguments.hpp"          // read_seconds and its kin, whole_number
#include "exit_code.hpp"          // complain, exit_usage
#include "tamalloc/version.hpp"   // TAMALLOC_VERSION_STRING

namespace tamstat {
namespace {

// An option of fixed words. Not CLI::CheckedTransformer, which shows the bytes of the values.
template<class T> CLI::Option* one_of(CLI::App& app, const std::string& name, T& target,
                                      std::vector<std::pair<std::string, T>> values, const std::string& what) {
    std::vector<std::string> words;
    words.reserve(values.size());
    for (const auto& value : values) words.push_back(value.first);
    return app
        .add_option_function<std::string>(
            name,
            [&target, values = std::move(values)](const std::string& word) {
                target = std::ranges::find(values, word, &std::pair<std::string, T>::first)->second;
            },
            what)
        ->transform(CLI::IsMember(std::move(words), CLI::ignore_case));
}

// An option whose text a function reads, which throws CLI::ValidationError.
template<class F> CLI::Option* read_by(CLI::App& app, const std::string& name, const std::string& type, F read,
                                       const std::string& what) {
    return app
        .add_option_function<std::string>(
            name,
            [name, read](const std::string& text) {
                const auto problem = read(text);
                if (!problem.empty()) throw CLI::ValidationError(name.substr(name.rfind('-') - 1), problem);
            },
            what)
        ->type_name(type);
}

void define_output(CLI::App& app, Options& o) {
    constexpr const char* group = "Output";
    one_of<Format>(app, "--format", o.format,
                   {{"table", Format::table}, {"plain", Format::plain}, {"csv", Format::csv}, {"json", Format::json}},
                   "how to print")
        ->group(group);
    app.add_flag_callback("-j,--json", [&o] { o.format = Format::json; }, "as --format json")->group(group);
    app.add_flag_callback(
           "--json-lines", [&o] { o.format = Format::json_lines; }, "JSON, one process or sample a line")
        ->group(group);
    app.add_flag_callback(
           "--plain", [&o] { o.format = Format::plain; }, "as --format plain: ASCII, no colour")
        ->group(group);
    one_of<ColorWhen>(app, "--color", o.color,
                      {{"auto", ColorWhen::automatic}, {"always", ColorWhen::always}, {"never", ColorWhen::never}},
                      "when to colour")
        ->group(group);
    one_of<Units>(app, "-u,--units", o.units,
                  {{"auto", Units::automatic},
                   {"KiB", Units::kib},
                   {"MiB", Units::mib},
                   {"GiB", Units::gib},
                   {"bytes", Units::bytes}},
                  "of sizes in tables")
        ->group(group);
    app.add_option("--columns", o.columns, "a,b shows these; +a,-b adds to and takes from the usual ones")
        ->type_name("COLUMN,...")
        ->group(group);
    app.add_flag_callback("--no-header", [&o] { o.header = false; }, "no line of headers")->group(group);
    app.add_flag("--cmdline", o.cmdline, "command lines in JSON; they may hold secrets")->group(group);
    app.add_flag("-q,--quiet", o.quiet, "no summary, no messages")->group(group);
}

void define_selection(CLI::App& app, Options& o) {
    constexpr const char* group = "Which processes";
    read_by(
        app, "--sort", "COLUMN,...", [&o](const std::string& text) { return read_sort(text, o.sort); },
        "by these columns; -COLUMN: largest first")
        ->group(group);
    app.add_option("-n,--limit", o.limit, "the first N")->type_name("N")->check(whole_number(0))->group(group);
    read_by(
        app, "-f,--filter", "EXPR",
        [&o](const std::string& text) {
            const bool blank = text.find_first_not_of(" \t\n") == std::string::npos;
            return blank ? std::string("is empty") : (o.filter = text, std::string());
        },
        "such as: reserved>1GiB and fill<5% and comm~'node|java'")
        ->group(group);
    app.add_option("--user", o.user, "of this user, name or number")->type_name("USER")->group(group);
    app.add_option("--cgroup", o.cgroup, "in this control group and those within")->type_name("PATH")->group(group);
    app.add_option("--comm", o.comm, "whose name matches")->type_name("REGEX")->group(group);
}

void define_reading(CLI::App& app, Options& o) {
    constexpr const char* group = "Reading";
    one_of<Detail>(app, "--detail", o.detail,
                   {{"basic", Detail::basic}, {"rollup", Detail::rollup}, {"maps", Detail::maps}},
                   "basic: counters; rollup: PSS, USS; maps: what the reserve is made of")
        ->group(group);
    read_by(
        app, "--budget", "TIME",
        [&o](const std::string& text) {
            Seconds seconds{};
            auto problem = read_seconds(text, seconds, Seconds(0));
            if (problem.empty()) o.budget = std::chrono::duration_cast<std::chrono::nanoseconds>(seconds);
            return problem;
        },
        "for --detail rollup and maps (default 5s; 0: no limit)")
        ->group(group);
    one_of<Source>(app, "--source", o.source,
                   {{"auto", Source::automatic},
                    {"procfs", Source::procfs},
                    {"syscall", Source::syscall},
                    {"module", Source::module}},
                   "of the figures")
        ->group(group);
    app.add_option("--procfs", o.procfs, "another directory for /proc")->type_name("DIR")->group(group);
}

CLI::App* command(CLI::App& app, Options& o, const std::string& name, const std::string& what) {
    auto* const sub = app.add_subcommand(name, what);
    sub->callback([&o, name] { o.command = name; });
    return sub;
}

void add_pids(CLI::App& app, Options& o, const std::string& what) {
    app.add_option_function<std::vector<std::string>>(
           "pid",
           [&o](const std::vector<std::string>& texts) {
               const auto problem = read_pids(texts, o.pids);
               if (!problem.empty()) throw CLI::ValidationError("pid", problem);
           },
           what)
        ->type_name("PID");
}

void add_pid(CLI::App& app, Options& o) {
    app.add_option("pid", o.pids, "the process")
        ->required()
        ->expected(1)
        ->type_name("PID")
        ->check(whole_number(1, std::numeric_limits<pid_t>::max()));
}

void add_interval(CLI::App& app, Options& o, const std::string& names) {
    read_by(
        app, names, "TIME", [&o](const std::string& text) { return read_seconds(text, o.interval, Seconds(0.1)); },
        "between samples (default 1s)");
}

void define_lists(CLI::App& app, Options& o) {
    add_pids(*command(app, o, "ps", "one line per process; what tamstat does without a command"), o,
             "these processes only; 0 or all: every one");

    auto* const show = command(app, o, "show", "one process in full, with a picture of its address space");
    add_pid(*show, o);
    show->add_option("--svg", o.svg, "draw the picture into a file")->type_name("FILE");

    auto* const maps = command(app, o, "maps", "mappings of a process, the largest untouched first");
    add_pid(*maps, o);
    read_by(
        *maps, "--min", "SIZE", [&o](const std::string& text) { return read_size(text, o.min_size); },
        "none that are smaller");
    maps->add_option("--kind", o.kind, "of this kind only")
        ->check(CLI::IsMember({"none", "noreserve", "charged", "file", "other"}));

    command(app, o, "oom", "whom the kernel would kill for memory, in its order");
}

void define_live(CLI::App& app, Options& o) {
    auto* const top = command(app, o, "top", "processes, again and again");
    add_pids(*top, o, "these processes only");
    add_interval(*top, o, "-d,--interval");
    top->add_option("-n,--count", o.count, "how many times")->type_name("N")->check(whole_number(1));

    auto* const sys = command(app, o, "sys", "memory, commit charge, pressure, processors, disk");
    sys->add_flag("-w,--watch", o.watch, "again and again");
    add_interval(*sys, o, "-d,--interval");
    sys->add_option("--count", o.count, "how many times, with --watch")->type_name("N")->check(whole_number(1));
    sys->add_option("--mount", o.mount, "whose file system")->type_name("DIR");

    auto* const run = command(app, o, "run", "run a command and tell its peaks; ends as that does");
    add_interval(*run, o, "-d,--interval");
    run->add_option("-o,--output", o.output, "write the report there (default: standard error)")->type_name("FILE");
    run->add_option("--svg", o.svg, "draw the curve into a file")->type_name("FILE");
    run->add_option("command", o.run, "what to run, after --")->required()->type_name("CMD");
    run->positionals_at_end();
}

void define_demo(CLI::App& app, Options& o) {
    auto* const demo = command(app, o, "demo", "reserve memory, verify that it is zero, and see what that costs");
    read_by(
        *demo, "--size", "SIZE", [&o](const std::string& text) { return read_size(text, o.size); },
        "how much (default 10MiB)");
    demo->add_option("--mode", o.mode, "what to do with each page")->check(CLI::IsMember({"read", "write", "mixed"}));
    read_by(
        *demo, "--pace", "none|TIME",
        [&o](const std::string& text) {
            return text == "none" ? (o.pace = Seconds(0), std::string()) : read_seconds(text, o.pace, Seconds(0));
        },
        "pause after each MiB");
    demo->add_flag("--repeat", o.repeat, "again and again, until interrupted");
    demo->add_option("--count", o.count, "how many times, with --repeat")->type_name("N")->check(whole_number(1));
    add_interval(*demo, o, "-d,--interval");
}

void define_records(CLI::App& app, Options& o) {
    auto* const snapshot = command(app, o, "snapshot", "write down all processes, to compare them later");
    snapshot->add_option("-o,--output", o.output, "where to (default: standard output)")->type_name("FILE");

    auto* const diff = command(app, o, "diff", "compare two snapshots");
    diff->add_option("before", o.before, "the earlier one")->required()->type_name("FILE");
    diff->add_option("after", o.after, "the later one")->required()->type_name("FILE");
    read_by(
        *diff, "--threshold", "SIZE", [&o](const std::string& text) { return read_size(text, o.threshold.emplace()); },
        "exit 1 where a process has grown by more");

    auto* const exporter = command(app, o, "export", "metrics for Prometheus");
    exporter->add_option("--format", o.export_format, "which text format")
        ->check(CLI::IsMember({"prometheus", "openmetrics"}));
    exporter->add_option("--textfile", o.textfile, "write DIR/tamstat.prom, for node_exporter")->type_name("DIR");
    exporter->add_option("--by", o.by, "what a group is")->check(CLI::IsMember({"comm", "cgroup", "pid"}));
    exporter->add_option("--top", o.top, "the N largest groups, the rest as one")
        ->type_name("N")
        ->check(whole_number(0));
}

void define_help(CLI::App& app, Options& o) {
    command(app, o, "doctor", "what this kernel offers, and what is in the way");
    command(app, o, "help", "about the options, or a topic")
        ->add_option("topic", o.topic, "a command, or terms, columns, exit-codes, json")
        ->type_name("TOPIC");
    command(app, o, "completion", "a completion script for a shell")
        ->add_option("shell", o.topic, "which shell")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}   // namespace

void define(CLI::App& app, Options& options) {
    app.name("tamstat");
    app.description("What memory processes have reserved, what it is made of, and what they use of it.");
    app.set_version_flag("-V,--version", "tamstat " TAMALLOC_VERSION_STRING, "print the version");
    app.set_help_flag("-h,--help", "print this help");
    app.fallthrough();
    app.require_subcommand(0, 1);
    app.get_formatter()->column_width(34);
    define_output(app, options);
    define_selection(app, options);
    define_reading(app, options);
    define_lists(app, options);
    define_live(app, options);
    define_demo(app, options);
    define_records(app, options);
    define_help(app, options);
}

// CLI11's own exit codes are 100 to 127.
std::optional<int> parse(int argc, const char* const* argv, Options& options) {
    CLI::App app;
    define(app, options);
    try {
        app.parse(argc, argv);
        const auto refused = refusal(app, options);
        if (refused.empty()) return {};
        complain(fmt::format("{}\nTry: tamstat {} --help", refused, options.command));
        return exit_usage;
    } catch (const CLI::Success& wanted) {
        return app.exit(wanted);
    } catch (const CLI::ParseError& error) {
        complain(fmt::format("{}\nTry: tamstat --help", error.what()));
        return exit_usage;
    }
}

}   // namespace tamstat
