// SPDX-License-Identifier: MIT
//
// What the command line asks for. parser.hpp fills it in.
//
//   namespace tamstat {
//     enum class Format;  enum class Detail;  enum class Source;
//     struct SortKey;
//     struct Options;
//   }
#pragma once
#include <chrono>     // std::chrono::nanoseconds
#include <csignal>    // pid_t
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <optional>   // std::optional
#include <string>     // std::string
#include <vector>     // std::vector

#include "terminal.hpp"   // ColorWhen
#include "units.hpp"      // Units

namespace tamstat {

enum class Format : unsigned char { table, plain, csv, json, json_lines };

/// What to pay for, cheapest first: /proc/PID/{status,stat,oom_score}; a walk over all pages; a walk over all mappings.
enum class Detail : unsigned char { basic, rollup, maps };

enum class Source : unsigned char { automatic, procfs, syscall, module };

struct SortKey {
    std::string column;
    bool descending = false;
};

using Seconds = std::chrono::duration<double>;

struct Options {
    std::string command = "ps";

    // Output.
    Format format = Format::table;
    ColorWhen color = ColorWhen::automatic;
    Units units = Units::automatic;
    bool header = true, quiet = false;
    bool cmdline = false;   // command lines carry secrets: only when asked for
    std::string columns;    // as given: "a,b" or "+c,-d"; empty: the command's own

    // Which processes, in which order.
    std::vector<pid_t> pids;   // empty: all
    std::vector<SortKey> sort;
    std::optional<std::size_t> limit;
    std::string filter, user, cgroup, comm;   // empty: any

    // How to read them.
    Detail detail = Detail::basic;
    std::optional<std::chrono::nanoseconds> budget;   // of --detail rollup and maps; 0: no limit; none: the usual one
    std::string procfs = "/proc";
    Source source = Source::automatic;

    // Of single commands.
    std::uint64_t min_size = 0;         // maps
    std::string kind;                   // maps: none, noreserve, charged, file, other; empty: any
    std::string svg;                    // show, run: a file to draw to
    Seconds interval{1};                // top, sys --watch, run, demo --repeat
    std::optional<std::size_t> count;   // top, sys --watch: how many times
    bool watch = false;                 // sys
    std::string mount = "/";            // sys
    std::uint64_t size = 10 << 20;      // demo
    std::string mode = "mixed";         // demo: read, write, mixed
    Seconds pace{0};                    // demo: pause after each MiB
    bool repeat = false;                // demo
    std::vector<std::string> run;       // run: the command and its arguments
    std::string export_format = "prometheus", textfile, by = "comm";   // export
    std::optional<std::size_t> top;                                    // export: the largest groups only
    std::string output;                                                // snapshot
    std::string before, after;                                         // diff
    std::optional<std::uint64_t> threshold;   // diff: exit 1 where a process grew by more bytes
    std::string topic;                        // help, completion
};

}   // namespace tamstat
