// SPDX-License-Identifier: MIT
#include "demonstration.hpp"

#include <algorithm>      // std::min, std::ranges::count, std::ranges::fill
#include <random>         // std::random_device
#include <system_error>   // std::system_error
#include <thread>         // std::this_thread
#include <utility>        // std::move

#include <fmt/format.h>   // fmt::format

#include "columns.hpp"                // raw_cell
#include "output.hpp"                 // print_now
#include "progress.hpp"               // Progress
#include "tamalloc/detail/page.hpp"   // page_size
#include "tamalloc/discovery.hpp"     // backend
#include "tamalloc/mappings.hpp"      // mappings

namespace tamstat {
namespace {

using tamalloc::testing::MemoryUse;

constexpr std::size_t mib = 1 << 20;

std::optional<std::uint64_t> zero_pages_of(std::span<std::byte> range) {
    if (range.data() == nullptr) return std::nullopt;
    const auto mappings = tamalloc::mappings();
    if (!mappings) return std::nullopt;
    const auto first = reinterpret_cast<std::uintptr_t>(range.data());
    const auto bytes = mappings->zero_mapped(first, first + tamalloc::SystemSource::rounded(range.size()));
    if (!bytes) return std::nullopt;
    return *bytes / tamalloc::detail::page_size();
}

}   // namespace

std::optional<MemoryUse> memory_use() {
    try {
        return tamalloc::testing::memory_use();
    } catch (const std::system_error&) {
        return std::nullopt;
    }
}

void Demonstration::note(std::string name, Bytes all, std::string meaning) {
    steps_.push_back({std::move(name), memory_use(), zero_pages_of(all), std::move(meaning)});
}

// Calls f(part) for each MiB, and reports.
template<class F> void Demonstration::in_pieces(Bytes range, std::string_view verb, F f) {
    Progress progress(fmt::format("{} {}", verb, format_bytes(range.size())), range.size());
    for (std::size_t done = 0; done < range.size();) {
        const auto part = range.subspan(done, std::min(mib, range.size() - done));
        f(part);
        done += part.size();
        progress.at(done);
        if (options_.pace.count() > 0) report(verb, done, range.size());
    }
}

void Demonstration::report(std::string_view verb, std::size_t done, std::size_t of) const {
    const bool as_text = options_.format == Format::table || options_.format == Format::plain;
    if (const auto use = memory_use(); as_text && use)
        print_now(fmt::format("{:<5} {} of {}: {}, committed {}\n", verb, format_bytes(done, options_.units),
                              format_bytes(of, options_.units), not_zero_ == 0 ? "all zero" : "NOT ALL ZERO",
                              format_bytes(use->committed, options_.units)));
    std::this_thread::sleep_for(options_.pace);
}

void Demonstration::check_zero(Bytes range) {
    in_pieces(range, "read", [this](Bytes part) { count_zero(part); });
}

void Demonstration::count_zero(Bytes part) {
    const auto zero = static_cast<std::size_t>(std::ranges::count(part, std::byte{0}));
    verified_ += part.size();
    not_zero_ += part.size() - zero;
}

void Demonstration::write(Bytes all, Bytes range, std::string name) {
    const auto letter = static_cast<std::byte>('A' + std::random_device()() % 26);
    in_pieces(range, "write", [this, letter](Bytes part) {
        count_zero(part);
        std::ranges::fill(part, letter);
        lost_ += part.size() - static_cast<std::size_t>(std::ranges::count(part, letter));
    });
    note(std::move(name), all, "only writes commit");
    written_ += range.size();
}

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

}   // namespace tamstat
