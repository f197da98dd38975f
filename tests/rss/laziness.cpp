// SPDX-License-Identifier: MIT
// Hazard: a page is touched by whatever the optimiser, or its absence, leaves of "construct nothing here". So this program
// is built at several levels, and asks the kernel's counters what containers of elements that nobody wrote cost.
//
// Prints one line per check; exit status 1 when one fails.
#include "tamalloc/allocator.hpp"   // first: proves that the header stands alone

#include <array>     // std::array
#include <chrono>    // std::chrono::steady_clock
#include <complex>   // std::complex
#include <cstddef>   // std::byte, std::size_t
#include <cstdint>   // std::int64_t, std::uint64_t
#include <cstdio>    // std::printf
#include <new>       // std::bad_alloc
#include <span>      // std::as_bytes, std::span
#include <vector>    // std::vector

#include <unistd.h>   // sysconf

#include "tamalloc/memory_resource.hpp"      // ArenaResource, MemoryResource, pmr::vector
#include "tamalloc/sparse_vector.hpp"        // SparseVector
#include "tamalloc/testing/memory_use.hpp"   // memory_use
#include "tamalloc/zero_init.hpp"            // all_zero
#include "tamalloc/zeroed_array.hpp"         // ZeroedArray

namespace {

using tamalloc::AllocatorOptions;
using tamalloc::Zeroing;
using tamalloc::testing::memory_use;

constexpr std::uint64_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

constexpr std::uint64_t nothing = 256 * KiB;   // of memory: what the program itself may need meanwhile
constexpr std::uint64_t hardly_any_fault = 100;
constexpr std::uint64_t any_number = ~std::uint64_t{0};

// Without optimisation an element takes 10 ns and more; there are fewer of them then.
#ifdef __OPTIMIZE__
constexpr bool optimised = true;
#else
constexpr bool optimised = false;
#endif
constexpr std::uint64_t size = optimised ? GiB : 64 * MiB;

bool all_passed = true, skipped = false;

void expect(bool holds, const char* what) {
    if (holds) return;
    all_passed = false;
    std::printf("FAILED: %s\n", what);
}

struct Limits {
    std::uint64_t bytes;
    std::uint64_t faults = any_number;
};

// Runs f and prints what it added to the resident set. \returns what f returns
template<class F> auto measure(const char* what, Limits limits, F f) {
    const auto before = memory_use();
    const auto begin = std::chrono::steady_clock::now();
    auto value = f();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    const auto added = memory_use() - before;
    const auto bytes = static_cast<std::int64_t>(added.committed);
    std::printf("%-52s %8lld KiB %7llu faults %7.3f s\n", what, static_cast<long long>(bytes / 1024),
                static_cast<unsigned long long>(added.minor_faults), time.count());
    expect(bytes < static_cast<std::int64_t>(limits.bytes), "resident memory");
    expect(added.minor_faults < limits.faults, "page faults");
    return value;
}

// Reads all of the first 64 MiB and one page in a thousand of the rest: reading costs a fault a page, but no memory.
bool reads_zero(std::span<const std::byte> bytes) {
    constexpr std::size_t page = 4096, head = 64 * MiB;
    if (bytes.size() <= head) return tamalloc::all_zero(bytes);
    if (!tamalloc::all_zero(bytes.first(head))) return false;
    for (std::size_t at = head; at + page <= bytes.size(); at += 1000 * page)
        if (!tamalloc::all_zero(bytes.subspan(at, page))) return false;
    return tamalloc::all_zero(bytes.last(page));
}

void expect_back_at(std::uint64_t committed) {
    tamalloc::DefaultSource::trim();
    expect(memory_use().committed < committed + nothing, "what was resident is given back");
}

// What make() returns is all zero and costs nothing.
template<class F> void check_made_untouched(const char* what, F make) {
    const auto before = memory_use().committed;
    {
        const auto v = measure(what, {nothing, hardly_any_fault}, make);
        expect(reads_zero(std::as_bytes(std::span(v))), "every element is T()");
    }
    expect_back_at(before);
}

template<class T> void check_untouched(const char* what, std::uint64_t bytes) {
    check_made_untouched(what, [bytes] { return tamalloc::vector<T>(bytes / sizeof(T)); });
}

struct Padded {
    double value;
    char tag;
};

struct Element {
    std::array<int, optimised ? 16 : 1024> values;
};

void check_beyond_memory() {
    const auto memory =
        static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    try {
        check_untouched<Element>("vector(n), twice the memory of the machine", 2 * memory);
    } catch (const std::bad_alloc& refused) {
        std::printf("SKIPPED: twice the memory of the machine: %s\n", refused.what());
        skipped = true;
    }
}

constexpr std::size_t n = 16 * MiB / sizeof(double);
constexpr std::size_t per_page = 4096 / sizeof(double);

template<Zeroing Zero> void check_scenarios() {
    using V = std::vector<double, tamalloc::Allocator<double, tamalloc::DefaultSource, AllocatorOptions{.zero = Zero}>>;
    constexpr bool lazy_copies = Zero == Zeroing::zero_copies;
    constexpr Limits none{nothing}, all{n * sizeof(double) + nothing}, copied = lazy_copies ? none : all;
    const auto before = memory_use().committed;

    std::printf("%s, n = 64 MiB\n", lazy_copies ? "zero_copies" : "value_init");
    const auto zero = [](const char* what, Limits limits, auto make) {
        const V v = measure(what, limits, make);
        expect(reads_zero(std::as_bytes(std::span(v))), "every element is T()");
    };
    zero("resize(n) from empty", none, [] {
        V v;
        v.resize(n);
        return v;
    });
    zero("reserve(n), swap, resize(n)", none, [] {
        V v, w;
        v.reserve(n);
        w.swap(v);
        w.resize(n);
        return w;
    });
    zero("reserve(n), copied from, resize(n)", none, [] {
        V v;
        v.reserve(n);
        const V copy(v);
        v.resize(n);
        return v;
    });
    zero("reserve(2n), push_back, resize(2n)", none, [] {
        V v;
        v.reserve(2 * n);
        v.push_back(1);
        v.resize(2 * n);
        v[0] = 0;
        return v;
    });
    zero("resize(2n) of an untouched v(n)", copied, [] {
        V v(n);
        v.resize(2 * n);
        return v;
    });
    zero("v(n, T())", copied, [] { return V(n, double()); });

    {
        V sparse(n);
        for (std::size_t i = 0; i < n; i += 100 * per_page) sparse[i] = 1;
        const auto copy = measure("copy of v(n) with 1 % of its pages written", lazy_copies ? Limits{MiB} : all,
                                  [&sparse] { return V(sparse); });
        expect(copy == sparse, "a copy is equal");
    }
    expect_back_at(before);
}

// The types that need not visit their elements.
void check_constant_time() {
    constexpr auto huge = 64 * GiB / sizeof(double);   // more would take long to read
    static tamalloc::MemoryResource<> resource;
    static tamalloc::ArenaResource<> arena;
    check_made_untouched("SparseVector<double>(n), 64 GiB", [] { return tamalloc::SparseVector<double>(huge); });
    check_made_untouched("ZeroedArray<double>(n), 64 GiB", [] { return tamalloc::ZeroedArray<double>(huge); });
    check_made_untouched("pmr::vector<double>(n), 64 MiB", [] { return tamalloc::pmr::vector<double>(n, &resource); });
    check_made_untouched("pmr::vector<double>(n) in an arena, 64 MiB",
                         [] { return tamalloc::pmr::vector<double>(n, &arena); });
    check_made_untouched("SparseVector grown, copied, shrunk, reset", [] {
        tamalloc::SparseVector<double> v;
        for (std::size_t i = 0; i <= 10 * per_page; ++i) v.emplace_back();
        v.resize(huge, 0.0);
        v[huge / 2] = 1;
        auto copy = v;
        expect(copy == v, "a copy is equal");
        copy.resize(huge / 3);
        copy.resize(huge);
        copy.reset();
        return copy;
    });
}

}   // namespace

int main() {
    // The first use of anything brings code into memory, which stays.
    measure("first use", {MiB}, [] { return tamalloc::vector<double>(MiB); });
    std::printf("n = %llu MiB\n", static_cast<unsigned long long>(size / MiB));
    check_untouched<double>("vector<double>(n)", size);
    check_untouched<int>("vector<int>(n)", size);
    check_untouched<char>("vector<char>(n)", size);
    check_untouched<Padded>("vector<Padded>(n)", size);
    check_untouched<std::array<int, 3>>("vector<array<int, 3>>(n)", size);
    check_untouched<std::complex<float>>("vector<complex<float>>(n)", size);
    check_beyond_memory();
    check_constant_time();
    check_scenarios<Zeroing::value_init>();
    check_scenarios<Zeroing::zero_copies>();
    if (!all_passed) return 1;
    return skipped ? 77 : 0;
}
