// SPDX-License-Identifier: MIT
//
// MmapSource: zeroed pages from mmap(2), on every Linux. Models every refinement of PageSource.
//
//   namespace tamalloc {
//     enum class HugePages;  enum class OnFork;  enum class Charge;
//     struct MmapOptions;
//     template<MmapOptions = {}> struct MmapSource;
//   }
#pragma once
#include <algorithm>   // std::max, std::min
#include <atomic>      // std::atomic
#include <bit>         // std::has_single_bit
#include <cerrno>      // EINVAL, ENOMEM
#include <cstddef>     // std::byte, std::size_t
#include <cstdint>     // std::uintptr_t
#include <limits>      // std::numeric_limits
#include <span>        // std::span
#include <utility>     // std::forward

#include "tamalloc/config.hpp"
#include "tamalloc/detail/page.hpp"        // huge_page_size, page_ceiling, page_floor, page_size, round_up
#include "tamalloc/detail/page_scan.hpp"   // for_each_extent, for_each_populated
#include "tamalloc/detail/sanitizer.hpp"   // unpoison
#include "tamalloc/detail/sys.hpp"
#include "tamalloc/detail/zeroing.hpp"   // clear_pages, zero_in_place
#include "tamalloc/error.hpp"            // failure, result, system_failure
#include "tamalloc/page_source.hpp"

namespace tamalloc::inline TAMALLOC_ABI {

/// Transparent huge pages. Best effort: a kernel without them does without.
enum class HugePages : unsigned char {
    system,   // what the system does by default
    never,    // for sparse use: page-granular laziness
    prefer,   // wherever possible, for dense use: a tenth of the faults
};

/// What a forked child finds.
enum class OnFork : unsigned char {
    copy,   // the same bytes
    wipe,   // zeros (MADV_WIPEONFORK)
    /// No mapping at all (MADV_DONTFORK). The addresses soon belong to something else in the child, which must not free or
    /// grow what is missing: it leaves by _exit or execve, without destroying objects.
    omit,
};

/// Whether the kernel counts the pages against its commit limit when they are asked for. With vm.overcommit_memory = 2 it
/// counts everything.
enum class Charge : unsigned char {
    lazy,        // only the address space is taken, and the OOM killer is the answer to touching too much
    accounted,   // ENOMEM at once, where the kernel refuses
};

/// What an MmapSource or a KernelSource asks the kernel for.
struct MmapOptions {
    Charge accounting = Charge::lazy;     // whether the kernel counts it at once
    HugePages huge = HugePages::system;   // how large the pages are
    OnFork fork = OnFork::copy;           // what a child finds
    bool name = true;                     // "tamalloc" in /proc/PID/maps, where the kernel has CONFIG_ANON_VMA_NAME
};

namespace detail {

// A kernel that refuses to name mappings always will; not asking again saves a system call per mapping.
inline constinit std::atomic<bool> naming_refused = false;

// Drops the memory behind whole pages. Refused where one of them is locked (EINVAL): then each extent is dropped for
// itself, and what is locked cleared where it is.
// \returns whether the memory is gone
inline bool drop_or_zero(std::byte* first, std::byte* last) noexcept {
    const auto drop = [](std::byte* p, std::byte* end) {
        return sys::advise(p, static_cast<std::size_t>(end - p), MADV_DONTNEED) == 0;
    };
    if (first == last || drop(first, last)) return true;
    bool gone = true;
    for_each_extent(first, last, [&](const PageExtent& extent, const PageScan&) {
        if (drop(extent.first(), extent.last())) return;
        zero_in_place(extent.first(), extent.last());
        gone = false;
    });
    return gone;
}

}   // namespace detail

/// Stateless; all members are thread-safe, make no memory resident, and leave errno alone. A call takes constant time where not
/// said otherwise; what goes back to the kernel costs the kernel the pages touched.
/// \commits no
template<MmapOptions Options = MmapOptions{}> struct MmapSource {
    static constexpr MmapOptions options = Options;   // what it asks for

    /// \returns the page size
    [[nodiscard]] static std::size_t granularity() noexcept { return detail::page_size(); }

    /// \returns n rounded up to whole pages; n <= PTRDIFF_MAX
    [[nodiscard]] static std::size_t rounded(std::size_t n) noexcept { return detail::round_up(n, granularity()); }

    /// \requires n a multiple of the page size
    /// \returns n bytes that read zero, at a multiple of `align`
    /// \errors errc::zero_size, errc::bad_alignment, errc::too_large; else what mmap(2) says: ENOMEM, EAGAIN, EPERM
    [[nodiscard]] result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        return map_aligned(n, align, PROT_READ | PROT_WRITE);
    }

    /// Gives back [p, p + n), which map returned. Where the kernel cannot split a mapping because the process
    /// has as many as it may (vm.max_map_count), the memory is given back and only the address space stays taken.
    void unmap(std::byte* p, std::size_t n) const noexcept {
        TAMALLOC_ASSERT(whole_pages(p, n));
        detail::unpoison(p, n);
        if (detail::sys::unmap(p, n) == -ENOMEM) (void)detail::sys::advise(p, n, MADV_DONTNEED);
    }

