// SPDX-License-Identifier: MIT
//
// The tamalloc system calls on any kernel: in a process of its own, a seccomp filter turns them into signals, and the
// handler does what they do. Their numbers are none that a kernel has, so that no number that was compiled in would work.
//
//   namespace support {
//     struct FakeKernel;                                // how it behaves, and what was asked of it
//     FakeKernel fake_kernel;                           // that of this process
//     bool start_fake_kernel();                         // for good: in a child
//     void use_no_calls();                              // for good, whatever the kernel has: in a child
//     class Checks;                                     // for a child, whose doctest nobody hears
//     void on_fake_kernel(F);                           // f(Checks&) in a child with it
//     void on_real_kernel(calls, F);                    // f(Checks&) in a child, where the kernel has these calls
//   }
#pragma once
#include <algorithm>         // std::max, std::ranges::sort
#include <array>             // std::array
#include <atomic>            // std::atomic
#include <bit>               // std::has_single_bit
#include <cerrno>            // errno
#include <csignal>           // sigaction
#include <cstddef>           // offsetof, std::byte, std::size_t
#include <cstdint>           // std::uint64_t
#include <cstdio>            // std::printf
#include <cstdlib>           // unsetenv
#include <exception>         // std::exception
#include <filesystem>        // std::filesystem
#include <source_location>   // std::source_location
#include <string>            // std::string
#include <vector>            // std::vector

#include <doctest/doctest.h>   // CHECK

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "manual_proc.hpp"
#include "support.hpp"
#include "tamalloc/detail/page.hpp"   // huge_page_size
#include "tamalloc/discovery.hpp"
#include "tamalloc/mmap_source.hpp"

namespace support {

namespace uapi = tamalloc::detail::uapi;

constexpr long first_fake_number = 1560;
constexpr std::size_t fake_calls = 5;   // TAMALLOC_CALL_TAMALLOC2 and the next

struct FakeKernel {
    int version = 2;       // 0: prctl(PR_TAMALLOC) answers EINVAL, as any other kernel
    int prctl_error = 0;   // what it answers instead, as a filter
    std::array<long, fake_calls> numbers{1560, 1561, 1562, 1563, 1564};   // that prctl tells; 0: no such call
    std::array<std::atomic<int>, fake_calls> answers{};   // to everything: 0 nothing special, -1 success, else errno
    std::array<std::atomic<int>, fake_calls> valid_answers{};   // the same, but to what is valid
    pid_t secret = 0;                                           // EPERM to questions about it

