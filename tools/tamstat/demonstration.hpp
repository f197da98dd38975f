// SPDX-License-Identifier: MIT
//
// The steps of `demo`: what each of them costs, and whether every byte was zero that had to be.
//
//   namespace tamstat {
//     class Demonstration;
//   }
#pragma once
#include <cstddef>       // std::byte, std::size_t
#include <cstdint>       // std::uint64_t, std::uintptr_t
#include <optional>      // std::optional
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "demo_block.hpp"               // Block
#include "exit_code.hpp"                // exit_failed, exit_ok
#include "json.hpp"                     // Json
#include "options.hpp"                  // Options
#include "table.hpp"                    // Table
#include "tamalloc/system_source.hpp"   // SystemSource
#include "tamalloc/testing.hpp"         // MemoryUse

namespace tamstat {

/// \returns what this process uses; none: there is no /proc
[[nodiscard]] std::optional<tamalloc::testing::MemoryUse> memory_use();

/// Runs once.
class Demonstration {
public:
    explicit Demonstration(const Options& options) : options_(options) {}

    /// \effects goes through the steps with memory of a source, and reports progress
    /// \throws Failure exit_failed: it is refused
    template<class Source = tamalloc::SystemSource> void run() {
        note("start", {}, "");
        Block<Source> block(options_.size);
        const auto all = block.bytes();
        address_ = reinterpret_cast<std::uintptr_t>(all.data());
        note("allocate", all, "reserved, nothing behind it");
        if (options_.mode != "write") {
            check_zero(all);
            note("read all", all, "reads map the shared zero page: no memory");
        }
        if (options_.mode == "write") write(all, all, "write all");
        if (options_.mode == "mixed") {
            write(all, all.first(all.size() / 4), "write 1/4");
            const auto part = all.first(all.size() / 8);
            block.discard(part);
            note("discard 1/8", all, "given back");
            check_zero(part);
            note("read 1/8", all, "zero again");
        }
        block.release();
        note("release", {}, "address space given back");
    }

    /// \returns exit_failed where a byte was not zero that had to be, or one that was written did not stay
    [[nodiscard]] ExitCode code() const { return not_zero_ == 0 && lost_ == 0 ? exit_ok : exit_failed; }
    [[nodiscard]] Table table() const;
    /// \returns for CSV: the keys and the figures of JSON
    [[nodiscard]] Table raw_table() const;
    [[nodiscard]] std::string conclusion() const;
    [[nodiscard]] Json json() const;

private:
    using Bytes = std::span<std::byte>;

    struct Step {
        std::string name;
        std::optional<tamalloc::testing::MemoryUse> use;   // none: there is no /proc
        std::optional<std::uint64_t> zero_pages;
        std::string meaning;
    };

    void note(std::string name, Bytes all, std::string meaning);
    template<class F> void in_pieces(Bytes range, std::string_view verb, F f);
    void report(std::string_view verb, std::size_t done, std::size_t of) const;
    void check_zero(Bytes range);
    void count_zero(Bytes part);
    void write(Bytes all, Bytes range, std::string name);

    const Options& options_;
    std::vector<Step> steps_;
    std::uintptr_t address_ = 0;
    std::uint64_t verified_ = 0, not_zero_ = 0, written_ = 0, lost_ = 0;   // bytes
};

}   // namespace tamstat
