// SPDX-License-Identifier: MIT
//
// What a mapping is described by.
//
//   namespace tamalloc {
//     enum class MappingKind;     // what a piece of address space was reserved for
//     std::string_view name_of(MappingKind) noexcept;
//     struct Mapping;             // a piece of a process's address space, and what is behind it
//   }
#pragma once
#include <array>         // std::array
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint64_t
#include <string>        // std::string
#include <string_view>   // std::string_view

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI {

/// The first of these that is true of a mapping.
enum class MappingKind : unsigned char {
    none,        // PROT_NONE: may not even be read
    noreserve,   // MAP_NORESERVE: not counted against CommitLimit (VmFlags nr; never where vm.overcommit_memory is 2)
    charged,     // counted against CommitLimit (VmFlags ac)
    file,        // of a file
    other,       // vdso, stacks of a kernel that does not charge them, shared memory without a name
};

/// How many enumerators MappingKind has.
inline constexpr std::size_t mapping_kinds = 5;

/// \returns the enumerator as it is spelled. Constant time, any thread.
/// \commits no
[[nodiscard]] constexpr std::string_view name_of(MappingKind kind) noexcept {
    constexpr std::array<std::string_view, mapping_kinds> names{"none", "noreserve", "charged", "file", "other"};
    return names[static_cast<std::size_t>(kind)];
}

/// A piece of address space, and what is behind it in bytes.
struct Mapping {
    std::uint64_t first = 0, last = 0;       // addresses, [first, last)
    std::array<char, 4> permissions{};       // "rw-p": p private, s shared
    MappingKind kind = MappingKind::other;   // what it was reserved for
    bool accounted = false;                  // counted against CommitLimit, whatever kind it is
    std::uint64_t resident = 0;              // in memory
    std::uint64_t pss = 0;                   // the same, but of a page that n processes share only the n-th part
    std::uint64_t uss = 0;                   // the same, but only pages that nobody shares
    std::uint64_t swap = 0;                  // in swap space
    std::uint64_t huge = 0;                  // in transparent huge pages of no file
    std::string flags;                       // VmFlags of proc(5), separated by blanks: "rd wr mr mw me nr"
    std::string
        path;   // raw bytes, newlines as \012; at most some 2000; "[heap]", "[anon:name]" and the like; may be empty

    /// \returns the address space it takes. Constant time; threads: reads the object.
    /// \commits no
    [[nodiscard]] constexpr std::uint64_t size() const noexcept { return last - first; }
};

}   // namespace tamalloc::inline TAMALLOC_ABI
