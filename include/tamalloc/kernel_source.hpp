// SPDX-License-Identifier: MIT
//
// KernelSource: zeroed pages from the tamalloc system calls of a patched kernel.
//
//   namespace tamalloc {
//     template<MmapOptions = {}> struct KernelSource;
//   }
#pragma once
#include <bit>       // std::has_single_bit
#include <cstddef>   // std::byte, std::size_t
#include <cstdint>   // PTRDIFF_MAX, std::intptr_t, std::uint64_t

#include "tamalloc/config.hpp"
#include "tamalloc/detail/call_numbers.hpp"   // CallGroup, try_memory
#include "tamalloc/detail/kernel_calls.hpp"   // sys::tamalloc2, sys::tamalloc_rezero
#include "tamalloc/detail/sanitizer.hpp"      // unpoison
#include "tamalloc/discovery.hpp"             // memory_calls, taken_back
#include "tamalloc/error.hpp"                 // errc, failure, result, system_failure
#include "tamalloc/mmap_source.hpp"           // MmapOptions, MmapSource

namespace tamalloc::inline TAMALLOC_ABI {

namespace detail {

inline constexpr std::size_t largest_alignment = std::size_t{1} << 30;   // that tamalloc2 takes

}   // namespace detail

/// As MmapSource with the same options, whose blocks it may free and the other way round, but one call maps a block,
/// aligned and with its options, and one clears it, without /proc. Stateless and thread-safe; makes no memory resident,
/// leaves errno alone. A call takes constant time where not said otherwise.
/// \commits no
template<MmapOptions Options = MmapOptions{}> struct KernelSource : MmapSource<Options> {
    using Base = MmapSource<Options>;   // what it is as

    /// \requires n a multiple of the page size
    /// \returns n bytes that read zero, at a multiple of `align`
    /// \errors errc::unsupported: the calls are not there, or not any more; else as MmapSource::map
    [[nodiscard]] result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        TAMALLOC_ASSERT(Base::whole_pages(nullptr, n));
        const auto calls = detail::memory_calls();
        if (!calls.usable()) return detail::failure(errc::unsupported);
        // What the call would refuse: MmapSource knows the error, or aligns by mapping more.
        if (n == 0 || n > PTRDIFF_MAX || !std::has_single_bit(align) || align > detail::largest_alignment)
            return Base::map(n, align);
        const detail::uapi::tamalloc_args args{
            .size = n, .flags = flags, .align = align > Base::granularity() ? align : 0, .name = 0};
        const auto at = detail::sys::tamalloc2(calls.numbers[detail::CallGroup::tamalloc2], &args, sizeof args);
        if (detail::sys::failed(at)) {
            if (gone(calls, at)) return detail::failure(errc::unsupported);
            return detail::system_failure(static_cast<int>(-at));
        }
        auto* const p = reinterpret_cast<std::byte*>(at);
        if constexpr (!Options.name) (void)detail::sys::set_name(p, n, nullptr);
        detail::unpoison(p, n);
        return p;
    }

    /// Makes [p, p + n), whole pages, read zero, keeping at most `keep` bytes of what is in memory.
    /// Costs what was touched, not n; as MmapSource::clear where the kernel refuses, as for userfaultfd.
    /// \returns the bytes that stay in memory: at most `keep`, more only where pages are locked; always success
    /// \errors none
    [[nodiscard]] result<std::size_t> clear(std::byte* p, std::size_t n, std::size_t keep) const noexcept {
        TAMALLOC_ASSERT(Base::whole_pages(p, n));
        if (const auto calls = detail::memory_calls(); calls.usable()) {
            const long kept = detail::sys::tamalloc_rezero(calls.numbers[detail::CallGroup::rezero], p, n, keep, 0);
            if (kept >= 0) return static_cast<std::size_t>(kept);
            (void)gone(calls, kept);
        }
        return Base::clear(p, n, keep);
    }

    friend bool operator==(const KernelSource&, const KernelSource&) = default;   // always

private:
    [[nodiscard]] static bool gone(const detail::CallGroup& calls, std::intptr_t answer) noexcept {
        return detail::taken_back(detail::memory_calls_found, calls, answer, detail::try_memory);
    }

    static constexpr std::uint64_t flags = (Options.huge == HugePages::prefer ? TAMALLOC_HUGE : 0) |
                                           (Options.huge == HugePages::never ? TAMALLOC_NOHUGE : 0) |
                                           (Options.accounting == Charge::accounted ? TAMALLOC_ACCOUNT : 0) |
                                           (Options.fork == OnFork::omit ? TAMALLOC_DONTFORK : 0) |
                                           (Options.fork == OnFork::wipe ? TAMALLOC_WIPEONFORK : 0);
};

}   // namespace tamalloc::inline TAMALLOC_ABI