    std::atomic<int> asked = 0;                        // prctl(PR_TAMALLOC)
    std::array<std::atomic<int>, fake_calls> used{};   // calls, also those that failed
};

inline FakeKernel fake_kernel;

namespace fake {

inline long tamalloc2(const uapi::tamalloc_args* args, std::size_t size) {
    if (size < TAMALLOC_ARGS_SIZE_VER0) return -EINVAL;
    if (size > page) return -E2BIG;
    if (args == nullptr) return -EFAULT;
    const auto has = [args](std::uint64_t flag) { return (args->flags & flag) != 0; };
    constexpr std::uint64_t known = TAMALLOC_HUGE | TAMALLOC_NOHUGE | TAMALLOC_ACCOUNT | TAMALLOC_DONTDUMP |
                                    TAMALLOC_DONTFORK | TAMALLOC_WIPEONFORK | TAMALLOC_POPULATE;
    if (has(~known) || (has(TAMALLOC_HUGE) && has(TAMALLOC_NOHUGE))) return -EINVAL;
    if (args->align != 0 && (!std::has_single_bit(args->align) || args->align < page || args->align >> 30 > 1))
        return -EINVAL;
    if (args->size == 0) return -EINVAL;
    if (args->size >> 47 != 0) return -ENOMEM;
    if (const int error = fake_kernel.valid_answers[TAMALLOC_CALL_TAMALLOC2]; error != 0) return -error;

    const std::size_t n = (args->size + page - 1) & ~(page - 1);
    const std::size_t huge =
        has(TAMALLOC_HUGE) && n >= tamalloc::detail::huge_page_size() ? tamalloc::detail::huge_page_size() : page;
    const std::size_t align = std::max({std::size_t{args->align}, huge, page});
    const auto at =
        tamalloc::detail::sys::map(nullptr, n + align - page, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | (has(TAMALLOC_ACCOUNT) ? 0 : MAP_NORESERVE));
    if (tamalloc::detail::sys::failed(at)) return at;
    auto* const whole = reinterpret_cast<std::byte*>(at);
    auto* const p = whole + (-static_cast<std::uintptr_t>(at) & (align - 1));
    auto* const last = whole + n + align - page;
    if (p != whole) ::munmap(whole, static_cast<std::size_t>(p - whole));
    if (p + n != last) ::munmap(p + n, static_cast<std::size_t>(last - (p + n)));
    if (has(TAMALLOC_HUGE)) ::madvise(p, n, MADV_HUGEPAGE);
    if (has(TAMALLOC_NOHUGE)) ::madvise(p, n, MADV_NOHUGEPAGE);
    if (has(TAMALLOC_DONTFORK)) ::madvise(p, n, MADV_DONTFORK);
    if (has(TAMALLOC_WIPEONFORK)) ::madvise(p, n, MADV_WIPEONFORK);
    (void)tamalloc::detail::sys::set_name(p, n, "tamalloc");
    return static_cast<long>(reinterpret_cast<std::intptr_t>(p));
}

inline long tamalloc_rezero(std::byte* p, std::size_t n, std::size_t keep, unsigned flags) {
    if (flags != 0 || reinterpret_cast<std::uintptr_t>(p) % page != 0) return -EINVAL;
    if (n == 0) return 0;
    if (const int error = fake_kernel.valid_answers[TAMALLOC_CALL_REZERO]; error != 0) return -error;
    return static_cast<long>(tamalloc::MmapSource<>{}.clear(p, n, keep).value());
}

// \returns 0 or -ESRCH
inline long fill(uapi::tamstat& record, pid_t pid, std::uint64_t mask) try {
    const Manual manual(pid);
    record = {};
    record.mask = (mask & (TAMSTAT_MEM | TAMSTAT_PEAK | TAMSTAT_OOM)) | TAMSTAT_BASIC;
    record.pid = pid;
    if (manual.number("Tgid") != pid) return -ESRCH;
    record.ppid = static_cast<pid_t>(manual.number("PPid"));
    record.uid = static_cast<uid_t>(manual.number("Uid"));
    manual.name().copy(record.comm, sizeof record.comm - 1);
    record.start_boottime_ns = manual.start_ns() + 1;   // not at a whole tick
    record.nr_threads = static_cast<unsigned>(manual.number("Threads"));
    record.oom_score_adj = static_cast<int>(manual.file("oom_score_adj"));
    constexpr std::uint64_t kernel_thread = 0x200000;   // PF_KTHREAD
    if ((manual.stat(9) & kernel_thread) != 0) record.flags |= TAMSTAT_F_KTHREAD;
    if (manual.state() == 'Z') record.flags |= TAMSTAT_F_ZOMBIE;
    if (manual.kib("VmSize") == 0) record.flags |= TAMSTAT_F_NOMM;
    if ((mask & TAMSTAT_OOM) != 0) record.oom_score = static_cast<unsigned>(manual.file("oom_score"));
    if ((mask & TAMSTAT_MEM) != 0) {
        record.vm_total = manual.kib("VmSize");
        record.rss_anon = manual.kib("RssAnon");
        record.rss_file = manual.kib("RssFile");
        record.rss_shmem = manual.kib("RssShmem");
        record.swap = manual.kib("VmSwap");
        record.pgtables = manual.kib("VmPTE");
    }
    if ((mask & TAMSTAT_PEAK) != 0) {
        record.vm_peak = manual.kib("VmPeak");
        record.rss_peak = manual.kib("VmHWM");
    }
    return 0;
} catch (const std::exception&) {
    return -ESRCH;   // ended while its files were read
}

inline long tamstat(int which, int id, uapi::tamstat* out, std::size_t size, unsigned flags) {
    if ((flags & ~TAMSTAT_LIST_APPROX) != 0 || size < TAMSTAT_SIZE_VER0) return -EINVAL;
    if (size > page) return -E2BIG;
    if (which != P_PID) return -EINVAL;
    if (id < 0) return -ESRCH;
    if (const int error = fake_kernel.valid_answers[TAMALLOC_CALL_TAMSTAT]; error != 0) return -error;
    if (id != 0 && id == fake_kernel.secret) return -EPERM;
    return fill(*out, id == 0 ? ::getpid() : id, ~std::uint64_t{0});
}

inline std::vector<pid_t> all_pids() {
    std::vector<pid_t> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc"))
        if (const auto name = entry.path().filename().string();
            name.find_first_not_of("0123456789") == std::string::npos)
            pids.push_back(std::stoi(name));
    std::ranges::sort(pids);
    return pids;
}

// Pages of no, one and two records, whatever there is room for.
inline long tamstat_list(uapi::tamstat_list_req* request, uapi::tamstat* out, std::size_t bytes, unsigned flags) {
    if (flags != 0) return -EINVAL;
    if (request == nullptr) return -EFAULT;
    if (request->size < TAMSTAT_LIST_REQ_SIZE_VER0 || request->rec_size != sizeof *out) return -EINVAL;
    if (bytes < sizeof *out) return -ENOSPC;
    if (const int error = fake_kernel.valid_answers[TAMALLOC_CALL_TAMSTAT_LIST]; error != 0) return -error;
    if (request->cursor == TAMSTAT_CURSOR_END) return 0;
    const int most = fake_kernel.used[TAMALLOC_CALL_TAMSTAT_LIST] % 3;
    long count = 0;
    for (const pid_t pid : all_pids()) {
        if (static_cast<std::uint64_t>(pid) < request->cursor) continue;
        if (count == most) return count;
        request->cursor = static_cast<std::uint64_t>(pid) + 1;
        if (pid == fake_kernel.secret || fill(*out, pid, request->mask) != 0) continue;
        if ((out->flags & TAMSTAT_F_KTHREAD) != 0) continue;
        ++out, ++count;
    }
    request->cursor = TAMSTAT_CURSOR_END;
    return count;
}

inline long tamstat_total(uapi::tamstat_total* out, std::size_t size, unsigned flags) {
    if ((flags & ~TAMSTAT_TOTAL_SUM) != 0 || size < TAMSTAT_TOTAL_SIZE_VER0) return -EINVAL;
    if (const int error = fake_kernel.valid_answers[TAMALLOC_CALL_TAMSTAT_TOTAL]; error != 0) return -error;
    *out = {};
    out->ram = machine_bytes("MemTotal:");
    out->ram_available = machine_bytes("MemAvailable:");
    out->swap = machine_bytes("SwapTotal:");
    out->swap_free = 1;   // not what is reported
    out->committed_as = machine_bytes("Committed_AS:");
    out->commit_limit = machine_bytes("CommitLimit:");
    if ((flags & TAMSTAT_TOTAL_SUM) == 0) return 0;
    out->mask = TAMSTAT_TOTAL_SUM;
    for (const pid_t pid : all_pids()) {
        uapi::tamstat record{};
        if (fill(record, pid, TAMSTAT_MEM) != 0 || record.vm_total == 0) continue;
        ++out->nr_processes;
        out->sum_vm += record.vm_total;
        out->sum_rss += record.rss_anon + record.rss_file + record.rss_shmem;
    }
    return 0;
}

using Arguments = std::array<unsigned long, 6>;

inline long prctl(const Arguments& a) {
    ++fake_kernel.asked;
    if (fake_kernel.prctl_error != 0) return -fake_kernel.prctl_error;
    if (fake_kernel.version == 0 || (a[2] | a[3] | a[4]) != 0) return -EINVAL;
    if (a[1] == PR_TAMALLOC_ABI) return fake_kernel.version;
    const auto call = a[1] - PR_TAMALLOC_NR;
    return call < fake_calls && fake_kernel.numbers[call] != 0 ? fake_kernel.numbers[call] : -EINVAL;
}

template<class T> T* pointer(unsigned long argument) { return reinterpret_cast<T*>(argument); }

inline long answer(long number, const Arguments& a) {
    if (number == SYS_prctl) return prctl(a);
    const auto call = static_cast<std::size_t>(number - first_fake_number);
    ++fake_kernel.used.at(call);
    if (const int error = fake_kernel.answers[call]; error != 0) return error < 0 ? 0 : -error;
    switch (call) {
    case TAMALLOC_CALL_TAMALLOC2: return tamalloc2(pointer<const uapi::tamalloc_args>(a[0]), a[1]);
    case TAMALLOC_CALL_REZERO:
        return tamalloc_rezero(pointer<std::byte>(a[0]), a[1], a[2], static_cast<unsigned>(a[3]));
    case TAMALLOC_CALL_TAMSTAT:
        return tamstat(static_cast<int>(a[0]), static_cast<int>(a[1]), pointer<uapi::tamstat>(a[2]), a[3],
                       static_cast<unsigned>(a[4]));
    case TAMALLOC_CALL_TAMSTAT_LIST:
        return tamstat_list(pointer<uapi::tamstat_list_req>(a[0]), pointer<uapi::tamstat>(a[1]), a[2],
                            static_cast<unsigned>(a[3]));
    default: return tamstat_total(pointer<uapi::tamstat_total>(a[0]), a[1], static_cast<unsigned>(a[2]));
    }
}

// The call did not happen: what the handler leaves in the register is its result.
inline void on_signal(int, siginfo_t* info, void* context) {
    const int saved = errno;
    auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    const auto in = [&machine](int name) { return static_cast<unsigned long>(machine.gregs[name]); };
    const Arguments arguments{in(REG_RDI), in(REG_RSI), in(REG_RDX), in(REG_R10), in(REG_R8), in(REG_R9)};
    machine.gregs[REG_RAX] = answer(info->si_syscall, arguments);
#elif defined(__aarch64__)
    Arguments arguments{};
    for (std::size_t i = 0; i != arguments.size(); ++i) arguments[i] = machine.regs[i];
    machine.regs[0] = static_cast<unsigned long>(answer(info->si_syscall, arguments));
#else
    (void)machine;
    (void)info;
#endif
    errno = saved;
}

}   // namespace fake

// What was found before the process was forked, and what the tests were told to use, is forgotten.
inline bool start_fake_kernel() {
    ::unsetenv("TAMALLOC_BACKEND");
    fake_kernel.asked = 0;
    for (auto& used : fake_kernel.used) used = 0;
    tamalloc::detail::memory_calls_found = tamalloc::detail::CallGroup{};
    tamalloc::detail::statistics_calls_found = tamalloc::detail::CallGroup{};
    struct sigaction action{};
    action.sa_sigaction = fake::on_signal;
    action.sa_flags = SA_SIGINFO;
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_fake_number, 0, 4),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_fake_number + fake_calls, 3, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),   // the low half
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_TAMALLOC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{sizeof code / sizeof code[0], code};
    return ::sigaction(SIGSYS, &action, nullptr) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

