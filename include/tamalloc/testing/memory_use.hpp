// SPDX-License-Identifier: MIT
//
// What this process has and touches, from the kernel's own counters.
//
//   namespace tamalloc::testing {
//     struct MemoryUse;
//     MemoryUse memory_use();
//     template<std::invocable F> std::int64_t rss_delta(F&&, int runs = 3);
//     class PageTouchGuard;
//   }
#pragma once
#include <algorithm>      // std::max, std::min
#include <array>          // std::array
#include <cerrno>         // errno
#include <charconv>       // std::from_chars
#include <concepts>       // std::invocable
#include <cstddef>        // std::byte, std::size_t
#include <cstdint>        // std::int64_t, std::uint64_t
#include <functional>     // std::invoke
#include <limits>         // std::numeric_limits
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <system_error>   // std::system_error

#include <fcntl.h>          // open
#include <sys/resource.h>   // getrusage
#include <unistd.h>         // close, read

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"   // page_ceiling, page_floor, page_size
#include "tamalloc/error.hpp"         // errc
#include "tamalloc/residency.hpp"     // for_each_populated

namespace tamalloc::inline TAMALLOC_ABI::testing {

/// Of this process, now. Bytes, but for the faults.
struct MemoryUse {
    std::uint64_t reserved = 0;       // VmSize: address space
    std::uint64_t committed = 0;      // Rss: pages with memory behind them; not Linux's Committed_AS
    std::uint64_t page_tables = 0;    // VmPTE
    std::uint64_t minor_faults = 0;   // since the process began

    /// \returns what was added since `before`; wraps where something went away. Constant time; threads: reads both.
    /// \commits no
    [[nodiscard]] friend MemoryUse operator-(const MemoryUse& now, const MemoryUse& before) noexcept {
        return {now.reserved - before.reserved, now.committed - before.committed, now.page_tables - before.page_tables,
                now.minor_faults - before.minor_faults};
    }
};

namespace detail {

// A whole file of /proc in one buffer on the stack: reading it must not change what it says.
class ProcFile {
public:
    explicit ProcFile(const char* path) {
        const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) throw std::system_error(errno, std::system_category(), path);
        ::ssize_t got = 0;
        while (size_ < text_.size() && (got = ::read(fd, text_.data() + size_, text_.size() - size_)) > 0)
            size_ += static_cast<std::size_t>(got);
        const int error = errno;
        ::close(fd);
        if (got < 0) throw std::system_error(error, std::system_category(), path);
    }

    /// \returns the number of a line "key:  number kB", in bytes
    [[nodiscard]] std::uint64_t kib(std::string_view key) const {
        const std::string_view text(text_.data(), size_);
        std::uint64_t value = 0;
        const auto line = text.find(key);
        if (line == std::string_view::npos) throw std::system_error(errc::malformed_procfs);
        const auto digits = text.find_first_of("0123456789", line + key.size());
        if (digits == std::string_view::npos ||
            std::from_chars(text.data() + digits, text.data() + text.size(), value).ec != std::errc{})
            throw std::system_error(errc::malformed_procfs);
        return value * 1024;
    }

private:
    std::array<char, 4096> text_;
    std::size_t size_ = 0;
};

}   // namespace detail

/// \returns what the kernel counts for this process. committed comes from smaps_rollup, which walks the page tables and
/// is exact; the counters behind VmRSS may lag by some dozen pages per CPU. Proportional to what is resident; any thread.
/// \throws std::system_error where /proc cannot be read
/// \commits no
[[nodiscard]] inline MemoryUse memory_use() {
    ::rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const detail::ProcFile status("/proc/self/status");
    const detail::ProcFile rollup("/proc/self/smaps_rollup");
    return {status.kib("\nVmSize:"), rollup.kib("\nRss:"), status.kib("\nVmPTE:"),
            static_cast<std::uint64_t>(usage.ru_minflt)};
}

/// \returns the bytes that f() adds to the resident set: the least of several runs, since a first one also pays for code
/// and tables that stay. Costs `runs` times what f and memory_use do; while no other thread allocates.
/// \throws std::system_error where /proc cannot be read, and what f throws
/// \commits what f does
template<std::invocable F> [[nodiscard]] std::int64_t rss_delta(F&& f, int runs = 3) {
    auto least = std::numeric_limits<std::int64_t>::max();
    for (int run = 0; run < runs; ++run) {
        const auto before = memory_use().committed;
        std::invoke(f);
        least = std::min(least, static_cast<std::int64_t>(memory_use().committed - before));
    }
    return least;
}

/// Counts the pages of a range that get memory behind them while it exists, for "this code touches at most k pages".
/// Proportional to the pages present, before Linux 6.7 to the range; threads: reads no byte of it.
/// \commits no
class PageTouchGuard {
public:
    /// \errors none: where nobody knows what is in memory, all of it is
    /// \requires the range lies in private anonymous memory, as every PageSource hands out
    explicit PageTouchGuard(std::span<const std::byte> range) : range_(range), before_(populated_pages()) {}

    /// \returns pages with memory now, less those that had it at the start; 0 rather than less
    /// \errors none, likewise
    [[nodiscard]] std::size_t touched() const { return std::max(populated_pages(), before_) - before_; }

private:
    [[nodiscard]] std::size_t populated_pages() const {
        std::size_t pages = 0;
        (void)for_each_populated(range_, [&pages](std::span<const std::byte> extent) {
            const auto* const last = tamalloc::detail::page_ceiling(extent.data() + extent.size());
            pages += static_cast<std::size_t>(last - tamalloc::detail::page_floor(extent.data()));
        });
        return pages / tamalloc::detail::page_size();
    }

    std::span<const std::byte> range_;
    std::size_t before_;
};

}   // namespace tamalloc::inline TAMALLOC_ABI::testing