    /// Makes [p, p + n) read zero and returns the memory behind its whole pages; locked pages keep theirs.
    /// \returns always success
    /// \errors none
    result<void> purge(std::byte* p, std::size_t n) const noexcept {
        auto* const last = p + n;
        auto* const first_page = std::min(detail::page_ceiling(p), last);
        auto* const last_page = std::max(detail::page_floor(last), first_page);
        detail::zero_in_place(p, first_page);
        (void)detail::drop_or_zero(first_page, last_page);
        detail::zero_in_place(last_page, last);
        return {};
    }

    /// Makes [p, p + n), whole pages, read zero, writing over at most `keep` bytes of what is in memory and dropping the
    /// rest. Costs what was touched, not n, where the kernel tells what that is.
    /// \returns the bytes that stay in memory: at most `keep`, more only where pages are locked; always success
    /// \errors none
    [[nodiscard]] result<std::size_t> clear(std::byte* p, std::size_t n, std::size_t keep) const noexcept {
        TAMALLOC_ASSERT(whole_pages(p, n));
        if (keep < granularity()) return detail::drop_or_zero(p, p + n) ? 0 : n;
        std::size_t kept = 0;
        std::byte* rest = p + n;   // nothing from there on may stay: one call drops it all
        detail::for_each_extent(p, p + n, [&](const detail::PageExtent& extent, const detail::PageScan& scan) {
            if (rest != p + n) return;
            if (kept + granularity() > keep) rest = extent.first();
            else kept += clear_extent(extent, scan.method, keep - kept);
        });
        if (!detail::drop_or_zero(rest, p + n)) kept += static_cast<std::size_t>(p + n - rest);
        return kept;
    }

    /// \returns n bytes of address space at a multiple of `align`, inaccessible and not charged
    /// \errors as map
    [[nodiscard]] result<std::byte*> reserve(std::size_t n, std::size_t align) const noexcept {
        return map_aligned(n, align, PROT_NONE);
    }

    /// Gives back [p, p + n), which reserve returned, as unmap does.
    void release(std::byte* p, std::size_t n) const noexcept { MmapSource::unmap(p, n); }

    /// Makes [p, p + n), whole pages of a reservation, readable and writable; what was not committed before reads zero.
    /// \errors ENOMEM: over the commit limit, or too many mappings
    [[nodiscard]] result<void> commit(std::byte* p, std::size_t n) const noexcept {
        TAMALLOC_ASSERT(whole_pages(p, n));
        return as_result(detail::sys::protect(p, n, PROT_READ | PROT_WRITE));
    }

    /// Takes memory, charge and access away from [p, p + n), whole pages of a reservation.
    /// \errors ENOMEM: too many mappings; the range is as it was, or inaccessible without the options for fork
    [[nodiscard]] result<void> decommit(std::byte* p, std::size_t n) const noexcept {
        TAMALLOC_ASSERT(whole_pages(p, n));
        // A new mapping in its place: mprotect would keep the charge, madvise the access.
        const auto at = detail::sys::map(p, n, PROT_NONE, flags | MAP_FIXED);
        if (detail::sys::failed(at)) return detail::system_failure(static_cast<int>(-at));
        return as_result(apply_options(p, n));
    }

    /// Grows the block [p, p + from) to `to` bytes where it is.
    /// \requires whole pages, from <= to, p from map
    /// \errors ENOMEM: something is in the way, or refused; EFAULT: the block was split by the user's own mprotect or
    /// madvise. The block is as it was.
    [[nodiscard]] result<void> extend(std::byte* p, std::size_t from, std::size_t to) const noexcept {
        const auto at = resize(p, from, to, 0);
        return at ? result<void>{} : unexpected<std::error_code>(at.error());
    }

    /// Grows the block, moving it (page tables, not bytes) where it cannot grow in place.
    /// \returns the address, at a multiple of the page size
    /// \errors as extend
    [[nodiscard]] result<std::byte*> remap(std::byte* p, std::size_t from, std::size_t to) const noexcept {
        return resize(p, from, to, MREMAP_MAYMOVE);
    }

    /// Gives back the end of a block or a reservation, [p + to, p + from).
    /// \requires whole pages, 0 < to <= from
    /// \errors ENOMEM: too many mappings. The block is as it was.
    [[nodiscard]] result<void> shrink(std::byte* p, std::size_t from, std::size_t to) const noexcept {
        TAMALLOC_ASSERT(whole_pages(p, from) && whole_pages(p, to) && 0 < to && to <= from);
        detail::unpoison(p + to, from - to);
        return as_result(trim(p + to, p + from));
    }

    /// \effects calls sink(std::span<const std::byte>) for each extent of the range that may hold bytes other than zero
    /// Proportional to the pages present, before Linux 6.7 to the range.
    /// \throws what the sink throws
    /// \commits no
    template<class Sink> result<void> for_each_populated(std::span<const std::byte> range, Sink&& sink) const {
        detail::for_each_populated(range, std::forward<Sink>(sink));
        return {};
    }

