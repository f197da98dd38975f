// SPDX-License-Identifier: MIT
//
// SystemSource: the best source of pages that this system has.
//
//   namespace tamalloc {
//     struct SystemSource;
//   }
#pragma once
#include <cstddef>   // std::byte, std::size_t

#include "tamalloc/config.hpp"
#include "tamalloc/discovery.hpp"       // Backend, backend
#include "tamalloc/error.hpp"           // errc, result
#include "tamalloc/kernel_source.hpp"   // KernelSource
#include "tamalloc/mmap_source.hpp"     // MmapSource

namespace tamalloc::inline TAMALLOC_ABI {

/// KernelSource where the kernel has the calls, else MmapSource, and so from the moment on that they are refused. Blocks
/// of the one are freed by the other. Address space is reserved by mmap(2) in any case.
/// Thread-safe, constant time, as these two.
/// \commits no
struct SystemSource : KernelSource<> {
    /// \returns the back-end that the pages come from. Constant time, any thread.
    [[nodiscard]] static Backend active() noexcept { return backend().backend; }

    /// \requires n a multiple of the page size
    /// \returns n bytes that read zero, at a multiple of `align`
    /// \errors as MmapSource::map
    [[nodiscard]] result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        auto block = KernelSource<>::map(n, align);
        if (block || block.error() != make_error_code(errc::unsupported)) return block;
        return MmapSource<>::map(n, align);
    }

    friend bool operator==(const SystemSource&, const SystemSource&) = default;   // always
};

}   // namespace tamalloc::inline TAMALLOC_ABI
