// SPDX-License-Identifier: MIT
// Hazard: memory that was promised to read zero holds old bytes after purge, clear, decommit or fork; or an option is
// taken and does nothing; or giving memory back costs memory.
#include "tamalloc/mmap_source.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>

#include "support.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/testing.hpp"

using support::page;
using support::vm_flags;
using tamalloc::Charge;
using tamalloc::errc;
using tamalloc::HugePages;
using tamalloc::MmapSource;
using tamalloc::OnFork;

static_assert(std::is_empty_v<MmapSource<>>);
static_assert(tamalloc::PurgingSource<MmapSource<>> && tamalloc::ClearingSource<MmapSource<>>);
static_assert(tamalloc::ReservingSource<MmapSource<>> && tamalloc::ResizingSource<MmapSource<>>);
static_assert(tamalloc::ObservingSource<MmapSource<>>);

namespace {

using Sparse = MmapSource<{.huge = HugePages::never}>;

std::size_t resident(const std::byte* p, std::size_t n) { return tamalloc::resident_bytes({p, n}).value(); }

template<class S> std::string flags_of_new_block() {
    const S source;
    const auto block = source.map(1 << 20, 1);
    REQUIRE(block.has_value());
    std::string flags = vm_flags(*block);
    source.unmap(*block, 1 << 20);
    return flags;
}

}   // namespace

TEST_CASE_TEMPLATE("every choice of options keeps the contract", Source, MmapSource<>,
                   MmapSource<{.accounting = Charge::accounted}>, MmapSource<{.huge = HugePages::never}>,
                   MmapSource<{.huge = HugePages::prefer}>, MmapSource<{.fork = OnFork::wipe}>,
                   MmapSource<{.fork = OnFork::omit}>, MmapSource<{.name = false}>) {
    CHECK(tamalloc::testing::check_page_source<Source>() == std::vector<std::string>{});
}

TEST_CASE("bad input gets its own error") {
    const MmapSource<> source;
    CHECK(source.map(0, 1).error() == errc::zero_size);
    CHECK(source.map(page, 0).error() == errc::bad_alignment);
    CHECK(source.map(page, 48).error() == errc::bad_alignment);
    CHECK(source.map(std::numeric_limits<std::size_t>::max() - page, std::size_t{1} << 40).error() == errc::too_large);
    CHECK(source.map(std::size_t{1} << 62, 1).error() == std::errc::not_enough_memory);
    CHECK(source.reserve(0, 1).error() == errc::zero_size);
}

TEST_CASE("any power of two is an alignment") {
    const MmapSource<> source;
    for (std::size_t align = 1; align <= std::size_t{1} << 33; align *= 2) {
        CAPTURE(align);
        const auto block = source.map(3 * page, align);
        REQUIRE(block.has_value());
        CHECK((reinterpret_cast<std::uintptr_t>(*block) & (align - 1)) == 0);
        source.unmap(*block, 3 * page);
    }
}

TEST_CASE("mapping and freeing leave the address space and errno as they were") {
    const MmapSource<> source;
    const auto before = tamalloc::testing::memory_use();
    errno = 42;
    for (int i = 0; i < 100; ++i) {
        const auto block = source.map(std::size_t{1} << 30, std::size_t{1} << 22);
        REQUIRE(block.has_value());
        source.unmap(*block, std::size_t{1} << 30);
    }
    CHECK(errno == 42);
    if (support::asserts_residency) {
        const auto added = tamalloc::testing::memory_use() - before;
        CHECK(static_cast<std::int64_t>(added.reserved) < 1 << 20);
        CHECK(static_cast<std::int64_t>(added.committed) < 256 << 10);
    }
}

TEST_CASE("mapping commits nothing, reading commits nothing, a write commits its page") {
    const Sparse source;
    const std::size_t n = std::size_t{1} << 30;
    std::byte* const p = source.map(n, 1).value();
    CHECK(resident(p, n) == 0);
    p[n / 2] = std::byte{1};
    CHECK(resident(p, n) == page);
    source.unmap(p, n);
}

TEST_CASE("the options reach the kernel") {
    if (vm_flags(reinterpret_cast<const std::byte*>(&vm_flags)).empty())
        return support::skip("this kernel has no VmFlags in /proc/self/smaps");
    std::ifstream overcommit("/proc/sys/vm/overcommit_memory");
    int mode = 0;
    overcommit >> mode;
    if (mode != 2) CHECK(flags_of_new_block<MmapSource<>>().find(" nr ") != std::string::npos);
    CHECK(flags_of_new_block<MmapSource<{.accounting = Charge::accounted}>>().find(" ac ") != std::string::npos);
    CHECK(flags_of_new_block<MmapSource<{.fork = OnFork::wipe}>>().find(" wf ") != std::string::npos);
    CHECK(flags_of_new_block<MmapSource<{.fork = OnFork::omit}>>().find(" dc ") != std::string::npos);
    if (std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled").good()) {
        CHECK(flags_of_new_block<MmapSource<{.huge = HugePages::never}>>().find(" nh ") != std::string::npos);
        CHECK(flags_of_new_block<MmapSource<{.huge = HugePages::prefer}>>().find(" hg ") != std::string::npos);
    }
}

