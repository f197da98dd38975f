// SPDX-License-Identifier: MIT
//
// The memory that `demo` shows.
//
//   namespace tamstat {
//     template<PageSource = SystemSource> class Block;
//   }
#pragma once
#include <cstddef>        // std::byte, std::size_t
#include <cstdint>        // PTRDIFF_MAX, std::uint64_t
#include <span>           // std::span
#include <system_error>   // std::error_code
#include <utility>        // std::exchange

#include <fmt/format.h>   // fmt::format

#include "exit_code.hpp"                // Failure
#include "tamalloc/page_source.hpp"     // PageSource
#include "tamalloc/system_source.hpp"   // SystemSource
#include "units.hpp"                    // format_bytes

namespace tamstat {

/// Reserved when it is made; given back at the end.
template<tamalloc::PageSource Source = tamalloc::SystemSource> class Block {
public:
    /// \throws Failure exit_failed: it is refused
    explicit Block(std::uint64_t size) : size_(static_cast<std::size_t>(size)) {
        constexpr std::size_t any = 1;
        if (size_ > PTRDIFF_MAX) refused(std::make_error_code(std::errc::not_enough_memory));
        const auto start = source_.map(Source::rounded(size_), any);
        if (!start) refused(start.error());
        start_ = *start;
    }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { release(); }

    [[nodiscard]] std::span<std::byte> bytes() const { return {start_, size_}; }
    void release() {
        if (auto* const start = std::exchange(start_, nullptr)) source_.unmap(start, Source::rounded(size_));
    }
    /// \effects gives the memory back; the part reads zero, unless the kernel refuses, which a check tells
    void discard(std::span<std::byte> part) const { (void)source_.purge(part.data(), part.size()); }

private:
    [[noreturn]] void refused(std::error_code error) const {
        throw Failure(exit_failed, fmt::format("demo: {} refused: {} (see vm.overcommit_memory, ulimit -v)",
                                               format_bytes(size_), error.message()));
    }

    Source source_;
    std::size_t size_;
    std::byte* start_ = nullptr;
};

}   // namespace tamstat
