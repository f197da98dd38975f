// SPDX-License-Identifier: MIT
// tamstat demo: reserves memory, checks that every byte of it is zero, writes some, gives some back, and shows what each step
// costs. With --repeat a block every second, without keeping any.
#include <algorithm>      // std::min, std::ranges::count, std::ranges::fill
#include <chrono>         // std::chrono::steady_clock
#include <cstddef>        // std::byte, std::size_t
#include <cstdint>        // std::uint64_t, std::uintptr_t
#include <optional>       // std::optional
#include <random>         // std::random_device
#include <span>           // std::span
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <system_error>   // std::system_error
#include <thread>         // std::this_thread
#include <utility>        // std::move
#include <vector>         // std::vector

#include <fmt/format.h>   // fmt::format

#include "columns.hpp"                  // raw_cell
#include "commands.hpp"                 // run_demo
#include "demo_block.hpp"               // Block
#include "exit_code.hpp"                // Failure
#include "json.hpp"                     // dump, header, Json
#include "output.hpp"                   // print_now
#include "progress.hpp"                 // Progress
#include "rows.hpp"                     // print
#include "table.hpp"                    // Table
#include "tamalloc/detail/page.hpp"     // page_size
#include "tamalloc/discovery.hpp"       // backend
#include "tamalloc/mappings.hpp"        // mappings
#include "tamalloc/stats.hpp"           // system_stats
#include "tamalloc/system_source.hpp"   // SystemSource
#include "tamalloc/testing.hpp"         // memory_use

namespace tamstat {
namespace {

using Bytes = std::span<std::byte>;
using tamalloc::testing::MemoryUse;

constexpr std::size_t mib = 1 << 20;

struct Step {
    std::string name;
    std::optional<MemoryUse> use;   // none: there is no /proc
    std::optional<std::uint64_t> zero_pages;
    std::string meaning;
};

std::optional<MemoryUse> memory_use() {
    try {
        return tamalloc::testing::memory_use();
    } catch (const std::system_error&) {
        return std::nullopt;
    }
}

std::optional<std::uint64_t> zero_pages_of(Bytes range) {
    if (range.data() == nullptr) return std::nullopt;
    const auto mappings = tamalloc::mappings();
    if (!mappings) return std::nullopt;
    const auto first = reinterpret_cast<std::uintptr_t>(range.data());
    const auto bytes = mappings->zero_mapped(first, first + tamalloc::SystemSource::rounded(range.size()));
    if (!bytes) return std::nullopt;
    return *bytes / tamalloc::detail::page_size();
}

class Demonstration {
public:
    explicit Demonstration(const Options& options) : options_(options) {}

    // \returns whether every byte was zero that had to be
    bool run() {
        note("start", {}, "");
        Block block(options_.size);
        const auto all = block.bytes();
        address_ = reinterpret_cast<std::uintptr_t>(all.data());
        note("allocate", all, "reserved, nothing behind it");
        if (options_.mode != "write") {
            check_zero(all, "read");
            note("read all", all, "reads map the shared zero page: no memory");
        }
        if (options_.mode == "write") write(all, all, "write all");
        if (options_.mode == "mixed") {
            write(all, all.first(all.size() / 4), "write 1/4");
            const auto part = all.first(all.size() / 8);
            block.discard(part);
            note("discard 1/8", all, "given back");
            check_zero(part, "read");
            note("read 1/8", all, "zero again");
        }
        block.release();
        note("release", {}, "address space given back");
        return not_zero_ == 0 && lost_ == 0;
    }

    [[nodiscard]] Table table() const;
    [[nodiscard]] Table raw_table() const;
    [[nodiscard]] std::string conclusion() const;
    [[nodiscard]] Json json() const;

private:
    void note(std::string name, Bytes all, std::string meaning) {
        steps_.push_back({std::move(name), memory_use(), zero_pages_of(all), std::move(meaning)});
    }

    // Calls f(part) for each MiB, and reports.
    template<class F> void in_pieces(Bytes range, const char* verb, F f) {
        Progress progress(fmt::format("{} {}", verb, format_bytes(range.size())), range.size());
        for (std::size_t done = 0; done < range.size();) {
            const auto part = range.subspan(done, std::min(mib, range.size() - done));
            f(part);
            done += part.size();
            progress.at(done);
            if (options_.pace.count() > 0) report(verb, done, range.size());
        }
    }

    void report(const char* verb, std::size_t done, std::size_t of) const {
        const bool as_text = options_.format == Format::table || options_.format == Format::plain;
        if (const auto use = memory_use(); as_text && use)
            print_now(fmt::format("{:<5} {} of {}: {}, committed {}\n", verb, format_bytes(done, options_.units),
                                  format_bytes(of, options_.units), not_zero_ == 0 ? "all zero" : "NOT ALL ZERO",
                                  format_bytes(use->committed, options_.units)));
        std::this_thread::sleep_for(options_.pace);
    }

    void check_zero(Bytes range, const char* verb) {
        in_pieces(range, verb, [this](Bytes part) { count_zero(part); });
    }

