// SPDX-License-Identifier: MIT
//
// SystemSource: the best source of pages that this system has.
//
//   namespace tamalloc {
//     struct SystemSource;
//   }
#pragma once
#include "tamalloc/config.hpp"
#include "tamalloc/discovery.hpp"     // Backend, backend
#include "tamalloc/mmap_source.hpp"   // MmapSource

namespace tamalloc::inline TAMALLOC_ABI {

/// MmapSource with its default options, until there is a choice.
struct SystemSource : MmapSource<> {
    /// \returns the back-end that the pages come from. Constant time, any thread.
    [[nodiscard]] static constexpr Backend active() noexcept { return backend().backend; }

    friend bool operator==(const SystemSource&, const SystemSource&) = default;
};

}   // namespace tamalloc::inline TAMALLOC_ABI
