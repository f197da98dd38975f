// SPDX-License-Identifier: MIT
// Hazard: a child is taken for its parent, and believes what the parent knows of its pages.
#include "tamalloc/detail/generation.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstddef>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.hpp"

using tamalloc::detail::process_generation;

TEST_CASE("a process has one generation and each of its children another") {
    const auto mine = process_generation();
    CHECK(mine != 0);
    CHECK(process_generation() == mine);
    const auto differs = [mine] {
        const auto theirs = process_generation();
        if (theirs == 0 || theirs == mine || process_generation() != theirs) return 1;
        return support::in_child([=] { return process_generation() > theirs ? 0 : 2; });
    };
    CHECK(support::in_child(differs) == 0);
    if (support::thread_sanitized) return;   // knows nothing of a raw clone(2)
    const auto child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child == 0) ::_exit(process_generation() > mine ? 0 : 1);
    int status = 0;
    ::waitpid(static_cast<pid_t>(child), &status, 0);
    CHECK(status == 0);
    CHECK(process_generation() == mine);
}

TEST_CASE("where children cannot be told there is no generation") {
    const auto none = [] {   // its own is gone: a child has to ask for the page itself
        tamalloc::detail::generation_page = nullptr;
        return process_generation() == 0 ? 0 : 1;
    };
    CHECK(support::in_child([&] { return support::refuse(SYS_madvise, EINVAL) ? none() : 0; }) == 0);
    CHECK(support::in_child([&] { return support::refuse(SYS_madvise, 0) ? none() : 0; }) == 0);   // done, it says
    CHECK(support::in_child([&] { return support::refuse(SYS_mmap, ENOMEM) ? none() : 0; }) == 0);
}

TEST_CASE("advice is tried on memory that is not locked") {
    using tamalloc::detail::page_size;
    const auto takes = [] {   // in a child: the lock is on all that it maps
        if (::mlockall(MCL_FUTURE) != 0) return 77;
        void* const p = ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return tamalloc::detail::takes_advice(static_cast<std::byte*>(p), page_size()) ? 0 : 1;
    };
    const int status = support::in_child(takes);
    if (status == 77) return support::skip("memory cannot be locked here");
    CHECK(status == 0);
}
