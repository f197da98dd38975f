// SPDX-License-Identifier: MIT
// The main demonstration: std::vector beside tamalloc::vector at the largest size that fits, a vector far larger than the
// memory of the machine, a SparseVector of a terabyte, and who else reserves much, with the kernel's own figures.
// Usage: tamalloc_demo [GiB], the size of the first.
#include <algorithm>     // std::max, std::min, std::ranges::partial_sort
#include <csignal>       // SIGKILL
#include <cstddef>       // std::ptrdiff_t, std::size_t
#include <cstdint>       // std::int64_t, std::uint64_t
#include <cstdio>        // std::fprintf, std::perror, std::printf, std::setvbuf
#include <cstdlib>       // std::strtod
#include <exception>     // std::exception
#include <fstream>       // std::ofstream
#include <functional>    // std::ranges::greater
#include <memory>        // std::make_unique, std::unique_ptr
#include <new>           // std::bad_alloc
#include <optional>      // std::optional
#include <span>          // std::span
#include <type_traits>   // std::is_same_v
#include <vector>        // std::vector

#include <sys/wait.h>   // waitpid
#include <unistd.h>     // _exit, fork, getpid

#include "machine.hpp"
#include "print.hpp"
#include "tamalloc/allocator.hpp"       // vector
#include "tamalloc/discovery.hpp"       // backend
#include "tamalloc/sparse_vector.hpp"   // SparseVector
#include "tamalloc/stats.hpp"           // ProcessStats, processes, system_totals
#include "tamalloc/testing.hpp"         // memory_use
#include "workload.hpp"

