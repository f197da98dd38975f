// SPDX-License-Identifier: MIT
// Hazard: a block that was kept is handed out with something in it, to two owners, or in a child that does not have it; or
// what is kept grows without bound, or makes memory resident that nobody touched.
#include "tamalloc/recycling_source.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/sparse_vector.hpp"
#include "tamalloc/stats.hpp"
#include "tamalloc/system_source.hpp"
#include "tamalloc/testing.hpp"
#include "tamalloc/zero_init.hpp"

using support::page;
using tamalloc::all_zero;
using tamalloc::Charge;
using tamalloc::HugePages;
using tamalloc::MmapSource;
using tamalloc::OnFork;
using tamalloc::RecyclingSource;

static_assert(tamalloc::ClearingSource<RecyclingSource<MmapSource<>>>);
static_assert(tamalloc::ReservingSource<RecyclingSource<MmapSource<>>>);
static_assert(tamalloc::ResizingSource<RecyclingSource<MmapSource<>>>);
static_assert(tamalloc::ObservingSource<RecyclingSource<MmapSource<>>>);
static_assert(std::is_empty_v<RecyclingSource<tamalloc::SystemSource>>);

namespace {

constexpr std::size_t kib = 1024, mib = 1 << 20;

using Pages = MmapSource<{.huge = HugePages::never}>;

// A cache of its own for each test: N makes the type another one.
template<unsigned N, std::size_t Budget = 16 * mib, std::size_t Blocks = 256, unsigned Decay = 1000>
using Source = RecyclingSource<Pages, {.budget = Budget, .max_blocks = Blocks, .decay_ms = Decay + N * 100'000}>;

long faults() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
}

// In the child of a raw clone(2), of which no pthread_atfork handler hears.
template<class F> int in_clone(F f) {
    const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (child == 0) ::_exit(f());
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

}   // namespace

TEST_CASE("a recycling source keeps the contract of page sources") {
    CHECK(tamalloc::testing::check_page_source<RecyclingSource<MmapSource<>>>().empty());
    CHECK(tamalloc::testing::check_page_source<RecyclingSource<tamalloc::SystemSource>>().empty());
    CHECK(
        tamalloc::testing::check_page_source<RecyclingSource<MmapSource<{.accounting = Charge::accounted}>>>().empty());
    CHECK(tamalloc::testing::check_page_source<RecyclingSource<MmapSource<{.huge = HugePages::prefer}>>>().empty());
    CHECK(tamalloc::testing::check_page_source<RecyclingSource<MmapSource<>, {.budget = 100 * kib}>>().empty());
    CHECK(tamalloc::testing::check_page_source<RecyclingSource<MmapSource<>, {.max_blocks = 1, .decay_ms = 0}>>()
              .empty());
}

TEST_CASE("there are eight classes for each power of two and they cost an eighth of address space at most") {
    using S = Source<1>;
    for (std::size_t n = 128 * kib; n < std::size_t{1} << 45; n += n / 37) {
        CHECK(S::rounded(n) >= n);
        CHECK(S::rounded(n) - n <= std::max(n / 8, page - 1));
        CHECK(S::rounded(S::rounded(n)) == S::rounded(n));
    }
    CHECK(S::rounded(mib) == mib);
    CHECK(S::rounded(mib + 1) == mib + mib / 8);
    CHECK(S::rounded(1000) == page);
    using Accounted = RecyclingSource<MmapSource<{.accounting = Charge::accounted}>>;
    CHECK(Accounted::rounded(mib + 1) == mib + page);
}

TEST_CASE("a freed block is the next of its class, reads zero, and its pages are not faulted in again") {
    using S = Source<2>;
    const S source;
    const auto n = S::rounded(4 * mib);
    std::byte* const p = source.map(n, 1).value();
    for (std::size_t i = 0; i < n; i += 16 * page) std::memset(p + i, 0xA5, 2 * page);
    source.unmap(p, n);
    if (support::asserts_residency) CHECK(S::stats().bytes_kept == n / 8);
    for (int round = 0; round != 10; ++round) {
        CHECK(source.map(n, 1).value() == p);
        CHECK(all_zero({p, n}));
        const auto before = faults();
        for (std::size_t i = 0; i < n; i += 16 * page) std::memset(p + i, 0xA5, 2 * page);
        if (support::asserts_residency) CHECK(faults() - before < 10);
        source.unmap(p, n);
    }
    const auto stats = S::stats();
    CHECK(stats.hits == 10);
    CHECK(stats.misses == 1);
    CHECK(stats.blocks_kept == 1);
    CHECK(stats.bytes_reserved == n);
    S::trim();
    CHECK(S::stats().blocks_kept == 0);
    CHECK(S::stats().bytes_kept == 0);
}

TEST_CASE("freeing what was never touched adds nothing to what is in memory") {
    using S = Source<3>;
    const S source;
    source.unmap(source.map(S::rounded(mib), 1).value(), S::rounded(mib));   // the cache's own pages
    const auto before = tamalloc::testing::memory_use();
    for (std::size_t size = 4 * kib; size <= std::size_t{1} << 40; size *= 2) {
        CAPTURE(size);
        const auto n = S::rounded(size);
        for (int round = 0; round != 3; ++round) {
            const auto block = source.map(n, 1);
            if (!block) continue;   // no such address space
            if (size == 128 * kib && round == 0) std::memset(*block, 1, n);
            source.unmap(*block, n);
        }
        if (size > 128 * kib) CHECK(S::stats().bytes_kept <= 128 * kib);
    }
    const auto added = tamalloc::testing::memory_use() - before;
    if (support::asserts_residency)
        CHECK(static_cast<std::int64_t>(added.committed) <= static_cast<std::int64_t>(64 * page));
    S::trim();
}

TEST_CASE("what is kept in memory stays within the budget and the number of blocks within the limit") {
    using S = Source<4, 8 * mib, 20>;
    const S source;
    std::mt19937_64 random(1);
    std::vector<std::pair<std::byte*, std::size_t>> live;
    for (int i = 0; i != 3000; ++i) {
        if (live.size() < 30 && random() % 2 == 0) {
            const auto n = S::rounded(128 * kib + random() % (4 * mib));
            std::byte* const p = source.map(n, 1).value();
            for (auto k = random() % 50; k != 0; --k) p[random() % n] = std::byte{1};
            if (random() % 50 == 0) std::memset(p, 2, n);
            live.emplace_back(p, n);
        } else if (!live.empty()) {
            std::swap(live[random() % live.size()], live.back());
            source.unmap(live.back().first, live.back().second);
            live.pop_back();
        }
        if (i % 16 != 0) continue;
        const auto stats = S::stats();
        CHECK(stats.bytes_kept <= 8 * mib);
        CHECK(stats.blocks_kept <= 24);
        CHECK(stats.bytes_kept <= stats.bytes_reserved);
    }
    for (const auto& [p, n] : live) source.unmap(p, n);
    S::trim();
    CHECK(S::stats().blocks_kept == 0);
}

TEST_CASE("a block too large for the budget keeps as much as it may") {
    using S = Source<5, 2 * mib>;
    const S source;
    const auto n = S::rounded(8 * mib);
    std::byte* const p = source.map(n, 1).value();
    std::memset(p, 1, n);
    source.unmap(p, n);
    CHECK(S::stats().bytes_kept == 2 * mib);
    std::byte* const again = source.map(n, 1).value();
    CHECK(again == p);
    CHECK(all_zero({again, n}));
    source.unmap(again, n);
    S::trim();
}

TEST_CASE("blocks that nobody wants go back") {
    using S = Source<0, 16 * mib, 256, 200>;
    const S source;
    const auto n = S::rounded(mib), other = S::rounded(2 * mib);
    std::vector<std::byte*> blocks;
    for (int i = 0; i != 20; ++i) {
        blocks.push_back(source.map(n, 1).value());
        std::memset(blocks.back(), 1, n / 4);
    }
    for (auto* const p : blocks) source.unmap(p, n);
    CHECK(S::stats().blocks_kept == 20);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    source.unmap(source.map(other, 1).value(), other);
    CHECK(S::stats().blocks_kept < 20);   // some with the first that is freed after that time
    for (int i = 0; i != 64 * 10; ++i) source.unmap(source.map(other, 1).value(), other);
    CHECK(S::stats().blocks_kept == 1);
    S::trim();
}

TEST_CASE("an alignment is kept by what comes from the cache") {
    using S = Source<6>;
    const S source;
    const auto n = S::rounded(256 * kib);
    for (int round = 0; round != 50; ++round) {
        for (const std::size_t align : {std::size_t{1}, std::size_t{64} * kib, 2 * mib, 16 * mib}) {
            std::byte* const p = source.map(n, align).value();
            CHECK((reinterpret_cast<std::uintptr_t>(p) & (align - 1)) == 0);
            CHECK(all_zero({p, n}));
            p[round] = std::byte{1};
            source.unmap(p, n);
        }
    }
    CHECK(!source.map(n, 3).has_value());
    S::trim();
}

TEST_CASE("where each use touches other pages not all of them are kept for ever") {
    using S = Source<7, 64 * mib>;
    const S source;
    const auto n = S::rounded(32 * mib);
    std::mt19937_64 random(2);
    std::size_t most = 0;
    for (int round = 0; round != 400; ++round) {
        std::byte* const p = source.map(n, 1).value();
        for (int i = 0; i != 8; ++i) p[random() % n] = std::byte{1};
        source.unmap(p, n);
        most = std::max(most, S::stats().bytes_kept);
    }
    CHECK(most <= 6 * 8 * page);
    S::trim();
}

TEST_CASE("where a block was used up once and little of it since the rest goes back") {
    using S = Source<15, 64 * mib>;
    const S source;
    const auto n = S::rounded(8 * mib);
    for (int round = 0; round != 200; ++round) {
        std::byte* const p = source.map(n, 1).value();
        std::memset(p, 1, round == 0 ? n : page);
        source.unmap(p, n);
        if (round == 0) CHECK(S::stats().bytes_kept == n);
    }
    CHECK(S::stats().bytes_kept <= 2 * page);
    S::trim();
}

TEST_CASE("address space that is kept is bounded as well since its page tables are not counted") {
    using S = Source<16, mib>;
    const S source;
    const auto n = S::rounded(8 * mib), large = S::rounded(33 * mib);
    std::vector<std::byte*> blocks;
    for (int i = 0; i != 12; ++i) blocks.push_back(source.map(n, 1).value());
    for (auto* const p : blocks) source.unmap(p, n);
    CHECK(S::stats().bytes_reserved == 32 * mib);
    source.unmap(source.map(large, 1).value(), large);
    CHECK(S::stats().bytes_reserved == 32 * mib);
    S::trim();
    CHECK(S::stats().bytes_reserved == 0);
}

namespace {

// Clears the first half, and fails then.
struct Breaks : Pages {
    static inline bool broken = false;
    tamalloc::result<std::size_t> clear(std::byte* p, std::size_t n, std::size_t keep) const noexcept {
        if (!broken) return Pages::clear(p, n, keep);
        (void)Pages::clear(p, n / 2, keep);
        return tamalloc::detail::system_failure(ENOMEM);
    }
};

}   // namespace

TEST_CASE("a block that could not be cleared is not kept") {
    using S = RecyclingSource<Breaks>;
    const S source;
    const auto n = S::rounded(mib);
    Breaks::broken = true;
    std::byte* p = source.map(n, 1).value();
    std::memset(p, 1, n);
    source.unmap(p, n);
    CHECK(S::stats().blocks_kept == 0);
    CHECK(S::stats().bytes_kept == 0);
    Breaks::broken = false;
    p = source.map(n, 1).value();
    CHECK(all_zero({p, n}));
    source.unmap(p, n);
    CHECK(S::stats().blocks_kept == 1);
    S::trim();
}

TEST_CASE("a scan that breaks off between two answers of the kernel leaves nothing behind") {
    if (support::thread_sanitized) return support::skip("ThreadSanitizer calls a descriptor that is taken away a race");
    using S = Source<17, 64 * mib>;
    CHECK(support::in_child([] {   // whose descriptors are taken away all the time
              const S source;
              const auto n = S::rounded(1024 * page);
              std::atomic<bool> stop = false;
              std::thread thief([&] {
                  while (!stop)
                      for (const int fd : {3, 4, 5, 100, 101}) ::close(fd);
              });
              int wrong = 0;
              for (int round = 0; round != 400; ++round) {
                  std::byte* const p = source.map(n, 1).value();
                  for (std::size_t i = 0; i < n; i += 2 * page) {   // 512 extents, which are two answers
                      wrong += p[i] != std::byte{0};
                      p[i] = std::byte{1};
                  }
                  source.unmap(p, n);
              }
              stop = true;
              thief.join();
              return wrong == 0 ? 0 : 1;
          }) == 0);
}

TEST_CASE("memory that its user locked or purged is zero again and no more than it was") {
    using S = Source<8>;
    const S source;
    const auto n = S::rounded(mib);
    std::byte* const p = source.map(n, 1).value();
    std::memset(p, 1, n);
    if (::mlock(p, 64 * kib) != 0) return support::skip("locked memory is not permitted here");
    source.unmap(p, n);
    std::byte* const q = source.map(n, 1).value();
    CHECK(all_zero({q, n}));
    std::memset(q, 1, n);
    ::madvise(q, n, MADV_DONTNEED);
    source.unmap(q, n);
    CHECK(all_zero({source.map(n, 1).value(), n}));
    S::trim();
}

TEST_CASE("threads free what others mapped and every block reads zero") {
    using S = Source<9>;
    constexpr int threads = 8, rounds = 400;
    struct Slot {
        std::atomic<std::byte*> p = nullptr;
        std::size_t n = 0;
    };
    std::array<Slot, 16> slots;
    for (std::size_t i = 0; i != slots.size(); ++i) slots[i].n = S::rounded((128 + 64 * (i % 5)) * kib);
    std::atomic<int> wrong = 0;
    const auto work = [&](unsigned id) {
        const S source;
        std::mt19937_64 random(id);
        for (int i = 0; i != rounds; ++i) {
            auto& slot = slots[random() % slots.size()];
            const auto block = source.map(slot.n, 1);
            if (!block || !all_zero({*block, slot.n})) ++wrong;
            if (!block) continue;
            for (auto k = random() % 20; k != 0; --k) (*block)[random() % slot.n] = static_cast<std::byte>(id);
            if (random() % 30 == 0) S::trim();
            if (auto* const other = slot.p.exchange(*block)) source.unmap(other, slot.n);
        }
    };
    std::vector<std::thread> workers;
    for (unsigned id = 1; id <= threads; ++id) workers.emplace_back(work, id);
    for (auto& worker : workers) worker.join();
    CHECK(wrong == 0);
    for (auto& slot : slots)
        if (auto* const p = slot.p.load()) S{}.unmap(p, slot.n);
    CHECK(S::stats().bytes_kept <= 16 * mib);
    S::trim();
    CHECK(S::stats().blocks_kept == 0);
    CHECK(S::stats().bytes_kept == 0);
}

TEST_CASE("a thread that ends leaves its blocks to the others") {
    using S = Source<10>;
    const S source;
    const auto n = S::rounded(mib);
    std::byte* theirs = nullptr;
    std::thread([&] {
        theirs = source.map(n, 1).value();
        theirs[0] = std::byte{1};
        source.unmap(theirs, n);
    }).join();
    CHECK(S::stats().blocks_kept == 1);
    CHECK(source.map(n, 1).value() == theirs);
    CHECK(all_zero({theirs, n}));
    source.unmap(theirs, n);
    S::trim();
}

namespace {

// Frees in the destructor of a thread-local object.
struct FreesLate {
    using S = Source<11>;
    std::byte* p = nullptr;
    FreesLate() = default;
    FreesLate(const FreesLate&) = delete;
    FreesLate& operator=(const FreesLate&) = delete;
    ~FreesLate() {
        if (p != nullptr) S{}.unmap(p, S::rounded(mib));
        std::byte* const q = S{}.map(S::rounded(mib), 1).value();
        q[5] = std::byte{1};
        S{}.unmap(q, S::rounded(mib));
    }
};
thread_local FreesLate frees_late;

}   // namespace

TEST_CASE("what a thread frees in its last destructors is kept for the others") {
    using S = FreesLate::S;
    std::thread([] {
        frees_late.p = nullptr;   // constructed herewith
        frees_late.p = S{}.map(S::rounded(mib), 1).value();
    }).join();
    CHECK(S::stats().blocks_kept == 1);
    S::trim();
}

namespace {

template<class S> int use_in_child(std::byte* shared, std::size_t n) {
    const S source;
    for (int i = 0; i != 50; ++i) {   // more than the cache has
        const auto block = source.map(n, 1);
        if (!block) return 1;
        if (!all_zero({*block, n})) return 2;
        for (std::size_t at = 0; at < n; at += 5 * page) (*block)[at] = std::byte{3};
        source.unmap(*block, n);
    }
    for (std::size_t i = 0; i != n; ++i)
        if (shared[i] != std::byte{7}) return 3;
    shared[0] = std::byte{8};
    source.unmap(shared, n);   // a block that both processes had
    const auto again = source.map(n, 1);
    return again && all_zero({*again, n}) ? 0 : 4;
}

}   // namespace

TEST_CASE("parent and child go on with a cache each") {
    using S = Source<12>;
    const S source;
    const auto n = S::rounded(512 * kib);
    std::byte* const mine = source.map(n, 1).value();
    std::memset(mine, 7, n);
    std::vector<std::byte*> blocks;
    for (int i = 0; i != 10; ++i) {
        blocks.push_back(source.map(n, 1).value());
        std::memset(blocks.back(), 1, n);
    }
    for (auto* const p : blocks) source.unmap(p, n);
    std::atomic<bool> stop = false;   // others at work in the cache while it is forked
    std::vector<std::thread> busy;
    for (int i = 0; i != 3; ++i)
        busy.emplace_back([&] {
            while (!stop) {
                const auto block = source.map(n, 1);
                if (block) (*block)[100] = std::byte{1};
                if (block) source.unmap(*block, n);
            }
        });
    for (int i = 0; i != 20; ++i) {
        CHECK(support::in_child([&] { return use_in_child<S>(mine, n); }) == 0);
        if (support::thread_sanitized) continue;   // ThreadSanitizer does not know of a raw clone(2)
        CHECK(in_clone([&] { return use_in_child<S>(mine, n); }) == 0);
    }
    stop = true;
    for (auto& thread : busy) thread.join();
    CHECK(mine[0] == std::byte{7});
    std::byte* const p = source.map(n, 1).value();
    CHECK(all_zero({p, n}));
    source.unmap(p, n);
    source.unmap(mine, n);
    S::trim();
    CHECK(S::stats().bytes_kept == 0);
}

TEST_CASE("blocks that a child does not have are not handed out there") {
    using S = RecyclingSource<MmapSource<{.fork = OnFork::omit}>>;
    const S source;
    const auto n = S::rounded(mib);
    std::byte* const p = source.map(n, 1).value();
    std::memset(p, 1, n);
    source.unmap(p, n);
    CHECK(support::in_child([&] {
              for (int i = 0; i != 3; ++i) {
                  std::byte* const q = source.map(n, 1).value();
                  if (!all_zero({q, n})) return 1;
                  std::memset(q, 1, n);
                  source.unmap(q, n);
              }
              return 0;
          }) == 0);
    S::trim();
}

TEST_CASE("a child that nobody announced abandons the cache and so do its own children") {
    if (support::thread_sanitized) return support::skip("ThreadSanitizer does not know of a raw clone(2)");
    using S = Source<25>;
    const S source;
    const auto n = S::rounded(512 * kib);
    source.unmap(source.map(n, 1).value(), n);
    CHECK(S::stats().blocks_kept == 1);
    CHECK(in_clone([] {
              if (support::in_child([] { return S::stats().blocks_kept == 0 ? 0 : 1; }) != 0) return 1;
              return S::stats().blocks_kept == 0 ? 0 : 2;
          }) == 0);
    S::trim();
}

TEST_CASE("a handler of fork that comes first finds the cache whole") {
    using S = Source<26, 64 * mib>;          // nobody used it yet, so that its own handlers come later
    static std::atomic<bool> armed = true;   // it stays registered
    ::pthread_atfork(nullptr, nullptr, [] {
        if (armed) S{}.unmap(S{}.map(S::rounded(mib), 1).value(), S::rounded(mib));
    });
    const S source;
    const auto n = S::rounded(16 * mib);
    std::byte* const p = source.map(n, 1).value();
    std::memset(p, 1, n);
    source.unmap(p, n);
    CHECK(support::in_child([&] {
              const auto kept = S::stats();
              if (kept.blocks_kept != 2 || (support::asserts_residency && kept.bytes_kept != n)) return 1;
              std::byte* const q = source.map(n, 1).value();
              return q == p && all_zero({q, n}) ? 0 : 2;
          }) == 0);
    armed = false;
    S::trim();
}

TEST_CASE("freeing after a fork copies no page in the parent either") {
    if (!support::asserts_residency) return;
    using S = Source<27, 64 * mib>;
    const S source;
    const auto n = S::rounded(16 * mib);
    std::byte* const p = source.map(n, 1).value();
    std::byte* const purged = source.map(n, 1).value();
    std::byte* const kept = source.map(n, 1).value();
    std::memset(kept, 1, n);
    source.unmap(kept, n);
    for (int use = 0; use != 2; ++use) {   // then the third is not looked at
        REQUIRE(source.map(n, 1).value() == kept);
        std::memset(kept, 1, n);
        source.unmap(kept, n);
    }
    REQUIRE(S::stats().bytes_kept == n);
    std::memset(p, 1, n);
    std::memset(purged, 1, n);
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::close(ends[1]);
        ::_exit(::read(ends[0], &byte, 1) == 0 ? 0 : 1);   // lives until the parent has freed
    }
    const auto before = faults();
    CHECK(source.map(n, 1).value() == kept);   // it lay in the cache
    CHECK(all_zero({kept, n}));
    kept[0] = std::byte{1};
    source.unmap(kept, n);
    source.unmap(p, n);
    CHECK(source.purge(purged, page).has_value());
    source.unmap(purged, n);
    CHECK(faults() - before < 100);
    ::close(ends[1]);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    ::close(ends[0]);
    S::trim();
}

