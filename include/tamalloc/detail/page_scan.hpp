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
#include <atomic>      // std::atomic
#include <cerrno>      // errno, ESRCH
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uint64_t, std::uintptr_t
#include <cstring>     // std::memcpy
#include <span>        // std::span

#include <fcntl.h>       // AT_FDCWD, fcntl
#include <sys/auxv.h>    // getauxval
#include <sys/ioctl.h>   // ioctl, _IOWR
#include <sys/mman.h>    // MAP_ANONYMOUS, PROT_READ
#include <unistd.h>      // lseek

#include "tamalloc/config.hpp"
#include "tamalloc/detail/generation.hpp"   // process_generation
#include "tamalloc/detail/page.hpp"         // page_size, page_floor, page_ceiling
#include "tamalloc/detail/sys.hpp"          // close, failed, map, open, read_at, unmap

namespace tamalloc::inline TAMALLOC_ABI::detail {

// struct page_region, struct pm_scan_arg and the categories: include/uapi/linux/fs.h, since Linux 6.7. Repeated here
// because Debian 12 ships the headers of 6.1.
struct PageExtent {
    std::uint64_t start, end, categories;   // not set: an array of them is no work

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

// Extents, or pages, that are asked for at once. The kernel goes on in batches of 512 (fs/proc/task_mmu.c); fewer, because
// they lie on stacks that may be small.
inline constexpr std::size_t scan_batch = 256;

// A descriptor of a pagemap file shows the address space it was opened in, in a forked child still the parent's. So the
// one that is kept, since opening it costs more than most scans, belongs to a generation of the process: in the upper half.
inline constinit std::atomic<std::uint64_t> kept_pagemap = 0;

// Where the position of its file stands, which nobody uses: a number that no other file has there. For a program may close
// what it does not know, and the number of the descriptor may then be that of another process's pagemap.
[[nodiscard]] inline off_t pagemap_mark(std::uint32_t generation) noexcept {
    static const auto random = [] {
        std::uint64_t bytes = 0;
        if (const auto* const p = reinterpret_cast<const void*>(::getauxval(AT_RANDOM)))   // 16 bytes, getauxval(3)
            std::memcpy(&bytes, p, sizeof bytes);
        return bytes;
    }();
    return static_cast<off_t>((random ^ generation) >> 1);
}

[[nodiscard]] inline bool is_kept_pagemap(std::uint64_t kept) noexcept {
    return kept != 0 &&
           ::lseek(static_cast<int>(kept), 0, SEEK_CUR) == pagemap_mark(static_cast<std::uint32_t>(kept >> 32));
}

/// \returns the number of extents, or -1
[[nodiscard]] inline int scan_by(int fd, std::byte* first, std::byte* last, std::span<PageExtent> out) noexcept {
    PageScanArgument a{};
    a.size = sizeof a;
    a.start = reinterpret_cast<std::uintptr_t>(first);
    a.end = reinterpret_cast<std::uintptr_t>(last);
    a.vec = reinterpret_cast<std::uintptr_t>(out.data());
    a.vec_len = out.size();
    a.category_inverted = a.category_mask = page_is_zero;
    a.category_anyof_mask = page_is_present | page_is_swapped;
    a.return_mask = page_is_present | page_is_swapped | page_is_huge;
    const int n = ::ioctl(fd, pagemap_scan, &a);
    return a.walk_end != 0 ? n : -1;   // that it sets: a filter of system calls may let it succeed without being done
}

/// \returns the number of extents, or -1: no descriptor is kept, or not of this process, or not there any more
[[nodiscard]] inline int scan_by_kept(std::uint32_t generation, std::byte* first, std::byte* last,
                                      std::span<PageExtent> out) noexcept {
    const auto kept = kept_pagemap.load(std::memory_order_relaxed);
    if (generation == 0 || kept >> 32 != generation || !is_kept_pagemap(kept)) return -1;
    return scan_by(static_cast<int>(kept), first, last, out);
}

// Whether what is called in memory may be the shared zero page: PAGEMAP_SCAN did not answer at least once.
inline constinit std::atomic<bool> takes_zero_page_for_memory = false;

// Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bit 62 swapped.
[[nodiscard]] constexpr bool has_memory(std::uint64_t entry) noexcept { return entry >> 62 != 0; }

// A descriptor for one scan, which may be kept for others.
class PagemapFile {
public:
    // thread-self, because /proc/self has no memory once the main thread has exited.
    PagemapFile() noexcept : fd_(sys::open(AT_FDCWD, "/proc/thread-self/pagemap", O_RDONLY)) {}
    PagemapFile(const PagemapFile&) = delete;
    PagemapFile& operator=(const PagemapFile&) = delete;
    ~PagemapFile() {
        if (fd_ >= 0) (void)sys::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

    /// \returns 0, or an errno value: why it cannot be used
    [[nodiscard]] int error() const noexcept {
        if (fd_ < 0) return -fd_;
        return is_own() ? 0 : ESRCH;
    }

    /// Instead of `before`, which somebody else closed or the parent had. A high number, since the low ones are soon those of
    /// other files where a program closes what it does not know.
    void keep(std::uint32_t generation, std::uint64_t before) const noexcept {
        if (generation == 0) return;
        const int fd = ::fcntl(fd_, F_DUPFD_CLOEXEC, 100);
        if (fd < 0) return;
        const auto mark = pagemap_mark(generation);
        const auto now = std::uint64_t{generation} << 32 | static_cast<unsigned>(fd);
        auto expected = before;
        if (::lseek(fd, mark, SEEK_SET) != mark || !kept_pagemap.compare_exchange_strong(expected, now))
            (void)sys::close(fd);
        else if (now != before && is_kept_pagemap(before)) (void)sys::close(static_cast<int>(before));   // the parent's
    }

    /// \returns how many of the pages from `first` on were read into `out`; 0 on failure
    [[nodiscard]] std::size_t read(std::byte* first, std::span<std::uint64_t> out) const noexcept {
        const auto offset = reinterpret_cast<std::uintptr_t>(first) / page_size() * sizeof(std::uint64_t);
        const auto n = sys::read_at(fd_, std::as_writable_bytes(out), offset);
        return n <= 0 ? 0 : static_cast<std::size_t>(n) / sizeof(std::uint64_t);
    }

private:
    // Under a tracer or an emulator (PRoot, QEMU) the name may lead to the pagemap of that, where all that is ours is absent.
    // A page that is written meanwhile shows. At first nobody may use it, since others are there at once after mlockall(2).
    [[nodiscard]] bool is_own() const noexcept {
        const auto at = sys::map(nullptr, page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
        if (sys::failed(at)) return true;   // as many mappings as there may be, and nothing to ask with
        auto* const p = reinterpret_cast<std::byte*>(at);
        std::array<std::uint64_t, 1> before{}, after{};
        bool own = read(p, before) == 1 && !has_memory(before[0]);
        if (sys::protect(p, page_size(), PROT_READ | PROT_WRITE) == 0) {
            *static_cast<volatile std::byte*>(p) = std::byte{1};
            own = own && read(p, after) == 1 && has_memory(after[0]);
        }
        (void)sys::unmap(p, page_size());
        return own;
    }

    int fd_;
};

inline PageScan scan_pagemap_bits(const PagemapFile& file, std::byte* first, std::byte* last,
                                  std::span<PageExtent> out) noexcept {
    std::array<std::uint64_t, scan_batch / 2> entries;   // on the same small stacks as the extents
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
    const auto generation = process_generation();
    const auto kept = kept_pagemap.load(std::memory_order_relaxed);
    int n = scan_by_kept(generation, first, last, out);
    if (n < 0) {
        const PagemapFile file;
        if (const int error = file.error(); error != 0) answer.error = error;
        else if (n = scan_by(file.get(), first, last, out); n >= 0) file.keep(generation, kept);
        else answer = scan_pagemap_bits(file, first, last, out);
    }
    if (n >= 0) {
        // The kernel works in batches and leaves in walk_end the stop of the last full one, although it scanned on
        // (fs/proc/task_mmu.c). What tells the end is a vector that was not filled.
        const auto count = static_cast<std::size_t>(n);
        answer = {count, count < out.size() ? last : out[count - 1].last(), ScanMethod::scan_ioctl, 0};
    }
    if (n < 0) takes_zero_page_for_memory.store(true, std::memory_order_relaxed);
    if (answer.method == ScanMethod::none) {
        out[0] = {reinterpret_cast<std::uintptr_t>(first), reinterpret_cast<std::uintptr_t>(last), 0};
        answer.count = 1;
        answer.next = last;
    }
    errno = saved;
    return answer;
}

/// \effects calls f(const PageExtent&, const PageScan&) for each extent of [first, last), in order
/// \requires both ends on page boundaries, a private anonymous mapping in between; f may change the pages it was given
template<class F> void for_each_extent(std::byte* first, std::byte* last, F f) {
    std::array<PageExtent, scan_batch> extents;
    while (first != last) {
        // The kernel allocates as much as it is offered.
        const auto pages = static_cast<std::size_t>(last - first) / page_size();
        const PageScan scan = scan_pages(first, last, std::span(extents).first(std::min(pages, scan_batch)));
        for (std::size_t i = 0; i != scan.count; ++i) {
            // Extents far apart wait for their page tables more than for their bytes: at 1 GiB with 1 % touched clearing
            // them takes half the time with this. Behind these bytes the processor's own prefetcher has begun.
            if (i + 1 != scan.count)
                for (std::ptrdiff_t at = 0; at != 256; at += 64) __builtin_prefetch(extents[i + 1].first() + at, 1);
            f(extents[i], scan);
        }
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