    void count_zero(Bytes part) {
        const auto zero = static_cast<std::size_t>(std::ranges::count(part, std::byte{0}));
        verified_ += part.size();
        not_zero_ += part.size() - zero;
    }

    void write(Bytes all, Bytes range, std::string name) {
        const auto letter = static_cast<std::byte>('A' + std::random_device()() % 26);
        in_pieces(range, "write", [this, letter](Bytes part) {
            count_zero(part);
            std::ranges::fill(part, letter);
            lost_ += part.size() - static_cast<std::size_t>(std::ranges::count(part, letter));
        });
        note(std::move(name), all, "only writes commit");
        written_ += range.size();
    }

    const Options& options_;
    std::vector<Step> steps_;
    std::uintptr_t address_ = 0;
    std::uint64_t verified_ = 0, not_zero_ = 0, written_ = 0, lost_ = 0;   // bytes
};

Table Demonstration::table() const {
    Table table({{"STEP", Align::left},
                 {"RESERVED"},
                 {"COMMITTED"},
                 {"PAGE TABLES"},
                 {"ZERO PAGES"},
                 {"FAULTS"},
                 {"WHAT IT SHOWS", Align::left}});
    std::optional<std::uint64_t> faults;
    for (const auto& step : steps_) {
        const auto bytes = [&](std::uint64_t MemoryUse::* member) {
            return step.use ? format_bytes((*step.use).*member, options_.units) : std::string("-");
        };
        const auto more = step.use && faults ? fmt::format("+{}", step.use->minor_faults - *faults) : "-";
        faults = step.use ? std::optional(step.use->minor_faults) : std::nullopt;
        table.add({step.name, bytes(&MemoryUse::reserved), bytes(&MemoryUse::committed), bytes(&MemoryUse::page_tables),
                   step.zero_pages ? fmt::format("{}", *step.zero_pages) : "-", more, step.meaning});
    }
    return table;
}

// For CSV: the keys and the figures of JSON.
Table Demonstration::raw_table() const {
    Table table({{"step"}, {"reserved"}, {"committed"}, {"page_tables"}, {"zero_pages"}, {"minor_faults"}});
    for (const auto& step : steps_) {
        const auto figure = [&](std::uint64_t MemoryUse::* member) {
            return step.use ? raw_cell(Value((*step.use).*member)) : std::string();
        };
        table.add({step.name, figure(&MemoryUse::reserved), figure(&MemoryUse::committed),
                   figure(&MemoryUse::page_tables), step.zero_pages ? raw_cell(Value(*step.zero_pages)) : "",
                   figure(&MemoryUse::minor_faults)});
    }
    return table;
}

std::string Demonstration::conclusion() const {
    const auto [backend, reason] = tamalloc::backend();
    auto text = not_zero_ == 0 ? fmt::format("verified: {} bytes are zero\n", verified_)
                               : fmt::format("FAILED: {} of {} bytes are not zero\n", not_zero_, verified_);
    if (lost_ != 0) text += fmt::format("FAILED: {} of {} bytes that were written are not there\n", lost_, written_);
    text += fmt::format("asked for {}, wrote {}: committed follows what is written, page tables what is touched\n",
                        format_bytes(options_.size, options_.units), format_bytes(written_, options_.units));
    text += fmt::format("back-end: {} ({})\n", backend == tamalloc::Backend::mmap ? "mmap" : "kernel", reason);
    return text;
}

Json Demonstration::json() const {
    auto document = header("demo");
    const auto [backend, reason] = tamalloc::backend();
    auto& demo = document["demo"] = {{"size", options_.size},
                                     {"mode", options_.mode},
                                     {"backend", backend == tamalloc::Backend::mmap ? "mmap" : "kernel"},
                                     {"backend_reason", reason},
                                     {"address", fmt::format("{:#x}", address_)},
                                     {"verified", verified_},
                                     {"not_zero", not_zero_},
                                     {"written", written_},
                                     {"lost", lost_}};
    auto& steps = demo["steps"] = Json::array();
    for (const auto& step : steps_) {
        const auto figure = [&](std::uint64_t MemoryUse::* member) {
            return step.use ? Json((*step.use).*member) : Json();
        };
        steps.push_back({{"step", step.name},
                         {"reserved", figure(&MemoryUse::reserved)},
                         {"committed", figure(&MemoryUse::committed)},
                         {"page_tables", figure(&MemoryUse::page_tables)},
                         {"zero_pages", step.zero_pages ? Json(*step.zero_pages) : Json()},
                         {"minor_faults", figure(&MemoryUse::minor_faults)}});
    }
    return document;
}

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
        const Block block(options.size);
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
    (void)Demonstration(small).run();
    Demonstration demonstration(options);
    const bool good = demonstration.run();
    if (as_json(options)) {
        print_now(dump(demonstration.json()) + '\n');
    } else {
        print(options.format == Format::csv ? demonstration.raw_table() : demonstration.table(), options);
        print_now(options.format == Format::csv ? "" : demonstration.conclusion());
    }
    return good ? exit_ok : exit_failed;
}

}   // namespace tamstat