TEST_CASE("a forked child finds a copy, zeros, or nothing") {
    const auto child_reads = [](const auto& source) {
        std::byte* const p = source.map(page, 1).value();
        p[0] = std::byte{7};
        const int value = support::in_child([p] { return static_cast<int>(support::read(p)); });
        CHECK(p[0] == std::byte{7});
        source.unmap(p, page);
        return value;
    };
    CHECK(child_reads(MmapSource<>{}) == 7);
    CHECK(child_reads(MmapSource<{.fork = OnFork::wipe}>{}) == 0);
    CHECK(child_reads(MmapSource<{.fork = OnFork::omit}>{}) == -SIGSEGV);
}

TEST_CASE("purge gives the whole pages back and zeroes the rest in place") {
    const Sparse source;
    const std::size_t n = 64 * page;
    std::byte* const p = source.map(n, 1).value();
    std::memset(p, 0xA5, n);
    REQUIRE(source.purge(p + 100, n - 200).has_value());
    CHECK(tamalloc::all_zero({p + 100, n - 200}));
    CHECK(p[99] == std::byte{0xA5});
    CHECK(p[n - 100] == std::byte{0xA5});
    CHECK(resident(p, n) == 2 * page);
    std::memset(p, 0xA5, n);
    REQUIRE(source.purge(p + 10, 20).has_value());   // within one page
    CHECK(tamalloc::all_zero({p + 10, 20}));
    CHECK(p[30] == std::byte{0xA5});
    REQUIRE(source.purge(p, 0).has_value());
    CHECK(p[0] == std::byte{0xA5});
    source.unmap(p, n);
}

TEST_CASE("purging what was never touched touches nothing") {
    const Sparse source;
    const std::size_t n = std::size_t{64} << 30;
    std::byte* const p = source.map(n, 1).value();
    REQUIRE(source.purge(p + 1, n - 2).has_value());
    CHECK(resident(p, n) == 0);
    source.unmap(p, n);
}

TEST_CASE("clear keeps what it may, drops the rest, and touches nothing else") {
    const Sparse source;
    const std::size_t n = 4000 * page;
    std::byte* const p = source.map(n, 1).value();
    for (const std::size_t keep : {std::size_t{0}, page, 100 * page + 1, n}) {
        CAPTURE(keep);
        for (std::size_t i = 0; i < 4000; i += 4) p[i * page + i] = std::byte{1};   // 1000 extents
        const auto kept = source.clear(p, n, keep);
        REQUIRE(kept.has_value());
        CHECK(*kept <= keep);
        CHECK(*kept == std::min(keep / page, std::size_t{1000}) * page);
        CHECK(resident(p, n) == *kept);
        CHECK(tamalloc::all_zero({p, n}));
        REQUIRE(source.purge(p, n).has_value());
    }
    source.unmap(p, n);
}

TEST_CASE("clear and purge zero locked memory, which the kernel does not give up") {
    const Sparse source;
    const std::size_t n = 8 * page;
    std::byte* const p = source.map(n, 1).value();
    if (::mlock(p + page, 2 * page) != 0) return support::skip("locking memory is not permitted here");
    std::memset(p, 0xA5, n);
    CHECK(source.purge(p, n).has_value());
    CHECK(tamalloc::all_zero({p, n}));
    std::memset(p, 0xA5, n);
    const auto kept = source.clear(p, n, 0).value();
    if (support::asserts_residency) CHECK(kept >= 2 * page);   // honest about what stays; sanitizers ignore mlock
    CHECK(tamalloc::all_zero({p, n}));
    source.unmap(p, n);
}

TEST_CASE("clear works without PAGEMAP_SCAN and without /proc") {
    const Sparse source;
    const std::size_t n = 1000 * page;
    std::byte* const p = source.map(n, 1).value();
    for (const long call : {SYS_ioctl, SYS_openat}) {
        for (const std::size_t keep : {std::size_t{0}, 10 * page, n}) {
            CHECK(support::in_child([&] {
                      if (!support::refuse(call, EPERM)) return 1;
                      for (std::size_t i = 0; i < n; i += 3 * page + 11) p[i] = std::byte{1};
                      (void)support::read(p + 2 * page);   // the zero page, which the bits call memory
                      const auto kept = source.clear(p, n, keep);
                      return kept && *kept <= keep && tamalloc::all_zero({p, n}) ? 0 : 2;
                  }) == 0);
        }
    }
    source.unmap(p, n);
}

TEST_CASE("clear touches nothing that was never touched, even where nothing can be asked") {
    if (!support::asserts_residency) return;
    const Sparse source;
    const std::size_t n = 4000 * page;
    std::byte* const p = source.map(n, 1).value();
    CHECK(support::in_child([&] {
              if (!support::refuse(SYS_openat, EPERM)) return 1;
              rusage before{}, after{};
              ::getrusage(RUSAGE_SELF, &before);
              if (source.clear(p, n, n).value() != 0) return 2;
              ::getrusage(RUSAGE_SELF, &after);
              return after.ru_minflt - before.ru_minflt < 100 ? 0 : 3;
          }) == 0);
    source.unmap(p, n);
}

