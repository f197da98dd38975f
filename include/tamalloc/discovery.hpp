// SPDX-License-Identifier: MIT
//
// Which back-end pages come from in this process, and why.
//
//   namespace tamalloc {
//     enum class Backend;
//     struct BackendInfo;
//     BackendInfo backend() noexcept;
//   }
#pragma once
#include <string_view>   // std::string_view

#include "tamalloc/config.hpp"
#include "tamalloc/version.hpp"   // TAMALLOC_VERSION_STRING

namespace tamalloc::inline TAMALLOC_ABI {

/// Where pages come from.
enum class Backend : unsigned char {
    mmap,     // mmap(2): every Linux
    kernel,   // the tamalloc system calls of a patched kernel
};

struct BackendInfo {
    Backend backend;
    std::string_view reason;   // one English clause, static
};

/// \returns the back-end of this process; the same at every call. Constant time, any thread.
/// \commits no
[[nodiscard]] constexpr BackendInfo backend() noexcept {
    return {Backend::mmap, "version " TAMALLOC_VERSION_STRING " of the library uses no tamalloc system call"};
}

}   // namespace tamalloc::inline TAMALLOC_ABI