TEST_CASE("who only asks makes idle blocks leave and so does who frees reservations") {
    using S = RecyclingSource<Pages, {.budget = 64 * mib, .decay_ms = 40}>;
    const S source;
    const auto n = S::rounded(4 * mib), other = S::rounded(mib);
    const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(80)); };
    source.unmap(source.map(n, 1).value(), n);
    CHECK(S::stats().blocks_kept == 1);
    wait();
    std::byte* const p = source.map(other, 1).value();
    CHECK(S::stats().blocks_kept == 0);
    source.unmap(p, other);
    CHECK(S::stats().blocks_kept == 1);
    wait();
    {
        const tamalloc::SparseVector<int, S> v(1000);
    }
    CHECK(S::stats().blocks_kept == 0);
    using Ever = RecyclingSource<Pages, {.budget = 64 * mib, .decay_ms = (1U << 31) - 1}>;
    Ever{}.unmap(Ever{}.map(n, 1).value(), n);
    CHECK(Ever::stats().blocks_kept == 1);
    Ever::trim();
}

TEST_CASE("where the zero page looks like memory reading costs none after freeing") {
    if (!support::asserts_residency) return;
    using S = Source<28, 64 * mib>;
    CHECK(support::in_child([] {
              if (!support::refuse(SYS_ioctl, ENOTTY)) return 0;
              const S source;
              const auto n = S::rounded(256 * kib);
              std::vector<std::byte*> blocks;
              const auto before = tamalloc::testing::memory_use().committed;
              for (int round = 0; round != 3; ++round) {
                  for (int i = 0; i != 64; ++i) blocks.push_back(source.map(n, 1).value());
                  for (auto* const p : blocks)
                      for (std::size_t at = 0; at != n; at += page) (void)support::read(p + at);
                  for (auto* const p : blocks) source.unmap(p, n);
                  blocks.clear();
              }
              return tamalloc::testing::memory_use().committed < before + mib ? 0 : 1;
          }) == 0);
}

