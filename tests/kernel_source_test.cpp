// SPDX-License-Identifier: MIT
// Hazard: an option is not passed on, or to the wrong bit; a refusal of the kernel is taken for an address, or the reason
// to give up; a block that the kernel did not clear is said to be zero.
#include "tamalloc/kernel_source.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <type_traits>

#include "fake_kernel.hpp"
#include "support.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/testing.hpp"

using support::Checks;
using support::fake_kernel;
using support::on_fake_kernel;
using support::page;
using support::vm_flags;
using tamalloc::Charge;
using tamalloc::errc;
using tamalloc::HugePages;
using tamalloc::KernelSource;
using tamalloc::MmapSource;
using tamalloc::OnFork;

static_assert(std::is_empty_v<KernelSource<>> && tamalloc::PageSource<KernelSource<>>);
static_assert(tamalloc::PurgingSource<KernelSource<>> && tamalloc::ClearingSource<KernelSource<>>);
static_assert(tamalloc::ReservingSource<KernelSource<>> && tamalloc::ResizingSource<KernelSource<>>);
static_assert(tamalloc::ObservingSource<KernelSource<>>);

namespace {

using Sparse = KernelSource<{.huge = HugePages::never}>;

template<class F> void on_each_kernel(F f) {
    support::on_real_kernel(tamalloc::detail::memory_calls(), f);
    on_fake_kernel(f);
}

template<class Source> void conforms(Checks& check) {
    for (const auto& violation : tamalloc::testing::check_page_source<Source>()) {
        std::printf("%s\n", violation.c_str());
        check(false);
    }
    check(tamalloc::detail::memory_calls().usable());
}

template<class S> bool new_block_has(const char* flag) {
    const S source;
    const auto block = source.map(1 << 20, 1);
    if (!block) return false;
    const bool has = vm_flags(*block).find(flag) != std::string::npos;
    source.unmap(*block, 1 << 20);
    return has;
}

}   // namespace

TEST_CASE_TEMPLATE("with every choice of options KernelSource keeps the contract", Source, KernelSource<>,
                   KernelSource<{.accounting = Charge::accounted}>, KernelSource<{.huge = HugePages::never}>,
                   KernelSource<{.huge = HugePages::prefer}>, KernelSource<{.fork = OnFork::wipe}>,
                   KernelSource<{.fork = OnFork::omit}>, KernelSource<{.name = false}>) {
    on_each_kernel(conforms<Source>);
}

TEST_CASE("without the calls KernelSource is unsupported and still clears") {
    CHECK(support::in_child([] {
              tamalloc::detail::memory_calls_found = tamalloc::detail::CallGroup{.why = tamalloc::detail::Why::absent};
              const KernelSource<> source;
              const auto block = source.map(page, 1);
              if (block || block.error() != errc::unsupported) return 1;
              std::byte* const p = MmapSource<>{}.map(page, 1).value();
              p[0] = std::byte{1};
              return source.clear(p, page, page) && p[0] == std::byte{0} ? 0 : 2;
          }) == 0);
}

TEST_CASE("bad input gets its own error from KernelSource, too") {
    on_each_kernel([](Checks& check) {
        const KernelSource<> source;
        check(source.map(0, 1).error() == errc::zero_size);
        check(source.map(page, 0).error() == errc::bad_alignment);
        check(source.map(page, 48).error() == errc::bad_alignment);
        constexpr auto most = std::numeric_limits<std::size_t>::max();
        check(source.map(most - page + 1, std::size_t{1} << 40).error() == errc::too_large);
        check(source.map(most - page + 1, 2 * page).error() == errc::too_large);
        check(source.map(std::size_t{1} << 62, 1).error() == std::errc::not_enough_memory);
        check(tamalloc::backend().backend == tamalloc::Backend::kernel);
    });
}

TEST_CASE("any power of two is an alignment of KernelSource") {
    on_each_kernel([](Checks& check) {
        const KernelSource<> source;
        errno = 42;
        for (std::size_t align = 1; align <= std::size_t{1} << 33; align *= 2) {
            const auto block = source.map(3 * page, align);
            check(block.has_value());
            if (!block) continue;
            check((reinterpret_cast<std::uintptr_t>(*block) & (align - 1)) == 0);
            (*block)[3 * page - 1] = std::byte{1};
            source.unmap(*block, 3 * page);
        }
        check(errno == 42);
    });
}

TEST_CASE("a block is one call, and so is clearing it") {
    on_fake_kernel([](Checks& check) {
        const Sparse source;
        auto& [mapped, cleared, one, list, total] = fake_kernel.used;
        check(tamalloc::detail::memory_calls().usable());
        const int before = mapped, none = cleared;
        std::byte* const p = source.map(1 << 20, 2 << 20).value();
        check(mapped == before + 1);
        p[page] = std::byte{1};
        check(source.clear(p, 1 << 20, 1 << 20).value() == page);
        check(cleared == none + 1 && p[page] == std::byte{0});
        source.unmap(p, 1 << 20);
    });
}

