// SPDX-License-Identifier: MIT
//
// The system calls that sources of pages are made of, one function per call. One idiom: the value, or -errno; errno
// itself is left as it was.
//
//   namespace tamalloc::detail::sys {
//     std::intptr_t map(void* where, std::size_t n, int protection, int flags) noexcept;
//     std::intptr_t remap(void* p, std::size_t from, std::size_t to, int flags) noexcept;
//     int unmap(void* p, std::size_t n) noexcept;
//     int protect(void* p, std::size_t n, int protection) noexcept;
//     int advise(void* p, std::size_t n, int advice) noexcept;
//     int unlock(void* p, std::size_t n) noexcept;
//     int set_name(void* p, std::size_t n, const char* name) noexcept;   // null: none
//     int open(int directory, const char* path, int flags) noexcept;
//     std::ptrdiff_t read(int fd, std::span<char> out) noexcept;
//     std::ptrdiff_t read_at(int fd, std::span<std::byte> out, std::uint64_t offset) noexcept;
//     std::ptrdiff_t write(int fd, std::string_view text) noexcept;
//     int close(int fd) noexcept;
//   }
#pragma once
#include <cerrno>        // errno
#include <cstddef>       // std::byte, std::ptrdiff_t, std::size_t
#include <cstdint>       // std::intptr_t, std::uint64_t
#include <span>          // std::span
#include <string_view>   // std::string_view

#include <fcntl.h>         // O_CLOEXEC
#include <sys/mman.h>      // mmap, mremap, munmap, mprotect, madvise, munlock
#include <sys/syscall.h>   // SYS_close, SYS_openat, SYS_prctl, SYS_pread64, SYS_read, SYS_write
#include <unistd.h>        // syscall

#include "tamalloc/config.hpp"

namespace tamalloc::inline TAMALLOC_ABI::detail::sys {

inline constexpr int set_vma = 0x53564d41;    // PR_SET_VMA: include/uapi/linux/prctl.h, since Linux 5.17
inline constexpr int set_vma_anon_name = 0;   // PR_SET_VMA_ANON_NAME

template<class Call> auto value_or_negated_errno(Call call) noexcept -> decltype(call()) {
    const int saved = errno;
    auto value = call();
    if (value == -1) value = -errno;
    errno = saved;
    return value;
}

inline std::intptr_t map(void* where, std::size_t n, int protection, int flags) noexcept {
    return value_or_negated_errno(
        [&] { return reinterpret_cast<std::intptr_t>(::mmap(where, n, protection, flags, -1, 0)); });
}

inline std::intptr_t remap(void* p, std::size_t from, std::size_t to, int flags) noexcept {
    return value_or_negated_errno([&] { return reinterpret_cast<std::intptr_t>(::mremap(p, from, to, flags)); });
}

inline int unmap(void* p, std::size_t n) noexcept {
    return value_or_negated_errno([&] { return ::munmap(p, n); });
}

inline int protect(void* p, std::size_t n, int protection) noexcept {
    return value_or_negated_errno([&] { return ::mprotect(p, n, protection); });
}

inline int advise(void* p, std::size_t n, int advice) noexcept {
    return value_or_negated_errno([&] { return ::madvise(p, n, advice); });
}

inline int unlock(void* p, std::size_t n) noexcept {
    return value_or_negated_errno([&] { return ::munlock(p, n); });
}

inline int set_name(void* p, std::size_t n, const char* name) noexcept {
    // Not through prctl(), which the sanitizers of clang 19 intercept to read the name, also where it is null.
    return static_cast<int>(
        value_or_negated_errno([&] { return ::syscall(SYS_prctl, set_vma, set_vma_anon_name, p, n, name); }));
}

// Files not through open(), read() and close(), at which a thread may be cancelled (pthreads(7)): freeing memory is no
// place for that.
inline int open(int directory, const char* path, int flags) noexcept {
    return static_cast<int>(
        value_or_negated_errno([&] { return ::syscall(SYS_openat, directory, path, flags | O_CLOEXEC, 0); }));
}

inline std::ptrdiff_t read(int fd, std::span<char> out) noexcept {
    return value_or_negated_errno([&] { return ::syscall(SYS_read, fd, out.data(), out.size()); });
}

inline std::ptrdiff_t read_at(int fd, std::span<std::byte> out, std::uint64_t offset) noexcept {
    return value_or_negated_errno([&] { return ::syscall(SYS_pread64, fd, out.data(), out.size(), offset); });
}

inline std::ptrdiff_t write(int fd, std::string_view text) noexcept {
    return value_or_negated_errno([&] { return ::syscall(SYS_write, fd, text.data(), text.size()); });
}

inline int close(int fd) noexcept {
    return static_cast<int>(value_or_negated_errno([&] { return ::syscall(SYS_close, fd); }));
}

/// mmap and mremap give addresses; the top 4095 values are errors.
[[nodiscard]] constexpr bool failed(std::intptr_t value) noexcept { return value < 0 && value >= -4095; }

}   // namespace tamalloc::inline TAMALLOC_ABI::detail::sys
