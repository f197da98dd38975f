// SPDX-License-Identifier: MIT
// The main demonstration: std::vector beside tamalloc::vector at the largest size that fits, then a vector far larger
// than the memory of the machine, with the kernel's own figures. Usage: tamalloc_demo [GiB], the size of the former.
#include <algorithm>     // std::max
#include <csignal>       // SIGKILL
#include <cstddef>       // std::size_t
#include <cstdint>       // std::int64_t, std::uint64_t
#include <cstdio>        // std::fprintf, std::perror, std::printf, std::setvbuf
#include <cstdlib>       // std::strtod
#include <exception>     // std::exception
#include <fstream>       // std::ofstream
#include <memory>        // std::make_unique, std::unique_ptr
#include <new>           // std::bad_alloc
#include <optional>      // std::optional
#include <type_traits>   // std::is_same_v
#include <vector>        // std::vector

#include <sys/wait.h>   // waitpid
#include <unistd.h>     // _exit, fork

#include "machine.hpp"
#include "print.hpp"
#include "tamalloc/allocator.hpp"   // vector
#include "tamalloc/discovery.hpp"   // backend
#include "tamalloc/testing.hpp"     // memory_use
#include "workload.hpp"

namespace {

constexpr std::int64_t mib = 1 << 20, gib = 1 << 30;

template<class Vector> constexpr bool ours = std::is_same_v<Vector, tamalloc::vector<double>>;

bool as_written(const workload::Reading& r) {
    std::printf("  values: %s were written and %s; of %s others, %s are not zero\n", print::count(r.written).c_str(),
                r.sum == r.expected_sum ? "are there" : "ARE NOT THERE", print::count(r.untouched).c_str(),
                print::count(r.not_zero).c_str());
    return r.sum == r.expected_sum && r.not_zero == 0;
}

struct Committed {   // in bytes, after which step
    std::int64_t construct = 0, write = 0, read = 0;
};

// The promise: no memory before something is written, and then for the pages in which it is.
bool promise_kept(const Committed& committed, std::uint64_t pages_written) {
    const auto limit = static_cast<std::int64_t>(pages_written + pages_written / 100) + mib;
    const bool kept = committed.construct <= mib && std::max(committed.write, committed.read) <= limit;
    if (!kept) std::printf("  TOO MUCH is committed: the limits are 1 MiB and then %s\n", print::bytes(limit).c_str());
    return kept;
}

// Once in small: what runs for the first time makes pages of code and heap resident, which no vector is to blame for.
template<class Vector> void rehearse() {
    Vector v(workload::size_for(8 * mib));
    workload::write(v.data(), v.size());
    (void)workload::read(v.data(), v.size());
    (void)print::Picture(v);
    (void)tamalloc::testing::memory_use();
}

// The life of a vector of n elements.
// \returns whether it is what it should be; so is one that the system refuses
template<class Vector> bool run(const char* title, std::size_t n, bool with_picture) {
    std::unique_ptr<Vector> v;
    std::optional<print::Picture> picture;
    workload::Reading reading;
    try {
        rehearse<Vector>();
        print::Table table(title);
        Committed committed;
        committed.construct = table.step("construct v(n)", [&] { v = std::make_unique<Vector>(n); });
        const auto nanoseconds = table.seconds() * 1e9;
        const auto pages = workload::bytes_of_pages(v->data(), n, machine::largest_page());
        committed.write = table.step("write 1 %", [&] { workload::write(v->data(), n); });
        if (with_picture) picture.emplace(*v);
        committed.read = table.step("read that and some of the rest", [&] { reading = workload::read(v->data(), n); });
        table.step("destroy", [&] { v.reset(); });
        const bool good = as_written(reading) && (!ours<Vector> || promise_kept(committed, pages));
        if (picture) {
            picture->print();
            std::printf("\nTime follows n, %.2f ns for each element constructed; memory follows what is written.\n",
                        nanoseconds / static_cast<double>(n));
        }
        return good;
    } catch (const std::bad_alloc& e) {
        std::printf("  refused: %s (see vm.overcommit_memory, ulimit -v)\n", e.what());
        return true;
    }
}

// In a process of its own: no heap disturbs another's figures, and when memory runs out nobody else is killed.
// \returns whether all was as it should be; std::vector may be killed for the memory it takes
template<class Vector> bool run_in_child(const char* title, std::size_t n, bool with_picture = false) {
    const auto pid = fork();
    if (pid == 0) {
        std::ofstream("/proc/self/oom_score_adj") << 1000;
        bool good = false;
        try {
            good = run<Vector>(title, n, with_picture);
        } catch (const std::exception& e) {
            std::printf("  failed: %s\n", e.what());
        }
        _exit(good ? 0 : 1);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        std::perror("tamalloc_demo");
        return false;
    }
    if (!WIFSIGNALED(status)) return WEXITSTATUS(status) == 0;
    const bool killed = WTERMSIG(status) == SIGKILL;
    std::printf("\n%s: ended by signal %d%s\n", title, WTERMSIG(status), killed ? ", out of memory" : "");
    return killed && !ours<Vector>;
}

bool demonstrate(double comparison_bytes) {
    const auto total = machine::total_memory();
    const auto small = workload::size_for(comparison_bytes);
    const auto large = workload::size_for(4 * static_cast<double>(total));
    const auto bytes = [](auto n) { return print::bytes(static_cast<std::int64_t>(n)); };

    const auto [backend, reason] = tamalloc::backend();
    std::printf("Back-end: %s (%.*s)\n", backend == tamalloc::Backend::mmap ? "mmap" : "kernel",
                static_cast<int>(reason.size()), reason.data());
    std::printf("Machine: %s of memory, %s available\n", bytes(total).c_str(),
                bytes(machine::available_memory()).c_str());
    std::printf("reserved: VmSize, address space. committed: RSS, memory behind it (not Linux's Committed_AS).\n"
                "Both, and page tables: after the step, less what there was before. time, faults: of the step.\n");

    std::printf("\n1. n = %s elements of double, %s\n", print::count(small).c_str(),
                bytes(small * sizeof(double)).c_str());
    bool good = run_in_child<std::vector<double>>("std::vector<double>", small);
    good = run_in_child<tamalloc::vector<double>>("tamalloc::vector<double>", small) && good;

    std::printf("\n2. Four times the memory of this machine: n = %s, %s\n", print::count(large).c_str(),
                bytes(large * sizeof(double)).c_str());
    good = run_in_child<tamalloc::vector<double>>("tamalloc::vector<double>", large, true) && good;
    std::printf(
        "Reading an untouched page maps the kernel's shared zero page: page tables grow, committed does not.\n");
    return good;
}

}   // namespace

int main(int argc, char** argv) {
    double bytes = 0.75 * static_cast<double>(machine::available_memory());
    if (argc > 1) {
        char* end = nullptr;
        bytes = std::strtod(argv[1], &end) * static_cast<double>(gib);
        const bool in_range = bytes >= 64.0 * mib && bytes <= 65536.0 * gib;
        if (argc > 2 || *end != '\0' || !in_range) {
            std::fprintf(stderr,
                         "Usage: tamalloc_demo [GiB], from 0.0625 to 65536; without it, 3/4 of what is available\n");
            return 2;
        }
    }
    std::setvbuf(stdout, nullptr, _IOLBF,
                 0);   // a child that is killed has said what it knew, and none repeats its parent
    return demonstrate(bytes) ? 0 : 1;
}
