// SPDX-License-Identifier: MIT
//
// DefaultSource: where the front ends take their pages from unless told otherwise.
//
//   namespace tamalloc {
//     using DefaultSource = SystemSource;
//   }
#pragma once
#include "tamalloc/config.hpp"
#include "tamalloc/system_source.hpp"   // SystemSource

namespace tamalloc::inline TAMALLOC_ABI {

using DefaultSource = SystemSource;

}   // namespace tamalloc::inline TAMALLOC_ABI
