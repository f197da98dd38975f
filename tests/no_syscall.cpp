// SPDX-License-Identifier: MIT
// Hazard: a program that was compiled to do without the tamalloc system calls asks for them all the same, and a filter
// kills it; or it does not work without them. Compiled with TAMALLOC_NO_SYSCALL=1.
#include <cstddef>   // offsetof
#include <cstdio>    // std::printf

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tamalloc/tamalloc.hpp"

namespace {

// Kills whoever asks by prctl.
bool install_filter() {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_TAMALLOC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{sizeof code / sizeof code[0], code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}   // namespace

int main() {
    if (!install_filter()) {
        std::printf("SKIPPED: seccomp is not permitted here\n");
        return 77;
    }
    if (tamalloc::backend().backend != tamalloc::Backend::mmap) return 1;
    if (tamalloc::backend().reason != "compiled with TAMALLOC_NO_SYSCALL") return 2;
    tamalloc::vector<int> v(1 << 20);
    v[7] = 1;
    v.clear();
    v.resize(1 << 20);
    if (v[7] != 0) return 3;
    if (tamalloc::KernelSource<>{}.map(1 << 16, 1).has_value()) return 4;
    const auto self = tamalloc::process_stats();
    if (!self || self->from != tamalloc::Provenance::procfs) return 5;
    const auto all = tamalloc::processes(tamalloc::StatsField::memory);
    if (!all || all->begin() == all->end()) return 6;
    return tamalloc::system_totals().has_value() ? 0 : 7;
}
