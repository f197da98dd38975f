// SPDX-License-Identifier: MIT
// tamstat export: metrics for Prometheus, to stdout or for node_exporter's textfile collector.
#include <charconv>       // std::from_chars
#include <chrono>         // std::chrono::steady_clock
#include <cstdio>         // std::fputs
#include <filesystem>     // std::filesystem::exists, is_regular_file
#include <fstream>        // std::ifstream
#include <string>         // std::string, std::getline
#include <string_view>    // std::string_view
#include <system_error>   // std::errc, std::error_code

#include <fmt/format.h>

#include "atomic_file.hpp"   // replace_file
#include "collect.hpp"       // arrange, collect, verdict
#include "commands.hpp"      // run_export
#include "exit_code.hpp"     // Failure
#include "exposition.hpp"    // exposition
#include "metrics.hpp"       // metrics, scrape_errors

namespace tamstat {
namespace {

// Of the names of errnos, and "budget", "unknown".
constexpr std::string_view reason_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

GroupBy group_by(const Options& options) {
    if (options.by == "pid") return GroupBy::pid;
    return options.by == "cgroup" ? GroupBy::cgroup : GroupBy::comm;
}

Exposition exposition_format(const Options& options) {
    if (options.export_format == "prometheus") return Exposition::prometheus;
    if (!options.textfile.empty())
        throw Failure(exit_usage, "--textfile: node_exporter reads --format prometheus only");
    return Exposition::openmetrics;
}

// A FIFO would have to be read and written, and node_exporter takes none.
std::string path_of_textfile(const Options& options) {
    if (options.textfile.empty()) return {};
    const auto path = options.textfile + "/tamstat.prom";
    std::error_code error;
    if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error))
        throw Failure(exit_io, path + " is no regular file");
    return path;
}

// A counter goes on from one run to the next: what the old file says is where it stands.
void count_on_from(const std::string& path, ScrapeErrors& errors) {
    constexpr std::string_view begin = "tamstat_scrape_errors_total{reason=\"";
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(begin)) continue;
        const auto reason_end = line.find_first_not_of(reason_characters, begin.size());
        if (reason_end == std::string::npos || !std::string_view(line).substr(reason_end).starts_with("\"} ")) continue;
        std::uint64_t count = 0;
        const char* const last = line.data() + line.size();
        const auto [stop, error] = std::from_chars(line.data() + reason_end + 3, last, count);
        if (error == std::errc{} && stop == last) errors[line.substr(begin.size(), reason_end - begin.size())] += count;
    }
}

void write_textfile(const std::string& path, const std::string& text) {
    if (const auto error = replace_file(path, text))
        throw Failure(exit_io, fmt::format("{}: {}", path, error.message()));
}

}   // namespace

int run_export(const Options& options) {
    const auto format = exposition_format(options);
    const auto by = group_by(options);
    const auto path = path_of_textfile(options);

    const auto start = std::chrono::steady_clock::now();
    auto collection =
        collect(options, needs(options, {}) | Need::oom | (by == GroupBy::cgroup ? Need::cgroup : Need::nothing));
    const auto commit = commit_charge(options);
    const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - start;

    auto errors = scrape_errors(collection.rows);
    if (!path.empty()) count_on_from(path, errors);
    arrange(collection.rows, options);
    const auto text = exposition(
        metrics({collection.rows, commit.charged, commit.limit, std::move(errors), duration.count()}, by, options.top),
        format);
    if (path.empty()) std::fputs(text.c_str(), stdout);
    else write_textfile(path, text);
    return verdict(collection);
}

}   // namespace tamstat