TEST_CASE("where something is refused blocks read zero all the same") {
    using S = Source<13>;
    const auto n = S::rounded(mib);
    const auto cycle = [n] {
        const S source;
        for (int i = 0; i != 30; ++i) {
            const auto block = source.map(n, 1);
            if (!block) return 1;
            if (!all_zero({*block, n})) return 2;
            std::memset(*block + static_cast<std::size_t>(i) * 20'000, 1, 30'000);
            source.unmap(*block, n);
        }
        return 0;
    };
    CHECK(cycle() == 0);
    CHECK(support::in_child([&] { return support::refuse(SYS_ioctl, ENOTTY) ? cycle() : 0; }) == 0);
    CHECK(support::in_child([&] { return support::refuse(SYS_ioctl, EPERM) ? cycle() : 0; }) == 0);
    CHECK(support::in_child([&] { return support::refuse(SYS_ioctl, 0) ? cycle() : 0; }) == 0);   // done, it says
    CHECK(support::in_child([&] { return support::refuse(SYS_madvise, EPERM) ? cycle() : 0; }) == 0);
    CHECK(support::in_child([&] { return support::refuse(SYS_openat, EACCES) ? cycle() : 0; }) == 0);
    CHECK(support::in_child([&] { return support::hide_proc() ? cycle() : 0; }) == 0);
    CHECK(support::in_child([&] {   // somebody closes what is not his, and others get the number
              for (int fd = 3; fd != 110; ++fd) ::close(fd);
              if (cycle() != 0) return 1;
              for (int fd = 3; fd != 110; ++fd) ::close(fd);
              for (int i = 0; i != 110; ++i) (void)::open("/dev/zero", O_RDONLY);
              return cycle();
          }) == 0);
    S::trim();
}

