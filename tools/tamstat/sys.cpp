// SPDX-License-Identifier: MIT
// tamstat sys: the machine in one table, once or again and again.
#include <chrono>        // std::chrono::milliseconds
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint64_t
#include <cstring>       // std::strerror
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <thread>        // std::this_thread
#include <utility>       // std::move
#include <vector>        // std::vector

#include <fmt/format.h>   // fmt::format
#include <unistd.h>       // STDOUT_FILENO

#include "columns.hpp"                  // raw_cell
#include "commands.hpp"                 // run_sys
#include "exit_code.hpp"                // Failure
#include "json.hpp"                     // dump, header, Json
#include "machine.hpp"                  // first_line, meminfo, pressure
#include "output.hpp"                   // print_now
#include "rows.hpp"                     // layout_for
#include "screen.hpp"                   // Screen
#include "table.hpp"                    // Table
#include "tamalloc/detail/procfs.hpp"   // Procfs
#include "tamalloc/stats.hpp"           // system_totals
#include "terminal.hpp"                 // use_color
#include "ticker.hpp"                   // Ticker

namespace tamstat {
namespace {

using tamalloc::SystemStats;
using tamalloc::SystemTotals;

template<class T> T value_or_throw(const tamalloc::result<T>& result, const Options& options) {
    if (result) return *result;
    // The library does not say which of its files it was.
    for (const auto* const name : {"/meminfo", "/stat"})
        if (const auto line = first_line(options.procfs + name); !line)
            throw Failure(exit_io, fmt::format("sys: {}{}: {}", options.procfs, name, std::strerror(line.why().error)));
    throw Failure(exit_io, fmt::format("sys: {}: {}", options.procfs, result.error().message()));
}

SystemTotals totals_now(const Options& options) {
    const bool of_this_system = options.procfs == "/proc" && options.source != Source::procfs;
    if (of_this_system) return value_or_throw(tamalloc::system_totals(), options);
    const auto procfs = tamalloc::detail::Procfs::open(options.procfs.c_str());
    if (!procfs) throw Failure(exit_io, fmt::format("sys: {}: {}", options.procfs, procfs.error().message()));
    return value_or_throw(procfs->system_totals(), options);
}

SystemStats stats_now(const Options& options) {
    const auto procfs = tamalloc::detail::Procfs::open(options.procfs.c_str());
    if (!procfs) throw Failure(exit_io, fmt::format("sys: {}: {}", options.procfs, procfs.error().message()));
    (void)value_or_throw(procfs->system_stats(nullptr), options);   // whose error it is
    const auto all = procfs->system_stats(options.mount.c_str());
    if (!all) throw Failure(exit_io, fmt::format("sys: --mount {}: {}", options.mount, all.error().message()));
    return *all;
}

// Shares of the time that passed between two readings, or since boot where none did: another machine's /proc stands still.
struct Cpu {
    double user = 0, system = 0, idle = 0;
    bool since_boot = false;
};

Cpu cpu_between(const SystemStats& before, const SystemStats& now) {
    // Idle time may be seen to go back: proc(5).
    const auto more = [](std::uint64_t from, std::uint64_t to) {
        return to > from ? static_cast<double>(to - from) : 0.0;
    };
    Cpu cpu{more(before.cpu.user, now.cpu.user), more(before.cpu.system, now.cpu.system),
            more(before.cpu.idle, now.cpu.idle)};
    auto total = cpu.user + cpu.system + cpu.idle;
    if (total <= 0) {
        cpu = {static_cast<double>(now.cpu.user), static_cast<double>(now.cpu.system),
               static_cast<double>(now.cpu.idle), true};
        total = cpu.user + cpu.system + cpu.idle;
    }
    if (total <= 0) return cpu;
    return {cpu.user / total, cpu.system / total, cpu.idle / total, cpu.since_boot};
}

struct Sample {
    SystemStats stats;
    SystemTotals totals;
    Reading<std::uint64_t> swap_free;
    Reading<Pressure> memory, io, cpu;
    Cpu time;
};

Sample take(const Options& options, const SystemStats& before) {
    const auto stats = stats_now(options);
    return {.stats = stats,
            .totals = totals_now(options),
            .swap_free = meminfo(options.procfs, "SwapFree:"),
            .memory = pressure(options.procfs, "memory"),
            .io = pressure(options.procfs, "io"),
            .cpu = pressure(options.procfs, "cpu"),
            .time = cpu_between(before, stats)};
}

class SystemTable {
public:
    explicit SystemTable(const Options& options) : options_(options), csv_(options.format == Format::csv) {}

    void bytes(const char* what, const char* figure, std::uint64_t value, std::uint64_t of = 0, double high = 2) {
        const bool is_high = of != 0 && static_cast<double>(value) > high * static_cast<double>(of);
        const auto part = of == 0 ? std::string() : percent(static_cast<double>(value) / static_cast<double>(of));
        table_.add({what,
                    figure,
                    csv_ ? raw_cell(Value(value)) : format_bytes(value, options_.units),
                    {part, is_high ? Style::high : Style::none}});
    }
    void unread(const char* what, const char* figure) { table_.add({what, figure, csv_ ? "" : "-", ""}); }
    void count(const char* what, const char* figure, std::uint64_t value) {
        table_.add({what, figure, fmt::format("{}", value), ""});
    }
    void share(const char* what, const char* figure, double value, bool warning = false) {
        table_.add({what, figure, "", {percent(value), warning ? Style::warning : Style::none}});
    }
    Table take() { return std::move(table_); }

private:
    [[nodiscard]] std::string percent(double share) const {
        return csv_ ? raw_cell(Value(share)) : fmt::format("{:.1f}%", 100 * share);
    }

