// SPDX-License-Identifier: MIT
//
// The tamalloc system calls, one function per call. The number comes first: the running kernel alone knows it. One idiom:
// the value, or -errno; errno itself is left as it was.
//
//   namespace tamalloc::detail::uapi { ... }   // the structures of uapi.h
//   namespace tamalloc::detail::sys {
//     int ask(int what) noexcept;              // prctl(PR_TAMALLOC)
//     std::intptr_t tamalloc2(long number, const uapi::tamalloc_args*, std::size_t size) noexcept;
//     long tamalloc_rezero(long number, void* p, std::size_t n, std::size_t keep, unsigned flags) noexcept;
//     long tamstat(long number, int which, int id, uapi::tamstat*, std::size_t size, unsigned flags) noexcept;
//     long tamstat_list(long number, uapi::tamstat_list_req*, void*, std::size_t bytes, unsigned flags) noexcept;
//     long tamstat_total(long number, uapi::tamstat_total*, std::size_t size, unsigned flags) noexcept;
//   }
#pragma once
#include <cstddef>   // std::size_t
#include <cstdint>   // std::intptr_t

#include <linux/types.h>   // before uapi.h, which includes it: its types are not of our namespace
#include <sys/prctl.h>     // prctl
#include <unistd.h>        // syscall

#include "tamalloc/config.hpp"
#include "tamalloc/detail/sys.hpp"   // value_or_negated_errno

// In a namespace, whether or not the program includes the header of its kernel as well, before or after.
#pragma push_macro("_UAPI_LINUX_TAMALLOC_H")
#undef _UAPI_LINUX_TAMALLOC_H
namespace tamalloc::inline TAMALLOC_ABI::detail::uapi {
#include "tamalloc/detail/uapi.h"
}
#pragma pop_macro("_UAPI_LINUX_TAMALLOC_H")

namespace tamalloc::inline TAMALLOC_ABI::detail::sys {

static_assert(sizeof(uapi::tamalloc_args) == TAMALLOC_ARGS_SIZE_VER0);
static_assert(sizeof(uapi::tamstat) == TAMSTAT_SIZE_VER0);
static_assert(sizeof(uapi::tamstat_list_req) == TAMSTAT_LIST_REQ_SIZE_VER0);
static_assert(sizeof(uapi::tamstat_total) == TAMSTAT_TOTAL_SIZE_VER0);

inline int ask(int what) noexcept {
    return value_or_negated_errno(
        [&] { return ::prctl(PR_TAMALLOC, static_cast<unsigned long>(what), 0UL, 0UL, 0UL); });
}

inline std::intptr_t tamalloc2(long number, const uapi::tamalloc_args* args, std::size_t size) noexcept {
    return value_or_negated_errno([&] { return std::intptr_t{::syscall(number, args, size)}; });
}

inline long tamalloc_rezero(long number, void* p, std::size_t n, std::size_t keep, unsigned flags) noexcept {
    return value_or_negated_errno([&] { return ::syscall(number, p, n, keep, flags); });
}

inline long tamstat(long number, int which, int id, uapi::tamstat* out, std::size_t size, unsigned flags) noexcept {
    return value_or_negated_errno([&] { return ::syscall(number, which, id, out, size, flags); });
}

inline long tamstat_list(long number, uapi::tamstat_list_req* request, void* out, std::size_t bytes,
                         unsigned flags) noexcept {
    return value_or_negated_errno([&] { return ::syscall(number, request, out, bytes, flags); });
}

inline long tamstat_total(long number, uapi::tamstat_total* out, std::size_t size, unsigned flags) noexcept {
    return value_or_negated_errno([&] { return ::syscall(number, out, size, flags); });
}

}   // namespace tamalloc::inline TAMALLOC_ABI::detail::sys