TEST_CASE("the pagemap of another process is not taken for this one's") {
    using S = Source<19>;
    const S source;
    const auto n = S::rounded(mib);
    const auto cycle = [&] {
        std::byte* const p = source.map(n, 1).value();
        const bool zero = all_zero({p, n});
        std::memset(p, 1, n / 2);
        source.unmap(p, n);
        return zero;
    };
    CHECK(support::in_child([&] {
              const pid_t other = ::fork();
              if (other == 0) {
                  ::execl("/bin/sleep", "sleep", "100", static_cast<char*>(nullptr));
                  ::_exit(1);
              }
              bool right = cycle();
              ::syscall(SYS_close_range, 3, ~0U, 0);
              const auto path = "/proc/" + std::to_string(other) + "/pagemap";
              for (int i = 0; i != 150; ++i) (void)::open(path.c_str(), O_RDONLY);
              for (int i = 0; i != 3; ++i) right = cycle() && right;
              ::kill(other, SIGKILL);
              return right ? 0 : 1;
          }) == 0);
    S::trim();
}

TEST_CASE("memory that went before a block is freed does not come back for that") {
    if (!support::asserts_residency) return;
    using S = RecyclingSource<Pages, {.budget = 64 * mib, .memset_limit = 64 * mib, .decay_ms = 2'000'000}>;
    const S source;
    const auto n = S::rounded(32 * mib);
    const auto handed_out_resident = [&] {
        for (int i = 0; i != 3; ++i) {   // from then on it is cleared without a look
            std::byte* const p = source.map(n, 1).value();
            std::memset(p, 1, n);
            source.unmap(p, n);
        }
        return source.map(n, 1).value();
    };
    std::byte* p = handed_out_resident();
    CHECK(source.purge(p, n).has_value());
    source.unmap(p, n);
    CHECK(S::stats().bytes_kept <= mib);
    p = handed_out_resident();
    const auto half = S::rounded(n / 2);
    CHECK(source.shrink(p, n, half).has_value());
    CHECK(source.purge(p, half).has_value());
    source.unmap(p, half);
    CHECK(S::stats().bytes_kept <= mib);
    S::trim();
}