    friend bool operator==(const MmapSource&, const MmapSource&) = default;   // always

protected:
    /// \returns whether the range begins and ends with a page
    [[nodiscard]] static bool whole_pages(const std::byte* p, std::size_t n) noexcept {
        return ((reinterpret_cast<std::uintptr_t>(p) | n) & (granularity() - 1)) == 0;
    }

private:
    static constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | (Options.accounting == Charge::lazy ? MAP_NORESERVE : 0);

    static result<void> as_result(int zero_or_error) noexcept {
        if (zero_or_error != 0) return detail::system_failure(-zero_or_error);
        return {};
    }

    static result<std::byte*> map_aligned(std::size_t n, std::size_t align, int protection) noexcept {
        if (n == 0) return detail::failure(errc::zero_size);
        if (!std::has_single_bit(align)) return detail::failure(errc::bad_alignment);
        if (Options.huge == HugePages::prefer && n >= detail::huge_page_size())
            align = std::max(align, detail::huge_page_size());
        const std::size_t slack = align > granularity() ? align - granularity() : 0;
        if (n > std::numeric_limits<std::size_t>::max() - slack) return detail::failure(errc::too_large);
        TAMALLOC_ASSERT(whole_pages(nullptr, n));

        const auto at = detail::sys::map(nullptr, n + slack, protection, flags);
        if (detail::sys::failed(at)) return detail::system_failure(static_cast<int>(-at));
        auto* const whole = reinterpret_cast<std::byte*>(at);
        auto* const p = whole + (-static_cast<std::uintptr_t>(at) & (align - 1));
        auto* first = whole;   // what is ours; what was trimmed may be another thread's at once
        auto* last = whole + n + slack;

        int error = trim(first, p);
        if (error == 0) {
            first = p;
            error = trim(p + n, last);
        }
        if (error == 0) {
            last = p + n;
            error = apply_options(p, n);
        }
        if (error != 0) {
            (void)detail::sys::unmap(first, static_cast<std::size_t>(last - first));
            return detail::system_failure(-error);
        }
        detail::unpoison(p, n);
        return p;
    }

    static int trim(std::byte* first, std::byte* last) noexcept {
        return first == last ? 0 : detail::sys::unmap(first, static_cast<std::size_t>(last - first));
    }

    // \returns 0 or -errno. What a forked child finds is a promise, the rest is advice.
    static int apply_options(std::byte* p, std::size_t n) noexcept {
        if constexpr (Options.huge == HugePages::never) (void)detail::sys::advise(p, n, MADV_NOHUGEPAGE);
        if constexpr (Options.huge == HugePages::prefer) (void)detail::sys::advise(p, n, MADV_HUGEPAGE);
        if constexpr (Options.name) {
            if (!detail::naming_refused.load(std::memory_order_relaxed) &&
                detail::sys::set_name(p, n, "tamalloc") == -EINVAL)
                detail::naming_refused.store(true, std::memory_order_relaxed);
        }
        if constexpr (Options.fork == OnFork::wipe) return detail::sys::advise(p, n, MADV_WIPEONFORK);
        if constexpr (Options.fork == OnFork::omit) return detail::sys::advise(p, n, MADV_DONTFORK);
        return 0;
    }

    static result<std::byte*> resize(std::byte* p, std::size_t from, std::size_t to, int how) noexcept {
        TAMALLOC_ASSERT(whole_pages(p, from) && whole_pages(p, to) && from <= to);
        const auto at = detail::sys::remap(p, from, to, how);
        if (detail::sys::failed(at)) return detail::system_failure(static_cast<int>(-at));
        auto* const moved = reinterpret_cast<std::byte*>(at);
        if (moved != p) detail::unpoison(p, from);   // somebody else's from now on
        detail::unpoison(moved, to);
        return moved;
    }

    // \returns the end of what may stay, at most `keep` bytes of whole pages: part of a huge page would split it
    static std::byte* part_of(const detail::PageExtent& extent, std::size_t keep) noexcept {
        if (extent.size() <= keep) return extent.last();
        const auto page = extent.huge() ? detail::huge_page_size() : granularity();
        const auto end = (extent.start + keep) & ~std::uint64_t{page - 1};
        return end <= extent.start ? extent.first() : reinterpret_cast<std::byte*>(end);
    }

    // \returns how many bytes of the extent stay in memory
    static std::size_t clear_extent(const detail::PageExtent& extent, detail::ScanMethod method,
                                    std::size_t keep) noexcept {
        // Where nothing is known of the extent, only dropping costs what was touched.
        const bool drop = extent.swapped() || method == detail::ScanMethod::none;
        auto* const middle = drop ? extent.first() : part_of(extent, keep);
        const auto in_place = static_cast<std::size_t>(middle - extent.first());
        // The zero page may be among what is called present: read, and write only what needs it.
        if (method == detail::ScanMethod::scan_ioctl && !extent.huge()) detail::clear_pages(extent.first(), in_place);
        else detail::zero_in_place(extent.first(), middle);
        const bool dropped = detail::drop_or_zero(middle, extent.last());
        return dropped ? in_place : extent.size();
    }
};

}   // namespace tamalloc::inline TAMALLOC_ABI
