// SPDX-License-Identifier: MIT
// tamstat demo: reserves memory, checks that every byte of it is zero, writes some, gives some back, and shows what each step
// costs. With --repeat a block every second, without keeping any.
#include <chrono>    // std::chrono::steady_clock
#include <cstddef>   // std::byte, std::size_t
#include <cstdint>   // std::uint64_t, std::uintptr_t
#include <random>    // std::random_device
#include <string>    // std::string
#include <thread>    // std::this_thread

#include <fmt/format.h>   // fmt::format

#include "commands.hpp"               // run_demo
#include "demo_block.hpp"             // Block
#include "demonstration.hpp"          // Demonstration, memory_use
#include "exit_code.hpp"              // Failure
#include "json.hpp"                   // dump, header
#include "output.hpp"                 // print_now
#include "rows.hpp"                   // print
#include "tamalloc/detail/page.hpp"   // page_size
#include "tamalloc/stats.hpp"         // system_stats

namespace tamstat {
namespace {

using tamalloc::testing::MemoryUse;

std::uint64_t bytes_written(const Options& options) {
    if (options.mode == "write") return options.size;
    return options.mode == "mixed" ? options.size / 4 : 0;
}

// To read maps a page table entry for each page, and to write takes the memory: not more than half of what there is.
void refuse_what_would_hurt(const Options& options) {
    const auto system = tamalloc::system_stats(nullptr);
    if (!system) return;
    constexpr std::uint64_t entry = 8;
    const auto written = bytes_written(options);
    const auto needed = written + options.size / tamalloc::detail::page_size() * entry;
    if (needed > system->memory.available / 2)
        throw Failure(exit_usage,
                      fmt::format("demo: to {} {} would take {} of the {} that are available; choose a smaller --size",
                                  options.mode == "read" ? "read" : "write", format_bytes(options.size),
                                  format_bytes(needed), format_bytes(system->memory.available)));
}

bool as_json(const Options& options) { return options.format == Format::json || options.format == Format::json_lines; }

struct Round {
    std::size_t number;
    std::uintptr_t address;
    char first, last;   // of the block, as they are read
    MemoryUse use;
};

std::string text_of(const Round& round, const Options& options) {
    const auto& use = round.use;
    if (as_json(options)) {
        auto line = header("demo");
        line["demo"] = {{"round", round.number},
                        {"address", fmt::format("{:#x}", round.address)},
                        {"size", options.size},
                        {"reserved", use.reserved},
                        {"committed", use.committed}};
        return dump(line) + '\n';
    }
    if (options.format == Format::csv)
        return fmt::format("{},{:#x},{},{},{}\n", round.number, round.address, options.size, use.reserved,
                           use.committed);
    return fmt::format("{:>6} {:>14x} {:>10} {:>2}..{} {:>10} {:>10}\n", round.number, round.address,
                       format_bytes(options.size, options.units), round.first, round.last,
                       format_bytes(use.reserved, options.units), format_bytes(use.committed, options.units));
}

std::string header_of_rounds(const Options& options) {
    if (as_json(options) || !options.header) return {};
    if (options.format == Format::csv) return "round,address,size,reserved,committed\n";
    return fmt::format("{:>6} {:>14} {:>10} {:>5} {:>10} {:>10}\n", "ROUND", "ADDRESS", "SIZE", "BYTES", "RESERVED",
                       "COMMITTED");
}

// One block after the other: its first and last byte are written, and it is given back before the next.
int repeat(const Options& options) {
    using Clock = std::chrono::steady_clock;
    print_now(header_of_rounds(options));
    auto next = Clock::now();
    for (std::size_t round = 1; !options.count || round <= *options.count; ++round) {
        if (round > 1) std::this_thread::sleep_until(next);
        next += std::chrono::duration_cast<Clock::duration>(options.interval);
        const Block<> block(options.size);
        const auto bytes = block.bytes();
        const auto letter = static_cast<char>('A' + std::random_device()() % 26);
        bytes.front() = bytes.back() = static_cast<std::byte>(letter);
        print_now(text_of({.number = round,
                           .address = reinterpret_cast<std::uintptr_t>(bytes.data()),
                           .first = static_cast<char>(bytes.front()),
                           .last = static_cast<char>(bytes.back()),
                           .use = memory_use().value_or(MemoryUse())},
                          options));
    }
    return exit_ok;
}

}   // namespace

int run_demo(const Options& options) {
    if (options.size == 0) throw Failure(exit_usage, "demo: --size 0: nothing to show");
    if (options.repeat) return repeat(options);
    refuse_what_would_hurt(options);
    // Once in small: what runs for the first time makes pages of code and heap resident, which no step is to blame for.
    auto small = options;
    small.size = tamalloc::detail::page_size();
    small.pace = Seconds(0);
    Demonstration(small).run();
    Demonstration demonstration(options);
    demonstration.run();
    if (as_json(options)) {
        print_now(dump(demonstration.json()) + '\n');
    } else {
        print(options.format == Format::csv ? demonstration.raw_table() : demonstration.table(), options);
        print_now(options.format == Format::csv ? "" : demonstration.conclusion());
    }
    return demonstration.code();
}

}   // namespace tamstat