TEST_CASE("what the kernel wiped in a child is not made resident there") {
    if (!support::asserts_residency) return;
    using S = RecyclingSource<MmapSource<{.huge = HugePages::never, .fork = OnFork::wipe}>,
                              {.budget = 64 * mib, .memset_limit = 64 * mib}>;
    const S source;
    const auto n = S::rounded(16 * mib);
    for (int i = 0; i != 3; ++i) {
        std::byte* const p = source.map(n, 1).value();
        std::memset(p, 1, n);
        source.unmap(p, n);
    }
    std::byte* const lent = source.map(n, 1).value();
    std::byte* const kept = source.map(n, 1).value();
    std::memset(kept, 1, n);
    source.unmap(kept, n);
    CHECK(support::in_child([&] {
              const auto before = tamalloc::testing::memory_use().committed;
              if (S::stats().bytes_kept != 0) return 1;
              source.unmap(lent, n);
              source.unmap(source.map(n, 1).value(), n);
              return tamalloc::testing::memory_use().committed < before + 2 * mib && S::stats().bytes_kept <= mib ? 0
                                                                                                                  : 2;
          }) == 0);
    if (!support::thread_sanitized) {
        CHECK(in_clone([&] {   // the first that it hears of the child is the free
                  const auto before = tamalloc::testing::memory_use().committed;
                  source.unmap(lent, n);
                  return tamalloc::testing::memory_use().committed < before + 2 * mib ? 0 : 1;
              }) == 0);
    }
    source.unmap(lent, n);
    S::trim();
}

