// SPDX-License-Identifier: MIT
// Hazard: the source that everybody gets by default loses a refinement, or its state makes allocators unequal; or memory
// is refused because the kernel's calls are, though mmap would give it.
#include "tamalloc/system_source.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "fake_kernel.hpp"
#include "support.hpp"
#include "tamalloc/allocator.hpp"
#include "tamalloc/default_source.hpp"
#include "tamalloc/memory_resource.hpp"
#include "tamalloc/sparse_vector.hpp"
#include "tamalloc/testing.hpp"
#include "tamalloc/zeroed_array.hpp"

using support::Checks;
using support::fake_kernel;
using support::on_fake_kernel;
using support::page;
using tamalloc::Backend;
using tamalloc::errc;
using tamalloc::SystemSource;

static_assert(tamalloc::PageSource<SystemSource> && tamalloc::PurgingSource<SystemSource>);
static_assert(tamalloc::ClearingSource<SystemSource> && tamalloc::ReservingSource<SystemSource>);
static_assert(tamalloc::ResizingSource<SystemSource> && tamalloc::ObservingSource<SystemSource>);
static_assert(std::is_empty_v<SystemSource>);
static_assert(noexcept(SystemSource::active()));

namespace {

// Everything that takes its pages from here.
void use_containers(Checks& check) {
    tamalloc::vector<double> v(1 << 20);
    v[77] = 1;
    v.clear();
    v.resize(1 << 20);
    check(v[77] == 0);
    tamalloc::SparseVector<int> sparse(1 << 24);
    sparse[1 << 23] = 1;
    sparse.reset();
    check(sparse[1 << 23] == 0);
    tamalloc::ZeroedArray<int> array(1 << 20);
    array[9] = 9;
    check(std::accumulate(array.begin(), array.end(), 0) == 9);
    tamalloc::MemoryResource<> resource;
    tamalloc::pmr::vector<int> w(1 << 20, &resource);
    check(w[1 << 19] == 0);
    tamalloc::ArenaResource<> arena;
    for (int round = 0; round < 2; ++round) {
        auto* const p = static_cast<std::byte*>(arena.allocate(1 << 20));
        check(tamalloc::all_zero({p, 1 << 20}));
        std::memset(p, 1, 1 << 20);
        arena.release();
    }
}

}   // namespace

TEST_CASE("SystemSource keeps the contract of a page source") {
    CHECK(tamalloc::testing::check_page_source<SystemSource>() == std::vector<std::string>{});
}

TEST_CASE("SystemSource takes the calls where there are any") {
    on_fake_kernel([](Checks& check) {
        check(SystemSource::active() == Backend::kernel);
        check(tamalloc::testing::check_page_source<SystemSource>().empty());
        check(fake_kernel.used[TAMALLOC_CALL_TAMALLOC2] > 800);   // of threads alone
        check(fake_kernel.used[TAMALLOC_CALL_REZERO] > 1);
        const int before = fake_kernel.used[TAMALLOC_CALL_TAMALLOC2];
        use_containers(check);
        check(fake_kernel.used[TAMALLOC_CALL_TAMALLOC2] > before);
        check(SystemSource::active() == Backend::kernel);
    });
}

TEST_CASE("calls that are refused at any time are replaced by mmap") {
    for (const int error : {EPERM, ENOSYS}) {
        for (const int call : {TAMALLOC_CALL_TAMALLOC2, TAMALLOC_CALL_REZERO}) {
            CAPTURE(error);
            CAPTURE(call);
            on_fake_kernel([=](Checks& check) {
                const SystemSource source;
                const auto blocks = [&source] {
                    std::vector<std::byte*> all(16);
                    for (auto& p : all) std::memset(p = source.map(16 * page, 1).value(), 1, 16 * page);
                    return all;
                };
                const auto by_call = blocks();
                fake_kernel.answers[static_cast<std::size_t>(call)] = error;
                check(source.clear(by_call[0], 16 * page, page).has_value());
                check(tamalloc::all_zero({by_call[0], 16 * page}));
                const auto later = blocks();
                check(source.map(page, page << 4).has_value());
                check(SystemSource::active() == Backend::mmap);
                check(tamalloc::backend().reason == "the tamalloc system calls worked at first and are refused since");
                for (auto* const p : by_call) source.unmap(p, 16 * page);
                for (auto* const p : later) {
                    check(source.clear(p, 16 * page, 0).has_value() && tamalloc::all_zero({p, 16 * page}));
                    source.unmap(p, 16 * page);
                }
                use_containers(check);
                check(tamalloc::testing::check_page_source<SystemSource>().empty());
            });
        }
    }
}

TEST_CASE("calls that are refused while threads use them are replaced by mmap") {
    on_fake_kernel([](Checks& check) {
        const SystemSource source;
        std::atomic<int> failures = 0;
        std::vector<std::thread> threads;
        for (int id = 1; id <= 4; ++id)
            threads.emplace_back([&, id] {
                for (int i = 0; i < 400; ++i) {
                    if (id == 1 && i == 200) fake_kernel.answers[TAMALLOC_CALL_TAMALLOC2] = EPERM;
                    const auto block = source.map(4 * page, page);
                    if (!block || !tamalloc::all_zero({*block, 4 * page})) {
                        ++failures;
                        continue;
                    }
                    std::memset(*block, id, 4 * page);
                    source.unmap(*block, 4 * page);
                }
            });
        for (auto& thread : threads) thread.join();
        check(failures == 0);
        check(SystemSource::active() == Backend::mmap);
    });
}

TEST_CASE("memory that is refused is an error of SystemSource, and mmap is not asked for it") {
    on_fake_kernel([](Checks& check) {
        const SystemSource source;
        fake_kernel.valid_answers[TAMALLOC_CALL_TAMALLOC2] = ENOMEM;
        check(source.map(page, 1).error() == std::errc::not_enough_memory);
        check(SystemSource::active() == Backend::kernel);
        fake_kernel.valid_answers[TAMALLOC_CALL_TAMALLOC2] = 0;
        check(source.map(page, 1).has_value());
        check(source.map(0, 1).error() == errc::zero_size && source.map(page, 3).error() == errc::bad_alignment);
    });
}

TEST_CASE("TAMALLOC_BACKEND=mmap uses no call") {
    on_fake_kernel([](Checks& check) {
        ::setenv("TAMALLOC_BACKEND", "mmap", 1);
        check(SystemSource::active() == Backend::mmap);
        use_containers(check);
        check(fake_kernel.asked == 0 && fake_kernel.used[TAMALLOC_CALL_TAMALLOC2] == 0);
    });
}
