// SPDX-License-Identifier: MIT
// Hazard: a user tells a program with more privileges than his own which back-end to use. It runs itself with another
// effective than real user, which is to the kernel as a set-user-ID program is (AT_SECURE, getauxval(3)).
#include <cstdio>    // std::printf
#include <cstdlib>   // setenv

#include <unistd.h>

#include "tamalloc/discovery.hpp"

int main(int argc, char** argv) {
    if (argc > 1) return tamalloc::backend().reason == "TAMALLOC_BACKEND=mmap" ? 1 : 0;
    constexpr uid_t nobody = 65534;
    if (::setresuid(nobody, 0, 0) != 0) {
        std::printf("SKIPPED: this test needs root\n");
        return 77;
    }
    ::setenv("TAMALLOC_BACKEND", "mmap", 1);
    ::execl("/proc/self/exe", argv[0], "again", nullptr);
    return 2;
}
