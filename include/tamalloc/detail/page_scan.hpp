// SPDX-License-Identifier: MIT
//
// Which pages of a private anonymous range have memory or swap behind them, asked in the best way this kernel has.
//
//   namespace tamalloc::detail {
//     struct PageExtent;          // a run of pages that are in the same state
//     enum class ScanMethod;      // how it was found out
//     struct PageScan;            // how many extents, and where to go on
//     PageScan scan_pages(std::byte* first, std::byte* last, std::span<PageExtent>) noexcept;
//     template<class F> void for_each_extent(std::byte* first, std::byte* last, F f);
//     template<class F> void for_each_populated(std::span<const std::byte>, F&& f);
//   }
//
// mincore(2) is no alternative: it calls swapped pages absent, and their contents would be taken for zero.
#pragma once
#include <algorithm>   // std::max, std::min
#include <array>       // std::array
#include <cerrno>      // errno
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint64_t, std::uintptr_t
#include <span>        // std::span

#include <fcntl.h>       // open
#include <sys/ioctl.h>   // ioctl, _IOWR
#include <unistd.h>      // close, pread

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"   // page_size, page_floor, page_ceiling

namespace tamalloc::inline TAMALLOC_ABI::detail {

// struct page_region, struct pm_scan_arg and the categories: include/uapi/linux/fs.h, since Linux 6.7. Repeated here
// because Debian 12 ships the headers of 6.1.
struct PageExtent {
    std::uint64_t start = 0, end = 0, categories = 0;

    [[nodiscard]] std::byte* first() const noexcept { return reinterpret_cast<std::byte*>(start); }
    [[nodiscard]] std::byte* last() const noexcept { return reinterpret_cast<std::byte*>(end); }
    [[nodiscard]] std::size_t size() const noexcept { return end - start; }
    [[nodiscard]] bool swapped() const noexcept;   // to swap, or on the way elsewhere: not in memory, not zero
    [[nodiscard]] bool huge() const noexcept;      // mapped by huge pages
};

struct PageScanArgument {
    std::uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    std::uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

inline constexpr unsigned long pagemap_scan = _IOWR('f', 16, PageScanArgument);
inline constexpr std::uint64_t page_is_present = 1 << 3, page_is_swapped = 1 << 4, page_is_zero = 1 << 5,
                               page_is_huge = 1 << 6;

inline bool PageExtent::swapped() const noexcept { return (categories & page_is_swapped) != 0; }
inline bool PageExtent::huge() const noexcept { return (categories & page_is_huge) != 0; }

enum class ScanMethod : unsigned char {
    scan_ioctl,   // PAGEMAP_SCAN: knows the shared zero page from a page of one's own
    bits,         // /proc/PID/pagemap: takes the zero page for memory
    none,         // no answer: the whole range is one extent
};

struct PageScan {
    std::size_t count;   // extents filled in, in increasing order
    std::byte* next;     // where to go on; == last when done
    ScanMethod method;
    int error;   // method none: errno of the file that could not be opened or read
};

// A descriptor of a pagemap file shows the address space it was opened in, in a forked child still the parent's; so it
// lives no longer than one scan. thread-self, because /proc/self has no memory once the main thread has exited.
class PagemapFile {
public:
    PagemapFile() noexcept : fd_(::open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC)) {}
    PagemapFile(const PagemapFile&) = delete;
    PagemapFile& operator=(const PagemapFile&) = delete;
    ~PagemapFile() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

    /// \returns the number of extents, or -1
    [[nodiscard]] int scan(std::byte* first, std::byte* last, std::span<PageExtent> out) const noexcept {
        PageScanArgument a{};
        a.size = sizeof a;
        a.start = reinterpret_cast<std::uintptr_t>(first);
        a.end = reinterpret_cast<std::uintptr_t>(last);
        a.vec = reinterpret_cast<std::uintptr_t>(out.data());
        a.vec_len = out.size();
        a.category_inverted = a.category_mask = page_is_zero;
        a.category_anyof_mask = page_is_present | page_is_swapped;
        a.return_mask = page_is_present | page_is_swapped | page_is_huge;
        return ::ioctl(fd_, pagemap_scan, &a);
    }