    const Options& options_;
    bool csv_;   // raw figures
    Table table_{{{csv_ ? "what" : "WHAT", Align::left},
                  {csv_ ? "figure" : "FIGURE", Align::left},
                  {csv_ ? "value" : "VALUE"},
                  {csv_ ? "share" : "SHARE"}}};
};

void add_pressure(SystemTable& table, const char* what, const Reading<Pressure>& reading, bool with_full) {
    constexpr double much = 0.1;   // of the time: somebody notices
    if (!reading) {
        table.unread(what, "some wait");
        return;
    }
    table.share(what, "some wait", reading->some, reading->some > much);
    if (with_full) table.share(what, "all wait", reading->full, reading->full > much);
}

Table table_of(const Sample& sample, const Options& options) {
    constexpr double nearly_all = 0.9;
    SystemTable table(options);
    const auto& [stats, totals, swap_free, memory_pressure, io_pressure, cpu_pressure, cpu] = sample;
    table.bytes("memory", "total", stats.memory.total);
    table.bytes("memory", "used", stats.memory.used, stats.memory.total, nearly_all);
    table.bytes("memory", "free", stats.memory.free, stats.memory.total);
    table.bytes("memory", "available", stats.memory.available, stats.memory.total);
    table.bytes("swap", "total", totals.swap);
    if (swap_free) table.bytes("swap", "free", *swap_free, totals.swap);
    else table.unread("swap", "free");
    table.bytes("commit", "charged", totals.charged, totals.charge_limit, nearly_all);
    table.bytes("commit", "limit", totals.charge_limit);
    table.count("processes", "number", totals.processes);
    table.bytes("processes", "reserved", totals.reserved);
    table.bytes("processes", "committed", totals.committed, stats.memory.total);
    add_pressure(table, "memory pressure", memory_pressure, true);
    add_pressure(table, "io pressure", io_pressure, true);
    add_pressure(table, "cpu pressure", cpu_pressure, false);   // of a processor never all wait
    const auto* const when = cpu.since_boot ? "cpu since boot" : "cpu";
    table.share(when, "user", cpu.user);
    table.share(when, "system", cpu.system);
    table.share(when, "idle", cpu.idle);
    const auto disk = "disk " + options.mount;
    table.bytes(disk.c_str(), "total", stats.disk.total);
    table.bytes(disk.c_str(), "free", stats.disk.free, stats.disk.total);
    table.bytes(disk.c_str(), "available", stats.disk.available, stats.disk.total);
    return table.take();
}

Json json_of(const Reading<Pressure>& reading) {
    if (!reading) return nullptr;
    return {{"some", reading->some}, {"full", reading->full}};
}

Json json_of(const Sample& sample, const Options& options) {
    const auto& [stats, totals, swap_free, memory_pressure, io_pressure, cpu_pressure, cpu] = sample;
    auto document = header("sys");
    document["system"] = {
        {"memory",
         {{"total", stats.memory.total},
          {"used", stats.memory.used},
          {"free", stats.memory.free},
          {"available", stats.memory.available}}},
        {"swap", {{"total", totals.swap}, {"free", swap_free ? Json(*swap_free) : Json()}}},
        {"commit", {{"charged", totals.charged}, {"limit", totals.charge_limit}}},
        {"processes", {{"number", totals.processes}, {"reserved", totals.reserved}, {"committed", totals.committed}}},
        {"pressure",
         {{"memory", json_of(memory_pressure)}, {"io", json_of(io_pressure)}, {"cpu", json_of(cpu_pressure)}}},
        {"cpu", {{"user", cpu.user}, {"system", cpu.system}, {"idle", cpu.idle}, {"since_boot", cpu.since_boot}}},
        {"disk",
         {{"mount", options.mount},
          {"total", stats.disk.total},
          {"free", stats.disk.free},
          {"available", stats.disk.available}}}};
    return document;
}

std::string text_of(const Sample& sample, const Options& options) {
    if (options.format == Format::json || options.format == Format::json_lines)
        return dump(json_of(sample, options)) + '\n';
    const auto table = table_of(sample, options);
    return options.format == Format::csv ? table.csv(options.header) : table.text(layout_for(options));
}

// \returns whether the user wants to see more
bool wait_for(Screen& screen, Ticker& ticker, const std::vector<Line>& lines) {
    while (true) {
        const auto event = screen.wait(ticker.next());
        if (event.what == Event::What::key && event.key == 'q') return false;
        if (event.what == Event::What::redraw) screen.show(lines);
        if (event.what == Event::What::time) break;
    }
    ticker.advance();
    return true;
}

void watch(const Options& options, SystemStats before) {
    const bool on_screen = options.format == Format::table;
    const auto screen = on_screen ? Screen::open(use_color(options.color, STDOUT_FILENO)) : nullptr;
    Ticker ticker(options.interval);
    for (std::size_t n = 0; !options.count || n < *options.count; ++n) {
        const auto sample = take(options, before);
        before = sample.stats;
        const bool last = options.count && n + 1 == *options.count;
        if (screen) {
            const auto lines = table_of(sample, options).lines({.width = screen->width(), .header = options.header});
            screen->show(lines);
            if (!wait_for(*screen, ticker, lines)) return;
        } else {
            print_now((n > 0 && options.format != Format::json && options.format != Format::json_lines ? "\n" : "") +
                      text_of(sample, options));
            if (!last) ticker.wait();
        }
    }
}

}   // namespace

int run_sys(const Options& options) {
    const auto before = stats_now(options);
    constexpr auto measured = std::chrono::milliseconds(250);   // some ticks of each processor
    if (options.procfs == "/proc") std::this_thread::sleep_for(measured);
    if (options.watch) watch(options, before);
    else print_now(text_of(take(options, before), options));
    return exit_ok;
}

}   // namespace tamstat
