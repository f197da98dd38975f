// SPDX-License-Identifier: MIT
// Hazard: a block that was promised to read zero does not, two containers end up with each other's blocks, or a vector
// believes after a swap or a move that its memory is untouched.
#include "tamalloc/memory_resource.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <list>
#include <map>
#include <memory_resource>
#include <new>
#include <scoped_allocator>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "support.hpp"
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/stats.hpp"
#include "tamalloc/testing.hpp"

using support::page;
using tamalloc::ArenaResource;
using tamalloc::MemoryResource;
using tamalloc::ZeroedResource;
using tamalloc::testing::memory_use;

static_assert(std::derived_from<ArenaResource<>, ZeroedResource> &&
              std::derived_from<MemoryResource<>, ZeroedResource>);
static_assert(
    !std::is_constructible_v<tamalloc::pmr::Allocator<int>, std::pmr::memory_resource*>);   // no promise of zeros
static_assert(!std::is_constructible_v<tamalloc::pmr::vector<int>, std::size_t, std::pmr::memory_resource*>);
static_assert(std::is_convertible_v<tamalloc::pmr::Allocator<int>, std::pmr::polymorphic_allocator<char>>);
static_assert(std::uses_allocator_v<std::pmr::string, tamalloc::pmr::Allocator<>>);
static_assert(std::uses_allocator_v<tamalloc::pmr::vector<int>, tamalloc::pmr::Allocator<>>);
static_assert(sizeof(tamalloc::pmr::Allocator<int>) == sizeof(void*) + 16);
static_assert(sizeof(tamalloc::pmr::Allocator<std::string>) == sizeof(void*));   // nothing to be lazy about

namespace {

constexpr std::size_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30;

using Source = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;

std::span<std::byte> block(std::pmr::memory_resource& resource, std::size_t n, std::size_t align = 16) {
    return {static_cast<std::byte*>(resource.allocate(n, align)), n};
}

std::size_t resident(std::span<const std::byte> range) { return tamalloc::resident_bytes(range).value(); }

bool aligned(const void* p, std::size_t align) { return reinterpret_cast<std::uintptr_t>(p) % align == 0; }

}   // namespace

TEST_CASE_TEMPLATE("blocks read zero and are aligned, also when they are used again", Resource, MemoryResource<Source>,
                   MemoryResource<tamalloc::testing::LifoSource>, MemoryResource<tamalloc::testing::AdjacentSource>,
                   ArenaResource<Source>, ArenaResource<tamalloc::testing::AdjacentSource>) {
    Resource resource;
    for (int round = 0; round < 3; ++round)
        for (const std::size_t n :
             {std::size_t{0}, std::size_t{1}, std::size_t{100}, 4 * kib, 128 * kib - 1, 128 * kib, mib + 5})
            for (const std::size_t align : {std::size_t{1}, std::size_t{16}, std::size_t{64}, 64 * kib}) {
                CAPTURE(n);
                CAPTURE(align);
                const auto b = block(resource, n, align);
                CHECK(aligned(b.data(), align));
                CHECK(tamalloc::all_zero(b));
                if (n > 0) std::memset(b.data(), 0xA5, n);
                const auto other = block(resource, n, align);
                CHECK(other.data() != b.data());
                if (n > 0) std::memset(other.data(), 0x5A, n);
                CHECK((n == 0 || (b.front() == std::byte{0xA5} && b.back() == std::byte{0xA5})));
                resource.deallocate(b.data(), n, align);
                resource.deallocate(other.data(), n, align);
            }
}

TEST_CASE("large blocks take no memory until they are written") {
    MemoryResource<Source> resource;
    const auto before = memory_use();
    const auto b = block(resource, 16 * gib);
    const auto added = memory_use() - before;
    CHECK(added.reserved >= 16 * gib);
    b[gib] = std::byte{1};
    if (support::asserts_residency) {
        CHECK(static_cast<std::int64_t>(added.committed) < static_cast<std::int64_t>(mib));   // code that runs first
        CHECK(resident(b) == page);
    }
    resource.deallocate(b.data(), b.size(), 16);
    CHECK(memory_use().reserved <= before.reserved + mib);
}

TEST_CASE("a resource equals itself only") {
    MemoryResource<> a, b;
    ArenaResource<> c, d;
    CHECK(a == a);
    CHECK(a != b);
    CHECK(c == c);
    CHECK(c != d);
    CHECK(a != *std::pmr::new_delete_resource());
}

