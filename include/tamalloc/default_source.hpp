// SPDX-License-Identifier: MIT
//
// DefaultSource: where the front ends take their pages from unless told otherwise.
//
//   namespace tamalloc {
//     using DefaultSource = RecyclingSource<SystemSource>;
//   }
#pragma once
#include "tamalloc/config.hpp"
#include "tamalloc/recycling_source.hpp"   // RecyclingSource
#include "tamalloc/system_source.hpp"      // SystemSource

namespace tamalloc::inline TAMALLOC_ABI {

/// Recycled blocks of what the system has: the calls of a patched kernel, or mmap(2).
using DefaultSource = RecyclingSource<SystemSource>;

}   // namespace tamalloc::inline TAMALLOC_ABI