inline void use_no_calls() {
    constexpr tamalloc::detail::CallGroup none{.why = tamalloc::detail::Why::told_not_to};
    tamalloc::detail::memory_calls_found = none;
    tamalloc::detail::statistics_calls_found = none;
}

class Checks {
public:
    void operator()(bool holds, std::source_location where = std::source_location::current()) {
        if (holds) return;
        std::printf("%s:%u: does not hold\n", where.file_name(), static_cast<unsigned>(where.line()));
        status_ = 1;
    }
    [[nodiscard]] int status() const {
        std::fflush(stdout);
        return status_;
    }

private:
    int status_ = 0;
};

// Runs f(Checks&) in a child, under the fake kernel.
template<class F> void on_fake_kernel(F f) {
    const int status = in_child([&f] {
        if (!start_fake_kernel()) return 77;
        Checks check;
        f(check);
        return check.status();
    });
    if (status == 77) return skip("seccomp is not permitted here");
    CHECK(status == 0);
}

// The same under the real kernel, where it has these calls.
template<class F> void on_real_kernel(const tamalloc::detail::CallGroup& calls, F f) {
    if (!calls.usable()) return;
    CHECK(in_child([&f] {
              Checks check;
              f(check);
              return check.status();
          }) == 0);
}

}   // namespace support