TEST_CASE("a resource answers from several threads at once") {
    MemoryResource<Source> resource;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int id = 1; id <= 4; ++id)
        threads.emplace_back([&, id] {
            for (int i = 0; i < 200; ++i) {
                const auto b = block(resource, i % 2 == 0 ? 1000 : 200'000);
                if (!tamalloc::all_zero(b)) ++wrong;
                std::memset(b.data(), id, b.size());
                std::this_thread::yield();
                if (b.front() != std::byte(id) || b.back() != std::byte(id)) ++wrong;
                resource.deallocate(b.data(), b.size(), 16);
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("what the system refuses is an AllocationFailure") {
    MemoryResource<> resource;
    ArenaResource<> arena;
    for (ZeroedResource* const r : {static_cast<ZeroedResource*>(&resource), static_cast<ZeroedResource*>(&arena)}) {
        CHECK_THROWS_AS((void)r->allocate(std::size_t{1} << 62), tamalloc::AllocationFailure);
        CHECK_THROWS_AS((void)r->allocate(std::numeric_limits<std::size_t>::max()), tamalloc::AllocationFailure);
        tamalloc::pmr::Allocator<int> a(r);
        CHECK_THROWS_AS((void)a.allocate(std::numeric_limits<std::size_t>::max() / 2), std::bad_array_new_length);
        CHECK_THROWS_AS((void)a.allocate(std::size_t{1} << 60), tamalloc::AllocationFailure);
        r->deallocate(r->allocate(100), 100);
    }
    if (support::sanitized) return;                                // their malloc reports instead of failing
    const volatile std::size_t alignment = std::size_t{1} << 62;   // clang warns of constants
    CHECK_THROWS_AS((void)resource.allocate(1, alignment), tamalloc::AllocationFailure);
    CHECK_THROWS_AS((void)arena.allocate(1, alignment), tamalloc::AllocationFailure);
}

TEST_CASE("an arena hands out neighbours, and takes all of them back at once") {
    const auto before = memory_use().reserved;
    {
        ArenaResource<Source> arena;
        auto* const a = static_cast<std::byte*>(arena.allocate(10, 1));
        auto* const b = static_cast<std::byte*>(arena.allocate(10, 1));
        CHECK(b == a + 10);
        CHECK(aligned(arena.allocate(8, 4096), 4096));
        auto big = block(arena, 100 * mib);
        std::memset(big.data(), 1, big.size());
        const std::span both(a, 110 * mib);
        if (support::asserts_residency) CHECK(resident(both) >= 100 * mib);
        arena.release();
        if (support::asserts_residency) CHECK(resident(both) == 0);
        CHECK(arena.allocate(10, 1) == a);   // the address space is kept
        big = block(arena, 100 * mib);
        CHECK(tamalloc::all_zero(big));
        CHECK(memory_use().reserved < before + gib + 64 * mib);
    }
    CHECK(memory_use().reserved <= before + mib);
}

TEST_CASE("an arena grows beyond its first reservation, and blocks stay") {
    tamalloc::testing::FaultPlan plan;
    using Failing = tamalloc::testing::FailingSource<Source>;
    {
        ArenaResource<Failing> arena(64 * kib, Failing(plan));
        std::vector<std::span<std::byte>> blocks;
        for (std::size_t i = 1; i <= 200; ++i) {
            blocks.push_back(block(arena, 100 * i));
            std::memset(blocks.back().data(), static_cast<int>(i), 100 * i);
        }
        CHECK(plan.calls > 2);
        CHECK(plan.calls < 10);
        bool good = true;
        for (std::size_t i = 1; i <= 200; ++i)
            good = good && blocks[i - 1].front() == std::byte(i) && blocks[i - 1].back() == std::byte(i);
        CHECK(good);
        const auto calls = plan.calls.load();
        arena.release();
        for (std::size_t i = 1; i <= 200; ++i) CHECK(tamalloc::all_zero(block(arena, 100 * i)));
        CHECK(plan.calls == calls);
    }
    CHECK(plan.live_blocks == 0);
    CHECK(plan.live_bytes == 0);
}

TEST_CASE("an arena uses the room that a large block left") {
    ArenaResource<Source> arena(mib);
    auto* const first = static_cast<std::byte*>(arena.allocate(100, 1));
    (void)arena.allocate(16 * mib);
    bool found = false;
    for (int i = 0; i < 100'000 && !found; ++i) found = arena.allocate(1000, 1) == first + 100;
    CHECK(found);
}

TEST_CASE("an arena charges what is used, not what is reserved") {
    const auto charged = [] { return static_cast<std::int64_t>(tamalloc::system_totals().value().charged); };
    ArenaResource<tamalloc::MmapSource<{.accounting = tamalloc::Charge::accounted}>> arena;
    const auto before = charged();
    (void)arena.allocate(1);
    CHECK(charged() - before < static_cast<std::int64_t>(256 * mib));   // others come and go meanwhile
}

TEST_CASE("an arena that is refused goes on with less, or as it was") {
    tamalloc::testing::FaultPlan plan;
    using Failing = tamalloc::testing::FailingSource<Source>;
    ArenaResource<Failing> arena(mib, Failing(plan));
    plan.fail_at = 1;
    auto* const p = static_cast<std::byte*>(arena.allocate(100));
    CHECK(plan.live_bytes < mib / 2);
    CHECK(plan.live_blocks == 1);
    *p = std::byte{1};
    for (int i = 0; i < 10; ++i)
        CHECK_THROWS_AS((void)arena.allocate(std::size_t{1} << 60), tamalloc::AllocationFailure);
    CHECK(*p == std::byte{1});
    CHECK(static_cast<std::byte*>(arena.allocate(1, 1)) == p + 100);   // the room that there is was not forgotten
    CHECK(plan.live_blocks == 1);
    CHECK(tamalloc::all_zero(block(arena, 8 * mib)));
}

TEST_CASE("the default resource can be set, and set back") {
    auto* const original = tamalloc::get_default_zeroed_resource();
    REQUIRE(original != nullptr);
    ArenaResource<> arena;
    CHECK(tamalloc::set_default_zeroed_resource(&arena) == original);
    CHECK(tamalloc::get_default_zeroed_resource() == &arena);
    CHECK(tamalloc::pmr::Allocator<int>().resource() == &arena);
    CHECK(tamalloc::set_default_zeroed_resource(nullptr) == &arena);
    CHECK(tamalloc::get_default_zeroed_resource() == original);
    CHECK(tamalloc::pmr::vector<int>(5).get_allocator().resource() == original);
}

TEST_CASE("pmr::vector touches nothing that is not written, std::pmr::vector everything") {
    MemoryResource<Source> resource;
    const std::size_t n = 64 * mib / sizeof(double);
    tamalloc::pmr::vector<double> lazy(n, &resource);
    const std::pmr::vector<double> eager(n, &resource);
    CHECK(tamalloc::all_zero(std::as_bytes(std::span(lazy).first(1000))));
    if (support::asserts_residency) {
        CHECK(resident(std::as_bytes(std::span(lazy))) == 0);
        CHECK(resident(std::as_bytes(std::span(eager))) == 64 * mib);
        lazy[n / 2] = 1;
        CHECK(resident(std::as_bytes(std::span(lazy))) == page);
    }
    lazy.assign(lazy.size(), 1);
    lazy.clear();
    lazy.resize(n);
    CHECK(lazy[n / 2] == 0);
    CHECK(std::equal(lazy.begin(), lazy.end(), eager.begin()));
}

TEST_CASE("std::pmr containers work over every resource") {
    ArenaResource<Source> arena;
    MemoryResource<Source> resource;
    for (std::pmr::memory_resource* const r :
         {static_cast<std::pmr::memory_resource*>(&arena), static_cast<std::pmr::memory_resource*>(&resource)}) {
        std::pmr::map<int, std::pmr::string> map(r);
        std::pmr::unordered_map<int, std::pmr::vector<int>> table(r);
        std::pmr::list<std::pmr::string> list(r);
        for (int i = 0; i < 2000; ++i) {
            map[i] = std::pmr::string(static_cast<std::size_t>(i % 100), 'x');
            table[i % 50].push_back(i);
            list.emplace_back("a string that is too long for its own little buffer");
            if (i % 3 == 0) list.pop_front();
        }
        CHECK(map[99].size() == 99);
        CHECK(map[99].get_allocator().resource() == r);
        CHECK(table[49].size() == 40);
        std::pmr::unsynchronized_pool_resource pool(r);
        std::pmr::vector<int> pooled(1000, 7, &pool);
        CHECK(pooled.back() == 7);
    }
}

TEST_CASE("elements that take an allocator get the resource, std's and ours, also inside a pair") {
    ArenaResource<> arena;
    tamalloc::pmr::vector<std::pmr::string> strings(2, &arena);
    strings.emplace_back("text that does not fit into the string itself");
    CHECK(strings[0].get_allocator().resource() == &arena);
    CHECK(strings[2].get_allocator().resource() == &arena);
    tamalloc::pmr::vector<tamalloc::pmr::vector<int>> rows(3, &arena);
    CHECK(rows[2].get_allocator().resource() == &arena);
    tamalloc::pmr::vector<std::pair<int, std::pmr::string>> pairs(&arena);
    pairs.emplace_back(1, "text that does not fit into the string itself");
    CHECK(pairs[0].second.get_allocator().resource() == &arena);
    std::map<int, tamalloc::pmr::vector<int>, std::less<>,
             tamalloc::pmr::Allocator<std::pair<const int, tamalloc::pmr::vector<int>>>>
        map(&arena);
    map[3].resize(4);
    CHECK(map[3].get_allocator().resource() == &arena);
}

TEST_CASE("copies get the default resource, moves and swaps take theirs along") {
    ArenaResource<> a, b;
    tamalloc::pmr::vector<int> x({1, 2, 3}, &a), y({4, 5}, &b);
    const auto copy = x;
    CHECK(copy == x);
    CHECK(copy.get_allocator().resource() == tamalloc::get_default_zeroed_resource());
    const auto* const data = x.data();
    x.swap(y);
    CHECK(y.data() == data);
    CHECK(y.get_allocator().resource() == &a);
    x = std::move(y);
    CHECK(x.data() == data);
    CHECK(x.get_allocator().resource() == &a);
    y = tamalloc::pmr::vector<int>({9}, &b);
    y = x;   // storage stays where it is, values are copied
    CHECK(y == x);
    CHECK(y.get_allocator().resource() == &b);
}

TEST_CASE("every history of a container leaves value-initialised elements zero") {
    MemoryResource<tamalloc::testing::LifoSource> a, b;
    const auto dirty = [](auto& v) { std::fill(v.begin(), v.end(), -1); };
    const auto zero_from = [](const auto& v, std::size_t first) {
        return tamalloc::all_zero(std::as_bytes(std::span(v).subspan(first)));
    };
    const std::size_t n = 100'000;
    tamalloc::pmr::vector<int> v(n, &a);
    dirty(v);
    SUBCASE("clear") {
        v.clear(), v.resize(n);
        CHECK(zero_from(v, 0));
    }
    SUBCASE("shrink") {
        v.resize(10), v.resize(n);
        CHECK(zero_from(v, 10));
    }
    SUBCASE("swap") {
        tamalloc::pmr::vector<int> w(&b);
        w.reserve(n);
        w.swap(v);
        v.resize(n);
        CHECK(zero_from(v, 0));
        w.resize(5), w.resize(n);
        CHECK(zero_from(w, 5));
    }
    SUBCASE("move assignment") {
        tamalloc::pmr::vector<int> w(&b);
        w.reserve(n);
        w = std::move(v);
        w.clear(), w.resize(n);
        CHECK(zero_from(w, 0));
        v = tamalloc::pmr::vector<int>(n, &b);
        CHECK(zero_from(v, 0));
    }
    SUBCASE("growth") {
        v.resize(3 * n);
        CHECK(v[n - 1] == -1);
        CHECK(zero_from(v, n));
    }
    SUBCASE("a block that comes back") {
        v = tamalloc::pmr::vector<int>(&a);
        v.resize(n);
        CHECK(zero_from(v, 0));
    }
    SUBCASE("a copy of the allocator that allocates") {
        auto copy = v.get_allocator();
        int* const p = copy.allocate(n);
        v.shrink_to_fit();
        v.resize(n + 1);
        CHECK(v[n - 1] == -1);
        CHECK(v[n] == 0);
        copy.deallocate(p, n);
    }
}

TEST_CASE("objects are made and destroyed with the resource, and a constructor that throws leaves nothing") {
    tamalloc::testing::FaultPlan plan;
    using Failing = tamalloc::testing::FailingSource<Source>;
    MemoryResource<Failing> resource{Failing(plan)};
    tamalloc::pmr::Allocator<> a(&resource);
    auto* const s = a.new_object<std::pmr::string>("text that does not fit into the string itself");
    CHECK(s->get_allocator().resource() == &resource);
    a.delete_object(s);
    struct Table {
        std::array<std::uint64_t, 100'000> slots;
    };
    auto* const table = a.new_object<Table>();
    CHECK(table->slots[99'999] == 0);
    if (support::asserts_residency) CHECK(resident(std::as_bytes(std::span(table->slots))) == 0);
    CHECK(plan.live_blocks == 1);
    a.delete_object(table);
    struct Throws {
        std::array<char, 200'000> room;
        explicit Throws(int) { throw std::runtime_error("no"); }
    };
    CHECK_THROWS_AS((void)a.new_object<Throws>(1), std::runtime_error);
    CHECK(plan.live_blocks == 0);
}

TEST_CASE("a container with static storage may use the default resource to the very end") {
    CHECK(support::in_child([] {
              static tamalloc::pmr::vector<int> late;
              late.resize(1'000'000);
              late[5] = 5;
              std::exit(late[999'999]);   // NOLINT(concurrency-mt-unsafe): the child has one thread
              return 1;
          }) == 0);
}
