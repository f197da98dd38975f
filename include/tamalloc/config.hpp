// SPDX-License-Identifier: MIT
//
// What a user may set before including the library, and the ABI tag that follows from it.
//
//   TAMALLOC_VERIFY           0 or 1, default 0: before a write is elided, check that the memory really reads zero
//   TAMALLOC_USE_TL_EXPECTED  take tl::expected even where std::expected exists
//   TAMALLOC_NO_SYSCALL       0 or 1, default 0: mmap and /proc only, also where the kernel has the tamalloc system calls
//   TAMALLOC_ASSERT(x)        precondition check, default assert(x); changes no layout
//
// The first three change inline code, and so does -fno-exceptions. Each is part of the inline namespace in which everything
// lives, so that two translation units that disagree fail to link instead of violating the one-definition rule silently.
#pragma once
#if __cplusplus < 202002L
#error "tamalloc needs C++20 (-std=c++20) or later"
#endif

#include <cassert>   // assert
#include <version>   // __cpp_lib_expected

#include "tamalloc/version.hpp"   // TAMALLOC_VERSION_MAJOR, TAMALLOC_VERSION_MINOR

#ifndef __linux__
#error "tamalloc needs Linux: lazily zeroed memory comes from mmap(2) and is observed through /proc"
#endif

#ifndef TAMALLOC_VERIFY
#define TAMALLOC_VERIFY 0
#endif

#ifndef TAMALLOC_NO_SYSCALL
#define TAMALLOC_NO_SYSCALL 0
#endif

#ifndef TAMALLOC_ASSERT
#define TAMALLOC_ASSERT(condition) assert(condition)
#endif

// The feature macro decides, never __cplusplus: clang 14 with -std=c++2b over libstdc++ 12 has no std::expected.
#if defined(__cpp_lib_expected) && !defined(TAMALLOC_USE_TL_EXPECTED)
#define TAMALLOC_DETAIL_STD_EXPECTED 1
#else
#define TAMALLOC_DETAIL_STD_EXPECTED 0
#endif

// v0_1, say, since before 1.0 each minor version may be different; followed by _tl, _verify, _noexcept and _nosyscall
// where they apply.
#if TAMALLOC_DETAIL_STD_EXPECTED
#define TAMALLOC_DETAIL_RESULT_TAG
#else
#define TAMALLOC_DETAIL_RESULT_TAG _tl
#endif
#if TAMALLOC_VERIFY
#define TAMALLOC_DETAIL_VERIFY_TAG _verify
#else
#define TAMALLOC_DETAIL_VERIFY_TAG
#endif
#ifdef __cpp_exceptions
#define TAMALLOC_DETAIL_EXCEPTIONS_TAG
#else
#define TAMALLOC_DETAIL_EXCEPTIONS_TAG _noexcept
#endif
#if TAMALLOC_NO_SYSCALL
#define TAMALLOC_DETAIL_SYSCALL_TAG _nosyscall
#else
#define TAMALLOC_DETAIL_SYSCALL_TAG
#endif
#define TAMALLOC_DETAIL_PASTE(a, b, c, d, e, f) v##a##_##b##c##d##e##f
#define TAMALLOC_DETAIL_TAG(a, b, c, d, e, f) TAMALLOC_DETAIL_PASTE(a, b, c, d, e, f)
#define TAMALLOC_ABI                                                                                                   \
    TAMALLOC_DETAIL_TAG(TAMALLOC_VERSION_MAJOR, TAMALLOC_VERSION_MINOR, TAMALLOC_DETAIL_RESULT_TAG,                    \
                        TAMALLOC_DETAIL_VERIFY_TAG, TAMALLOC_DETAIL_EXCEPTIONS_TAG, TAMALLOC_DETAIL_SYSCALL_TAG)