TEST_CASE("the choice for fork holds after decommit") {
    const MmapSource<{.fork = OnFork::wipe}> source;
    std::byte* const p = source.reserve(4 * page, 1).value();
    REQUIRE(source.commit(p, 4 * page).has_value());
    REQUIRE(source.decommit(p, 4 * page).has_value());
    REQUIRE(source.commit(p, 4 * page).has_value());
    p[0] = std::byte{7};
    CHECK(support::in_child([p] { return static_cast<int>(support::read(p)); }) == 0);
    source.unmap(p, 4 * page);
}

TEST_CASE("a huge page is cleared whole or dropped whole") {
    const MmapSource<{.huge = HugePages::prefer}> source;
    const std::size_t huge = tamalloc::detail::huge_page_size();
    std::byte* const p = source.map(2 * huge, 1).value();
    CHECK((reinterpret_cast<std::uintptr_t>(p) & (huge - 1)) == 0);
    p[5] = p[huge + 5] = std::byte{1};
    if (resident(p, 2 * huge) != 2 * huge) {
        source.unmap(p, 2 * huge);
        return support::skip("no transparent huge page was to be had");
    }
    const auto kept = source.clear(p, 2 * huge, huge + huge / 2).value();
    CHECK(kept <= huge + huge / 2);
    CHECK(kept % huge == 0);
    CHECK(tamalloc::all_zero({p, 2 * huge}));
    p[5] = std::byte{1};
    CHECK(source.clear(p, 2 * huge, 2 * huge).value() <= 2 * huge);
    CHECK(tamalloc::all_zero({p, 2 * huge}));
    source.unmap(p, 2 * huge);
}

TEST_CASE("a reservation is inaccessible until committed and after decommit") {
    const MmapSource<> source;
    const std::size_t n = std::size_t{1} << 40;
    const auto block = source.reserve(n, 1);
    REQUIRE(block.has_value());
    std::byte* const p = *block;
    CHECK(support::in_child([p] { return static_cast<int>(support::read(p)); }) == -SIGSEGV);
    REQUIRE(source.commit(p + (n / 2), page).has_value());
    p[n / 2] = std::byte{1};
    CHECK(resident(p + (n / 2), page) == page);
    REQUIRE(source.decommit(p + (n / 2), page).has_value());
    CHECK(support::in_child([&] { return static_cast<int>(support::read(p + (n / 2))); }) == -SIGSEGV);
    REQUIRE(source.commit(p + (n / 2), page).has_value());
    CHECK(p[n / 2] == std::byte{0});
    source.unmap(p, n);
}

TEST_CASE("extend stays in place or changes nothing, remap moves without copying") {
    const Sparse source;
    const std::size_t n = 1 << 20;
    auto* const area = source.reserve(4 * n, 1).value();   // address space that nobody else takes
    REQUIRE(source.commit(area, n).has_value());
    std::memset(area, 0xA5, n);
    CHECK(source.extend(area, n, 2 * n).error() == std::errc::not_enough_memory);   // the reservation is in the way
    CHECK(area[n - 1] == std::byte{0xA5});
    source.unmap(area + n, 3 * n);
    REQUIRE(source.extend(area, n, 2 * n).has_value());
    CHECK(area[n - 1] == std::byte{0xA5});
    CHECK(tamalloc::all_zero({area + n, n}));
    const auto faults = tamalloc::testing::memory_use().minor_faults;
    const auto moved = source.remap(area, 2 * n, std::size_t{1} << 34);
    REQUIRE(moved.has_value());
    CHECK((*moved)[0] == std::byte{0xA5});
    CHECK((*moved)[n - 1] == std::byte{0xA5});
    CHECK((*moved)[2 * n] == std::byte{0});
    if (support::asserts_residency) CHECK(tamalloc::testing::memory_use().minor_faults - faults < 64);
    source.unmap(*moved, std::size_t{1} << 34);
}

#ifndef NDEBUG
TEST_CASE("what is no whole page is a broken precondition, and stops the program") {
    const MmapSource<> source;
    const auto stops = [&](auto misuse) {
        return support::in_child([&] {
                   if (std::freopen("/dev/null", "w", stderr) == nullptr) return 1;
                   std::byte* const p = source.map(4 * page, 1).value();
                   misuse(p);
                   return 0;
               }) == -SIGABRT;
    };
    CHECK(stops([&](std::byte* p) { source.unmap(p + 1, page); }));
    CHECK(stops([&](std::byte* p) { (void)source.clear(p, 100, 0); }));
    CHECK(stops([&](std::byte* p) { (void)source.commit(p + 64, page); }));
    CHECK(stops([&](std::byte* p) { (void)source.decommit(p, 1); }));
    CHECK(stops([&](std::byte* p) { (void)source.extend(p, 4 * page, page); }));
    CHECK(!stops([&](std::byte* p) { source.unmap(p, 4 * page); }));
}
#endif