TEST_CASE("a child gives back the pages of its parent's blocks instead of copying them") {
    if (!support::asserts_residency) return;
    using S = Source<21, 64 * mib>;
    const S source;
    const auto n = S::rounded(16 * mib);
    std::byte* const p = source.map(n, 1).value();
    std::memset(p, 1, n);
    CHECK(support::in_child([&] {
              const auto before = faults();
              source.unmap(p, n);
              return faults() - before < 100 ? 0 : 1;
          }) == 0);
    source.unmap(p, n);
    S::trim();
}

TEST_CASE("threads that do nothing keep nothing from the others") {
    using S = Source<22, 16 * mib>;
    const S source;
    const auto n = S::rounded(mib);
    std::atomic<int> ready = 0;
    std::atomic<bool> stop = false;
    std::vector<std::thread> idle;
    for (int i = 0; i != 8; ++i)
        idle.emplace_back([&] {
            std::array<std::byte*, 4> blocks{};
            for (auto& p : blocks) {
                p = source.map(n, 1).value();
                std::memset(p, 1, n);
            }
            for (auto* const p : blocks) source.unmap(p, n);
            ++ready;
            while (!stop) std::this_thread::yield();
        });
    while (ready != 8) std::this_thread::yield();
    CHECK(S::stats().bytes_kept >= 4 * mib);
    const auto other = S::rounded(2 * mib);   // a class that nobody kept: it finds no room at first
    for (int i = 0; i != 40; ++i) {
        std::byte* const p = source.map(other, 1).value();
        std::memset(p, 1, other);
        source.unmap(p, other);
    }
    const auto before = faults();
    std::byte* const p = source.map(other, 1).value();
    std::memset(p, 1, other);
    if (support::asserts_residency) CHECK(faults() - before < 10);
    source.unmap(p, other);
    S::trim();
    CHECK(S::stats().blocks_kept == 0);
    CHECK(S::stats().bytes_kept == 0);
    stop = true;
    for (auto& thread : idle) thread.join();
}

