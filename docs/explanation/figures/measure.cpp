// SPDX-License-Identifier: MIT
// What the explanations show: bytes and faults by the kernel's own counters, never times. Every line is a process of its own.
// Prints JSON; draw.py makes the figures and tables of it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <tamalloc/tamalloc.hpp>
#include <tamalloc/testing.hpp>

namespace {

constexpr std::size_t page = 4 << 10, mib = 1 << 20, all = 256 * mib, tib = mib << 20;
using Sparse = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;
using Huge = tamalloc::MmapSource<{.huge = tamalloc::HugePages::prefer}>;
using Accounted = tamalloc::MmapSource<{.accounting = tamalloc::Charge::accounted, .huge = tamalloc::HugePages::never}>;
using tamalloc::testing::memory_use;
template<class Source> using Bytes = tamalloc::ZeroedArray<std::byte, Source>;

constexpr unsigned long long number(std::uint64_t n) { return n; }   // for printf

volatile unsigned char sink;   // what is read goes there

// Runs f in a child, so that no case inherits the heap of another.
template<class F> void in_child(F f) {
    std::fflush(stdout);
    const auto child = ::fork();
    if (child == 0) {
        f();
        std::fflush(stdout);
        ::_exit(0);
    }
    int status = 1;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) std::exit(1);
}

std::uint64_t charged_bytes() {
    std::uint64_t sum = 0;
    const auto mappings = tamalloc::mappings();
    if (!mappings) std::exit(1);
    for (const auto& mapping : *mappings)
        if (mapping.accounted) sum += mapping.size();
    return sum;
}

// One line: what make(n) adds to this process, and what then() does to what it made. A small one comes first, for the code and
// the tables that this takes.
template<class Make, class Then> void line(const char* about, const char* who, std::size_t n, std::size_t x, Make make,
                                           Then then) {
    in_child([&] {
        {
            auto small = make(mib);
            then(small);
        }
        const auto charged = charged_bytes();
        const auto before = memory_use();
        auto made = make(n);
        then(made);
        const auto added = memory_use() - before;
        std::printf(R"({"about": "%s", "who": "%s", "x": %zu, "reserved": %llu, "charged": %llu, "resident": %llu, )"
                    R"("page_tables": %llu, "faults": %llu})"
                    "\n",
                    about, who, x, number(added.reserved), number(charged_bytes() - charged), number(added.committed),
                    number(added.page_tables), number(added.minor_faults));
    });
}

struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
};

template<class T> auto of = [](std::size_t n) { return T(n / sizeof(double)); };
constexpr auto by_calloc = [](std::size_t n) { return std::unique_ptr<void, Free>(std::calloc(n, 1)); };
constexpr auto untouched = [](auto&) {};
using Doubles = std::vector<double>;
using SparseDoubles = tamalloc::SparseVector<double>;

void asked() {
    for (std::size_t n = mib; n <= all; n <<= 4) line("asked", "std::vector", n, n, of<Doubles>, untouched);
    for (std::size_t n = mib; n <= 16 * all; n <<= 4)
        line("asked", "tamalloc::vector", n, n, of<tamalloc::vector<double>>, untouched);
    for (std::size_t n = mib; n <= tib; n <<= 4) line("asked", "SparseVector", n, n, of<SparseDoubles>, untouched);
    line("charge", "std::vector", all, all, of<Doubles>, untouched);
    line("charge", "calloc", all, all, by_calloc, untouched);
    line("charge", "Charge::accounted", all, all, [](std::size_t n) { return Bytes<Accounted>(n); }, untouched);
    line("charge", "Charge::lazy", all, all, [](std::size_t n) { return Bytes<Sparse>(n); }, untouched);
    line("charge", "SparseVector", all, all, of<SparseDoubles>, untouched);
}

// Of 256 MiB: asked for, all read, every hundredth page written, freed. A small block goes the same way before.
template<class Make, class Free> void compared(const char* who, Make make, Free free) {
    const auto run = [=](std::size_t n) {
        const auto before = memory_use().committed;
        const auto added = [before] { return number(memory_use().committed - before); };
        auto made = make(n);
        auto* const bytes = reinterpret_cast<unsigned char*>(&made[0]);
        const auto asked = added();
        for (std::size_t i = 0; i < n; i += page) sink = bytes[i];
        const auto read = added();
        for (std::size_t i = 0; i < n; i += 100 * page) bytes[i] = 1;
        const auto written = added();
        free(made);
        return std::array{asked, read, written, added()};
    };
    in_child([&] {
        run(mib);
        const auto [asked, read, written, freed] = run(all);
        std::printf(R"({"about": "compared", "who": "%s", "asked": %llu, "read": %llu, "written": %llu, "freed": %llu})"
                    "\n",
                    who, asked, read, written, freed);
    });
}

constexpr auto destroy = [](auto& made) { made = std::remove_reference_t<decltype(made)>(); };