namespace {

constexpr std::int64_t mib = 1 << 20, gib = 1 << 30, tib = std::int64_t{1} << 40;

template<class Vector> constexpr bool ours = std::is_same_v<Vector, tamalloc::vector<double>>;

bool as_written(const workload::Reading& r) {
    std::printf("  values: %s were written and %s; %s others were read, and %s zero\n", print::count(r.written).c_str(),
                r.sum == r.expected_sum ? "are there" : "ARE NOT THERE", print::count(r.untouched).c_str(),
                r.not_zero == 0 ? "all are" : "NOT ALL ARE");
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

// The life of a SparseVector of a terabyte, of which few elements are written, each in a page of its own.
// \returns whether it is what it should be; so is one that the system refuses
bool run_sparse_vector() {
    using Vector = tamalloc::SparseVector<double>;
    constexpr std::size_t n = tib / sizeof(double), writes = 200;
    const auto for_each_written = [](auto f) {
        for (std::size_t i = 0; i < writes; ++i) f(i * (n / writes), static_cast<double>(i + 1));
    };
    const auto limit = static_cast<std::int64_t>(writes * machine::largest_page()) + mib;
    try {
        rehearse<Vector>();
        std::optional<Vector> v, copy;
        bool good = true;
        print::Table table("tamalloc::SparseVector<double>");
        good = table.step("construct (n)", [&] { v.emplace(n); }) <= mib;
        good = table.step("write 200 elements",
                          [&] { for_each_written([&](std::size_t i, double value) { (*v)[i] = value; }); }) <= limit &&
               good;
        good = table.step("copy", [&] { copy = *v; }) <= 2 * limit && good;
        bool equal = false;
        table.step("compare with the copy", [&] { equal = *copy == *v; });
        good = table.step("reset the copy: all is 0 again", [&] { copy->reset(); }) <= limit && good;
        table.step("resize to n / 2, and to n again", [&] {
            v->resize(n / 2);
            v->resize(n);
        });
        std::size_t kept = 0, not_zero = 0;
        for_each_written([&](std::size_t i, double value) {
            kept += (*v)[i] == (i < n / 2 ? value : 0);
            not_zero += (*copy)[i] != 0;
        });
        table.step("destroy both", [&] { v.reset(), copy.reset(); });
        std::printf("  values: the copy was %s; %s of %s elements are as they should be; those reset are %s\n",
                    equal ? "equal" : "NOT EQUAL", print::count(kept).c_str(), print::count(writes).c_str(),
                    not_zero == 0 ? "all zero" : "NOT ALL ZERO");
        if (!good)
            std::printf("  TOO MUCH is committed: the limits are 1 MiB and then %s a vector\n",
                        print::bytes(limit).c_str());
        return good && equal && kept == writes && not_zero == 0;
    } catch (const std::bad_alloc& e) {
        std::printf("  refused: %s (see vm.overcommit_memory, ulimit -v)\n", e.what());
        return true;
    }
}

// Who asks for much, and what is behind it.
bool show_processes() {
    const auto mine = tamalloc::SparseVector<char>::try_make(tib);   // so that there is somebody
    auto listed = tamalloc::processes();
    const auto totals = tamalloc::system_totals();
    if (!listed || !totals) {
        const auto& error = listed ? totals.error() : listed.error();
        std::printf("  not readable: %s\n", error.message().c_str());
        return false;
    }
    std::vector<tamalloc::ProcessStats> all;
    for (const auto& process : *listed) all.push_back(process);
    if (const auto error = listed->error()) {
        std::printf("  not readable: %s\n", error.message().c_str());
        return false;
    }
    const auto shown = static_cast<std::ptrdiff_t>(std::min<std::size_t>(10, all.size()));
    std::ranges::partial_sort(all, all.begin() + shown, std::ranges::greater{}, &tamalloc::ProcessStats::reserved);
    std::printf(
        "OOM: the kernel's oom_score; an idle process of usual size has 666, and this program asks for more.\n");
    std::printf("\n%9s %11s %11s %9s %6s   %s\n", "PID", "reserved", "committed", "used", "OOM", "name");
    bool listed_myself = !mine;
    for (const auto& process : std::span(all).first(static_cast<std::size_t>(shown))) {
        const bool myself = process.pid == getpid();
        listed_myself = listed_myself || myself;
        std::printf("%9d %11s %11s %7.2f %% %6d   %s%s\n", process.pid, print::size(process.reserved).c_str(),
                    print::size(process.committed).c_str(), process.percentage(), process.oom_score,
                    print::name(process.name()).c_str(), myself ? ", with a SparseVector of 1 TiB" : "");
    }
    std::printf("%s processes reserve %s and commit %s, pages that they share counted in each; this machine has %s.\n",
                print::count(totals->processes).c_str(), print::size(totals->reserved).c_str(),
                print::size(totals->committed).c_str(), print::size(totals->ram).c_str());
    return listed_myself;
}

// In a process of its own: no heap disturbs another's figures, and when memory runs out nobody else is killed.
// \returns what f returns: whether all was as it should be
template<class F> bool in_child(const char* title, bool may_be_killed, F f) {
    const auto pid = fork();
    if (pid == 0) {
        std::ofstream("/proc/self/oom_score_adj") << 1000;
        bool good = false;
        try {
            good = f();
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
    return killed && may_be_killed;
}

// std::vector may be killed for the memory it takes.
template<class Vector> bool run_in_child(const char* title, std::size_t n, bool with_picture = false) {
    return in_child(title, !ours<Vector>, [&] { return run<Vector>(title, n, with_picture); });
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

    std::printf("\n2. Four times the memory of this machine, whatever size was chosen for 1: n = %s, %s\n",
                print::count(large).c_str(), bytes(large * sizeof(double)).c_str());
    good = run_in_child<tamalloc::vector<double>>("tamalloc::vector<double>", large, true) && good;
    std::printf(
        "Reading an untouched page maps the kernel's shared zero page: page tables grow, committed does not.\n");

    std::printf("\n3. Nothing but the address space: n = %s, %s, in constant time\n",
                print::count(tib / sizeof(double)).c_str(), bytes(tib).c_str());
    good = in_child("tamalloc::SparseVector<double>", false, run_sparse_vector) && good;

    std::printf("\n4. The ten processes with the largest reservations\n");
    good = in_child("processes", false, show_processes) && good;
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