TEST_CASE("budgets of any size are budgets") {
    const auto reuses = []<class S>(S source) {
        const auto n = S::rounded(mib);
        for (int i = 0; i != 5; ++i) source.unmap(source.map(n, 1).value(), n);
        return S::stats().hits;
    };
    CHECK(reuses(RecyclingSource<Pages, {.budget = 1}>{}) == 0);
    CHECK(reuses(RecyclingSource<Pages, {.budget = std::size_t{1} << 59}>{}) == 4);
    CHECK(reuses(RecyclingSource<Pages, {.budget = std::size_t{1} << 63}>{}) == 4);
    CHECK(reuses(RecyclingSource<Pages, {.budget = ~std::size_t{0}}>{}) == 4);
    CHECK(reuses(RecyclingSource<Pages, {.max_blocks = 1, .decay_ms = 500'000}>{}) == 4);
}

TEST_CASE("where address space is short what is kept goes first") {
    if (support::sanitized) return support::skip("sanitizers reserve more address space than any limit");
    using S = Source<14>;
    CHECK(support::in_child([] {
              const S source;
              const auto n = S::rounded(64 * mib), large = S::rounded(200 * mib);
              std::vector<std::byte*> blocks;
              for (int i = 0; i != 4; ++i) blocks.push_back(source.map(n, 1).value());
              for (auto* const p : blocks) source.unmap(p, n);
              const rlimit limit{tamalloc::testing::memory_use().reserved + 50 * mib, RLIM_INFINITY};
              if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
              if (!source.map(large, 1)) return 3;
              for (auto& p : blocks) p = source.map(n, 1).value_or(nullptr);
              for (auto* const p : blocks)
                  if (p != nullptr) source.unmap(p, n);
              tamalloc::SparseVector<std::byte, S> v({.reserve = 1024 * mib});
              return v.try_resize(80 * mib) ? 0 : 4;
          }) == 0);
}

TEST_CASE("what cannot be had anyway costs nothing that is kept") {
    if (support::sanitized) return support::skip("sanitizers reserve more address space than any limit");
    using S = Source<24, 64 * mib>;
    CHECK(support::in_child([] {
              const S source;
              const auto n = S::rounded(16 * mib);
              source.unmap(source.map(n, 1).value(), n);
              if (source.map(std::size_t{1} << 60, 1) || S::stats().blocks_kept != 1) return 1;
              const rlimit limit{std::size_t{16} << 30, RLIM_INFINITY};
              if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
              if (source.map(std::size_t{20} << 30, 1) || S::stats().blocks_kept != 1) return 3;
              const tamalloc::SparseVector<int, S> v(1000);   // would like to have 64 GiB
              return S::stats().blocks_kept == 1 ? 0 : 4;
          }) == 0);
}

TEST_CASE("what is kept follows a limit of address space that is set later") {
    if (support::sanitized) return support::skip("sanitizers reserve more address space than any limit");
    using S = RecyclingSource<Pages, {.budget = 64 * mib, .decay_ms = 1200}>;
    CHECK(support::in_child([] {
              const S source;
              const auto n = S::rounded(64 * mib);
              std::vector<std::byte*> blocks;
              for (int i = 0; i != 30; ++i) blocks.push_back(source.map(n, 1).value());
              for (auto* const p : blocks) source.unmap(p, n);
              if (S::stats().bytes_reserved != 30 * n) return 1;
              const rlimit limit{tamalloc::testing::memory_use().reserved + 64 * mib, RLIM_INFINITY};
              if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
              std::this_thread::sleep_for(std::chrono::milliseconds(320));
              const auto small = S::rounded(mib);
              source.unmap(source.map(small, 1).value(), small);
              return S::stats().bytes_reserved <= limit.rlim_cur / 16 ? 0 : 3;
          }) == 0);
}

TEST_CASE("what fails without being short of address space leaves what is kept") {
    using S = Source<29>;
    using Accounted = RecyclingSource<MmapSource<{.accounting = Charge::accounted}>, {.budget = 16 * mib}>;
    const S source;
    const auto n = S::rounded(mib);
    source.unmap(source.map(n, 1).value(), n);
    CHECK(!source.map(n, std::size_t{1} << 62));
    std::byte* const p = source.map(2 * n, 1).value();
    CHECK(::mmap(p + n, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + n);   // in the way
    CHECK(!source.extend(p, n, 2 * n));
    CHECK(S::stats().blocks_kept == 1);
    source.unmap(p, 2 * n);
    S::trim();
    if (support::sanitized) return;   // they reserve more than any limit
    CHECK(support::in_child([n] {
              const Accounted accounted;
              accounted.unmap(accounted.map(n, 1).value(), n);
              if (accounted.map(std::size_t{1} << 45, 1) || Accounted::stats().blocks_kept != 1) return 1;
              const rlimit limit{std::size_t{4} << 30, RLIM_INFINITY};
              if (::setrlimit(RLIMIT_DATA, &limit) != 0) return 2;
              return !accounted.map(std::size_t{8} << 30, 1) && Accounted::stats().blocks_kept == 1 ? 0 : 3;
          }) == 0);
}

// Frees another block while one is being cleared, as another thread might.
struct Interrupted : Pages {
    static inline std::byte* other = nullptr;
    static constexpr std::size_t other_size = 4 * mib;
    tamalloc::result<std::size_t> clear(std::byte* p, std::size_t n, std::size_t keep) const noexcept;
};
using InterruptedSource = RecyclingSource<Interrupted, {.budget = 8 * mib}>;
tamalloc::result<std::size_t> Interrupted::clear(std::byte* p, std::size_t n, std::size_t keep) const noexcept {
    if (auto* const q = std::exchange(other, nullptr)) InterruptedSource{}.unmap(q, other_size);
    return Pages::clear(p, n, keep);
}

TEST_CASE("while a sparse block is cleared the budget is there for others") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    using S = InterruptedSource;
    const S source;
    const auto n = S::rounded(64 * mib);
    std::byte* const sparse = source.map(n, 1).value();
    for (std::size_t at = 0; at < n; at += mib) sparse[at] = std::byte{1};
    Interrupted::other = source.map(Interrupted::other_size, 1).value();
    std::memset(Interrupted::other, 1, Interrupted::other_size);
    source.unmap(sparse, n);
    CHECK(S::stats().bytes_kept == Interrupted::other_size + 64 * page);
    // And what is left when it has been cleared is not more than there is.
    std::byte* const first = source.map(n, 1).value();
    std::memset(first, 1, 6 * mib);
    Interrupted::other = source.map(Interrupted::other_size, 1).value();
    std::memset(Interrupted::other, 1, Interrupted::other_size);
    source.unmap(first, n);
    CHECK(S::stats().bytes_kept <= S::budget());
    S::trim();
}

TEST_CASE("a block larger than the budget takes no room from others") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    using S = Source<30, 8 * mib>;
    const S source;
    const auto n = S::rounded(mib), large = S::rounded(12 * mib);
    std::array<std::byte*, 4> blocks{};
    for (int round = 0; round != 8; ++round) {
        for (auto*& p : blocks) p = source.map(n, 1).value();
        for (auto* const p : blocks) std::memset(p, 1, n);
        for (auto* const p : blocks) source.unmap(p, n);
        std::byte* const q = source.map(large, 1).value();
        const auto before = S::stats();
        std::memset(q, 1, large);
        source.unmap(q, large);
        CHECK(S::stats().blocks_kept == before.blocks_kept + 1);
        CHECK(S::stats().bytes_kept <= S::budget());
    }
    S::trim();
}

TEST_CASE("of huge pages as many are kept as the budget allows") {
    if (!support::asserts_residency) return support::skip("residency is not asserted here");
    using S = RecyclingSource<MmapSource<{.huge = HugePages::prefer}>, {.budget = 5 * mib}>;
    const S source;
    const auto n = S::rounded(8 * mib);
    std::byte* const p = source.map(n, 1).value();
    std::memset(p, 1, n);
    if (tamalloc::process_detail().value().anon_huge < n) return support::skip("there are no huge pages");
    source.unmap(p, n);
    CHECK(S::stats().bytes_kept == 4 * mib);
    CHECK(tamalloc::resident_bytes({p, n}) == 4 * mib);
    S::trim();
}

TEST_CASE("a handler before fork empties the cache") {
    using S = Source<31, 64 * mib>;
    static std::atomic<bool> armed = true;   // it stays registered
    ::pthread_atfork(
        [] {
            if (armed && S::stats().blocks_kept == 1) S::trim();
        },
        nullptr, nullptr);
    const S source;
    const auto n = S::rounded(mib);
    source.unmap(source.map(n, 1).value(), n);   // registers the cache's own, which come first
    CHECK(support::in_child([] { return S::stats().blocks_kept == 0 ? 0 : 1; }) == 0);
    armed = false;
    CHECK(S::stats().blocks_kept == 0);
}

TEST_CASE("a thread is not cancelled where it frees a block") {
    using S = Source<32>;
    const auto gets_to_its_end = [](auto use) {
        bool ended = false;
        std::thread([&] {
            ::pthread_cancel(::pthread_self());
            use();
            ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
            ended = true;
        }).join();
        return ended;
    };
    CHECK(support::in_child([&] {
              const bool freeing = gets_to_its_end([] {
                  const S source;
                  std::byte* const p = source.map(mib, 1).value();
                  *p = std::byte{1};
                  source.unmap(p, mib);
              });
              return freeing && gets_to_its_end([] { (void)tamalloc::process_stats(); }) ? 0 : 1;
          }) == 0);
}

TEST_CASE("where the pagemap that can be opened is another process's blocks read zero all the same") {
    if (::geteuid() != 0) return support::skip("only root can build such a place");
    using S = Source<33>;
    const auto child = support::in_child([] {
        const pid_t other = ::getppid();
        const auto at = [](const std::string& path) { return "/tmp/tamalloc-root" + path; };
        const auto directory = [&](const std::string& path) { ::mkdir(at(path).c_str(), 0700); };
        ::mkdir(at("").c_str(), 0700);
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("none", at("").c_str(), "tmpfs", 0, nullptr) != 0)
            return 77;
        for (const auto* const path : {"/proc", "/proc/thread-self"}) directory(path);
        const auto pagemap = at("/proc/thread-self/pagemap");
        ::close(::open(pagemap.c_str(), O_CREAT | O_WRONLY, 0600));
        if (::mount(("/proc/" + std::to_string(other) + "/pagemap").c_str(), pagemap.c_str(), nullptr, MS_BIND,
                    nullptr) != 0 ||
            ::chroot(at("").c_str()) != 0)
            return 77;
        const S source;
        const auto n = S::rounded(mib);
        for (int i = 0; i != 5; ++i) {
            std::byte* const p = source.map(n, 1).value();
            if (!all_zero({p, n})) return 1;
            p[i * 1000] = std::byte{1};
            source.unmap(p, n);
        }
        return 0;
    });
    ::rmdir("/tmp/tamalloc-root");
    if (child == 77) return support::skip("there are no mount namespaces");
    CHECK(child == 0);
}

#ifdef __GLIBC__
TEST_CASE("a thread with the least stack frees blocks of many pieces") {
    if (support::sanitized) return support::skip("sanitizers need a larger stack");
    const auto cycles = [] {
        using S = Source<18>;
        const S source;
        const auto n = S::rounded(8 * mib);
        for (int i = 0; i != 10; ++i) {
            std::byte* const p = source.map(n, 1).value();
            for (std::size_t at = 0; at < n; at += 2 * page) p[at] = std::byte{1};
            source.unmap(p, n);
        }
        return RecyclingSource<Pages>::budget() >= 64 * mib;   // reads files
    };
    CHECK(support::with_little_stack(cycles) == 0);
    CHECK(support::with_little_stack([&] { return !support::refuse(SYS_ioctl, ENOTTY) || cycles(); }) == 0);
}
#endif