    /// \returns how many of the pages from `first` on were read into `out`; 0 on failure
    [[nodiscard]] std::size_t read(std::byte* first, std::span<std::uint64_t> out) const noexcept {
        const auto offset = reinterpret_cast<std::uintptr_t>(first) / page_size() * sizeof(std::uint64_t);
        const auto n = ::pread(fd_, out.data(), out.size_bytes(), static_cast<off_t>(offset));
        return n <= 0 ? 0 : static_cast<std::size_t>(n) / sizeof(std::uint64_t);
    }

private:
    int fd_;
};

// Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bit 62 swapped.
inline PageScan scan_pagemap_bits(const PagemapFile& file, std::byte* first, std::byte* last,
                                  std::span<PageExtent> out) noexcept {
    std::array<std::uint64_t, 512> entries{};
    PageScan scan{0, first, ScanMethod::bits, 0};
    while (scan.next != last) {
        const auto wanted = std::min(entries.size(), static_cast<std::size_t>(last - scan.next) / page_size());
        const auto got = file.read(scan.next, std::span(entries).first(wanted));
        if (got == 0) return {0, first, ScanMethod::none, EIO};
        for (const auto entry : std::span(entries).first(got)) {
            const auto categories = (entry >> 63) * page_is_present | (entry >> 62 & 1) * page_is_swapped;
            const auto start = reinterpret_cast<std::uintptr_t>(scan.next);
            const auto end = start + page_size();
            if (categories == 0) {   // a hole
            } else if (scan.count > 0 && out[scan.count - 1].end == start &&
                       out[scan.count - 1].categories == categories) {
                out[scan.count - 1].end = end;
            } else {
                if (scan.count == out.size()) return scan;
                out[scan.count++] = {start, end, categories};
            }
            scan.next += page_size();
        }
    }
    return scan;
}

/// Fills `out` with extents of [first, last) that may hold bytes other than zero.
/// \requires both ends on page boundaries, first != last, a private anonymous mapping in between; out not empty
/// \returns how many, and where to go on: every page below `next` is covered. Any thread; allocates nothing.
/// \commits no
[[nodiscard]] inline PageScan scan_pages(std::byte* first, std::byte* last, std::span<PageExtent> out) noexcept {
    const int saved = errno;
    PageScan answer{0, first, ScanMethod::none, 0};
    if (const PagemapFile file; !file.is_open()) {
        answer.error = errno;
    } else if (const int n = file.scan(first, last, out); n >= 0) {
        // The kernel works in batches and leaves in walk_end the stop of the last full one, although it scanned on
        // (fs/proc/task_mmu.c). What tells the end is a vector that was not filled.
        const auto count = static_cast<std::size_t>(n);
        answer = {count, count < out.size() ? last : out[count - 1].last(), ScanMethod::scan_ioctl, 0};
    } else {
        answer = scan_pagemap_bits(file, first, last, out);
    }
    if (answer.method == ScanMethod::none) {
        out[0] = {reinterpret_cast<std::uintptr_t>(first), reinterpret_cast<std::uintptr_t>(last), 0};
        answer.count = 1;
        answer.next = last;
    }
    errno = saved;
    return answer;
}

// The kernel hands regions over in batches of this many (fs/proc/task_mmu.c).
inline constexpr std::size_t scan_batch = 512;

/// \effects calls f(const PageExtent&, const PageScan&) for each extent of [first, last), in order
/// \requires both ends on page boundaries, a private anonymous mapping in between; f may change the pages it was given
template<class F> void for_each_extent(std::byte* first, std::byte* last, F f) {
    std::array<PageExtent, scan_batch> extents;
    while (first != last) {
        const PageScan scan = scan_pages(first, last, extents);
        for (const auto& extent : std::span(extents).first(scan.count)) f(extent, scan);
        first = scan.next;
    }
}

/// \returns the whole pages that hold the range, which nobody writes through this pointer
[[nodiscard]] inline std::span<std::byte> whole_pages(std::span<const std::byte> range) noexcept {
    auto* const data = const_cast<std::byte*>(range.data());
    return {page_floor(data), page_ceiling(data + range.size())};
}

/// \returns what an extent and the range have in common
[[nodiscard]] inline std::span<const std::byte> clipped(const PageExtent& extent,
                                                        std::span<const std::byte> range) noexcept {
    return {std::max<const std::byte*>(extent.first(), range.data()),
            std::min<const std::byte*>(extent.last(), range.data() + range.size())};
}

/// \effects calls f(std::span<const std::byte>) for each part of the range that may hold bytes other than zero
template<class F> void for_each_populated(std::span<const std::byte> range, F&& f) {
    if (range.empty()) return;
    const auto pages = whole_pages(range);
    for_each_extent(pages.data(), pages.data() + pages.size(),
                    [&](const PageExtent& extent, const PageScan&) { f(clipped(extent, range)); });
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail
