// SPDX-License-Identifier: MIT
//
// What several tests need: a child process to break things in, and the breaking.
//
//   namespace support {
//     int in_child(F)             exit status of f() run in a forked child, or minus the signal that ended it
//     void skip(reason)           prints what the test runner counts as a skipped test
//     bool refuse(call, errno)    seccomp: from now on the call answers errno
//     bool hide_proc()            an empty /proc for this process
//     std::byte read(p)           a read that the compiler cannot leave out
//     std::string vm_flags(p)     what /proc/self/smaps says of the mapping at p
//     int with_little_stack(f)    exit status of a child whose thread with the least stack runs f(), and 3 where that is false
//   }
#pragma once
#include <cerrno>    // errno
#include <climits>   // PTHREAD_STACK_MIN
#include <csignal>   // std::signal
#include <cstddef>   // offsetof
#include <cstdint>   // std::uintptr_t
#include <cstdio>    // std::printf, std::sscanf
#include <fstream>   // std::ifstream
#include <initializer_list>
#include <string>   // std::string

#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TAMALLOC_TEST_RESIDENCY
#define TAMALLOC_TEST_RESIDENCY 1
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TAMALLOC_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TAMALLOC_TEST_SANITIZED 1
#endif
#endif

namespace support {

// Their operator new reports instead of failing, and they reserve more address space than any limit.
#ifdef TAMALLOC_TEST_SANITIZED
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitized = true;
#elif defined(__has_feature)
inline constexpr bool thread_sanitized = __has_feature(thread_sanitizer);
#else
inline constexpr bool thread_sanitized = false;
#endif

// Sanitizers touch memory of their own: there, residency is not asserted.
inline constexpr bool asserts_residency = TAMALLOC_TEST_RESIDENCY != 0;

inline const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

template<class F> int in_child(F f) {
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        for (const int signal : {SIGSEGV, SIGABRT, SIGBUS})
            std::signal(signal, SIG_DFL);   // no handler of a test runner
        try {
            ::_exit(f());
        } catch (...) {   // else the runner would go on with the other tests here
            ::_exit(99);
        }
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

inline void skip(const std::string& reason) {
    std::printf("SKIPPED: %s\n", reason.c_str());
    std::fflush(stdout);
}

inline bool refuse(long call, int error) {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{sizeof code / sizeof code[0], code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

inline bool hide_proc() {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}

inline std::byte read(const std::byte* p) { return *static_cast<const volatile std::byte*>(p); }

// The "VmFlags:" line of the mapping at p, proc(5).
inline std::string vm_flags(const std::byte* p) {
    std::ifstream smaps("/proc/self/smaps");
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    bool inside = false;
    for (std::string line; std::getline(smaps, line);) {
        std::uintptr_t first = 0, last = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) inside = first <= address && address < last;
        else if (inside && line.starts_with("VmFlags:")) return line + " ";
    }
    return {};
}

#ifdef __GLIBC__
// glibc takes the program's thread-local storage out of the stack.
inline std::size_t thread_local_bytes() {
    std::size_t bytes = 0;
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* sum) {
            for (int i = 0; i != info->dlpi_phnum; ++i)
                if (info->dlpi_phdr[i].p_type == PT_TLS) *static_cast<std::size_t*>(sum) += info->dlpi_phdr[i].p_memsz;
            return 0;
        },
        &bytes);
    return bytes;
}

template<class F> int with_little_stack(F f) {
    return in_child([&f] {
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        const auto least =
            static_cast<std::size_t>(PTHREAD_STACK_MIN) + (thread_local_bytes() + page - 1) / page * page;
        if (::pthread_attr_setstacksize(&attributes, least) != 0) return 1;
        pthread_t thread{};
        const auto run = [](void* g) -> void* { return (*static_cast<F*>(g))() ? g : nullptr; };
        if (::pthread_create(&thread, &attributes, run, &f) != 0) return 2;
        void* answered = nullptr;
        ::pthread_join(thread, &answered);
        return answered == nullptr ? 3 : 0;
    });
}
#endif

}   // namespace support