TEST_CASE("the options reach the kernel through the call") {
    if (vm_flags(reinterpret_cast<const std::byte*>(&vm_flags)).empty())
        return support::skip("this kernel has no VmFlags in /proc/self/smaps");
    std::ifstream overcommit("/proc/sys/vm/overcommit_memory");
    int mode = 0;
    overcommit >> mode;
    const bool huge_pages = std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled").good();
    on_each_kernel([&](Checks& check) {
        if (mode != 2) check(new_block_has<KernelSource<>>(" nr ") && !new_block_has<KernelSource<>>(" ac "));
        check(new_block_has<KernelSource<{.accounting = Charge::accounted}>>(" ac "));
        check(new_block_has<KernelSource<{.fork = OnFork::wipe}>>(" wf "));
        check(new_block_has<KernelSource<{.fork = OnFork::omit}>>(" dc "));
        for (const char* const flag : {" wf ", " dc ", " nh ", " hg "}) check(!new_block_has<KernelSource<>>(flag));
        if (!huge_pages) return;
        check(new_block_has<KernelSource<{.huge = HugePages::never}>>(" nh "));
        check(new_block_has<KernelSource<{.huge = HugePages::prefer}>>(" hg "));
        const KernelSource<{.huge = HugePages::prefer}> source;
        const std::size_t huge = tamalloc::detail::huge_page_size();
        std::byte* const p = source.map(huge, 1).value();
        check((reinterpret_cast<std::uintptr_t>(p) & (huge - 1)) == 0);
        source.unmap(p, huge);
    });
}

TEST_CASE("blocks have the name of the library, unless they are to have none") {
    const auto named = [](const std::byte* p) {
        std::ifstream maps("/proc/self/maps");
        const auto address = reinterpret_cast<std::uintptr_t>(p);
        for (std::string line; std::getline(maps, line);) {
            std::uintptr_t first = 0, last = 0;
            if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2 && first <= address && address < last)
                return line.ends_with("[anon:tamalloc]");
        }
        return false;
    };
    on_each_kernel([&](Checks& check) {
        std::byte* const p = KernelSource<>{}.map(page, 1).value();
        std::byte* const q = KernelSource<{.name = false}>{}.map(page, 1).value();
        check(!named(q));
        if (tamalloc::detail::sys::set_name(q, page, "tamalloc") == 0) check(named(p));
    });
}

TEST_CASE("a forked child finds a copy, zeros, or nothing of what the call mapped") {
    const auto child_reads = [](const auto& source) {
        std::byte* const p = source.map(page, 1).value();
        p[0] = std::byte{7};
        const int value = support::in_child([p] { return static_cast<int>(support::read(p)); });
        source.unmap(p, page);
        return value;
    };
    on_each_kernel([&](Checks& check) {
        check(child_reads(KernelSource<>{}) == 7);
        check(child_reads(KernelSource<{.fork = OnFork::wipe}>{}) == 0);
        check(child_reads(KernelSource<{.fork = OnFork::omit}>{}) == -SIGSEGV);
    });
}

TEST_CASE("the call commits nothing and keeps no more than it may") {
    if (!support::asserts_residency) return support::skip("sanitizers touch memory of their own");
    on_each_kernel([](Checks& check) {
        const Sparse source;
        const auto resident = [](const std::byte* p, std::size_t n) {
            return tamalloc::resident_bytes({p, n}).value();
        };
        const std::size_t n = 4000 * page;
        std::byte* const p = source.map(n, 1).value();
        check(resident(p, n) == 0);
        for (const std::size_t keep : {std::size_t{0}, page, 100 * page + 1, n}) {
            for (std::size_t i = 0; i < 4000; i += 4) p[i * page + i] = std::byte{1};
            const auto kept = source.clear(p, n, keep).value();
            check(kept <= keep && resident(p, n) == kept);
            check(tamalloc::all_zero({p, n}));
        }
        source.unmap(p, n);
    });
}

TEST_CASE("where the kernel will not clear a block, it is cleared all the same") {
    for (const int error : {EBUSY, EACCES, EINVAL, ENOMEM, EINTR, EPERM, ENOSYS}) {
        CAPTURE(error);
        on_fake_kernel([error](Checks& check) {
            const Sparse source;
            std::byte* const p = source.map(64 * page, 1).value();
            std::memset(p, 1, 64 * page);
            fake_kernel.valid_answers[TAMALLOC_CALL_REZERO] = error;
            const auto kept = source.clear(p, 64 * page, 8 * page);
            check(kept.has_value() && *kept <= 8 * page);
            check(tamalloc::all_zero({p, 64 * page}));
            check(tamalloc::detail::memory_calls().usable() == (error != ENOSYS));
        });
    }
}

TEST_CASE("memory that is refused is an error and no reason to give the calls up") {
    for (const int error : {ENOMEM, EAGAIN, EACCES, EINTR, EINVAL, EPERM}) {
        CAPTURE(error);
        on_fake_kernel([error](Checks& check) {
            const KernelSource<> source;
            fake_kernel.valid_answers[TAMALLOC_CALL_TAMALLOC2] = error;
            check(source.map(page, 1).error() == std::error_code(error, std::system_category()));
            fake_kernel.valid_answers[TAMALLOC_CALL_TAMALLOC2] = 0;
            check(source.map(page, 1).has_value());
        });
    }
}

TEST_CASE("a call that is refused later is unsupported from then on") {
    for (const int error : {EPERM, ENOSYS}) {
        CAPTURE(error);
        on_fake_kernel([error](Checks& check) {
            const KernelSource<> source;
            check(source.map(page, 1).has_value());
            fake_kernel.answers[TAMALLOC_CALL_TAMALLOC2] = error;
            check(source.map(page, 1).error() == errc::unsupported);
            const int used = fake_kernel.used[TAMALLOC_CALL_TAMALLOC2];
            check(source.map(page, 1).error() == errc::unsupported);
            check(fake_kernel.used[TAMALLOC_CALL_TAMALLOC2] == used);
        });
        on_fake_kernel([error](Checks& check) {
            const Sparse source;
            std::byte* const p = source.map(4 * page, 1).value();
            p[page] = std::byte{1};
            fake_kernel.answers[TAMALLOC_CALL_REZERO] = error;
            check(source.clear(p, 4 * page, 4 * page).value() == page && p[page] == std::byte{});
            check(!tamalloc::detail::memory_calls().usable());
        });
    }
}