void compared_with_others() {
    compared("`std::vector`", of<Doubles>, destroy);
    compared(
        "`calloc`", [](std::size_t n) { return std::unique_ptr<char[], Free>(static_cast<char*>(std::calloc(n, 1))); },
        destroy);
    compared("`mmap`", [](std::size_t n) { return Bytes<Sparse>(n); }, destroy);
    compared("`tamalloc::vector`", of<tamalloc::vector<double>>, destroy);
    compared("`SparseVector`, `reset()`", of<SparseDoubles>, [](auto& made) { made.reset(); });
}

// k pages of a block, as far from one another as can be.
template<class Source> void spread(const char* about, const char* who, std::size_t k, bool write) {
    line(
        about, who, all, k * page, [](std::size_t n) { return Bytes<Source>(n); },
        [=](auto& block) {
            for (std::size_t i = 0; i < block.size(); i += all / k)
                if (write) block[i] = std::byte{1};
                else sink = static_cast<unsigned char>(block[i]);
        });
}

void touched() {
    for (std::size_t k = 1; k <= all / page; k <<= 4) {
        line("touched", "std::vector", all, k * page, of<Doubles>, untouched);   // writes all of them, whoever wants k
        spread<Sparse>("touched", "4 KiB pages", k, true);
        spread<Huge>("touched", "huge pages", k, true);
        spread<Sparse>("read", "read", k, false);
    }
}

// The usual ways to keep std::vector<T>(n) from writing, beside ours.
enum class Construct { not_at_all, compare };
template<class T, Construct How> struct Tricky : tamalloc::Allocator<T, Sparse, {.zero = tamalloc::Zeroing::eager}> {
    template<class U> struct rebind {
        using other = Tricky<U, How>;
    };
    template<class U> void construct(U* p) noexcept {
        if (How == Construct::compare && *p != U()) *p = U();
    }
    template<class U> void construct(U* p, const U& value) noexcept { *p = value; }
};

template<class Vector> void construct(const char* who) {
    line("construct", who, 64 * mib, 64 * mib, [](std::size_t n) { return Vector(n / sizeof(int)); }, untouched);
    in_child([=] {
        Vector v(64 * mib / sizeof(int));
        v.assign(3, 7);
        v.clear();
        v.resize(3);
        std::printf(R"({"about": "stale", "who": "%s", "value": %d})"
                    "\n",
                    who, v[2]);
    });
}

template<tamalloc::OnFork Fork> void forked(const char* who) {
    in_child([=] {
        Bytes<tamalloc::MmapSource<{.huge = tamalloc::HugePages::never, .fork = Fork}>> block(64 * mib);
        std::memset(block.data(), 7, block.size());
        in_child([&, who] {
            const auto before = tamalloc::process_detail();
            const auto has = tamalloc::resident_bytes(block);
            constexpr bool there = Fork != tamalloc::OnFork::omit;
            const int reads = there ? static_cast<int>(block[0]) : -1;
            if (there) std::memset(block.data(), 1, 16 * mib);
            const auto after = tamalloc::process_detail();
            if (!before || !after) std::exit(1);
            std::printf(R"({"about": "fork", "who": "%s", "resident": %zu, "reads": %d, "copied": %llu})"
                        "\n",
                        who, has.value_or(0), reads, number(after->private_dirty - before->private_dirty));
        });
    });
}

// Ask for 64 MiB, write to 1 % of the pages, free: a hundred times, the first three not counted.
template<class Source> void reused(const char* who) {
    in_child([=] {
        const auto cycle = [] {
            Bytes<Source> block(64 * mib);
            for (std::size_t i = 0; i < block.size(); i += 100 * page) block[i] = std::byte{1};
        };
        for (int i = 0; i < 3; ++i) cycle();
        const auto before = memory_use();
        for (int i = 0; i < 100; ++i) cycle();
        const auto after = memory_use();
        std::printf(R"({"about": "reuse", "who": "%s", "faults": %llu, "kept": %zu})"
                    "\n",
                    who, number((after - before).minor_faults / 100), tamalloc::DefaultSource::stats().bytes_kept);
    });
}

}   // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): then there is no figure
int main() {
    asked();
    compared_with_others();
    touched();
    construct<std::vector<int>>("std::allocator");
    construct<std::vector<int, Tricky<int, Construct::not_at_all>>>("construct does nothing");
    construct<std::vector<int, Tricky<int, Construct::compare>>>("construct compares first");
    construct<std::vector<int, tamalloc::Allocator<int, Sparse>>>("tamalloc::Allocator");
    forked<tamalloc::OnFork::copy>("copy");
    forked<tamalloc::OnFork::wipe>("wipe");
    forked<tamalloc::OnFork::omit>("omit");
    reused<tamalloc::SystemSource>("SystemSource");
    reused<tamalloc::DefaultSource>("DefaultSource");
}
