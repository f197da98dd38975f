// SPDX-License-Identifier: MIT
// Hazard: a tool for tests that finds nothing wrong with anything. Each promise of the kit is broken here once, by a
// source made for it, and must be named.
#include "tamalloc/testing.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "support.hpp"
#include "tamalloc/detail/page.hpp"
#include "tamalloc/mmap_source.hpp"

using tamalloc::MmapSource;
using tamalloc::result;
using namespace tamalloc::testing;

namespace {

using Violations = std::vector<std::string>;

bool names(const Violations& violations, const std::string& promise) {
    return std::ranges::any_of(violations, [&](const auto& v) { return v.find(promise) != std::string::npos; });
}

// Each derives from a source that keeps the contract and breaks one promise.
template<class Broken> struct Base : MmapSource<> {
    friend bool operator==(const Broken&, const Broken&) { return true; }
};
struct OddRounding : Base<OddRounding> {
    static std::size_t rounded(std::size_t n) noexcept { return MmapSource<>::rounded(n + 1); }   // not idempotent
};
struct IgnoresAlignment : Base<IgnoresAlignment> {
    result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if ((align & (align - 1)) != 0) return tamalloc::detail::failure(tamalloc::errc::bad_alignment);
        return MmapSource<>::map(n, 1);
    }
};
struct DirtyReuse : Base<DirtyReuse> {   // zero the first time only
    result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if (n == last_size && last != nullptr && align == 1) return std::exchange(last, nullptr);
        return MmapSource<>::map(n, align);
    }
    void unmap(std::byte* p, std::size_t n) const noexcept {
        if (last == nullptr) last = p, last_size = n;
        else MmapSource<>::unmap(p, n);
    }
    static inline std::byte* last = nullptr;
    static inline std::size_t last_size = 0;
};
struct Unequal : MmapSource<> {
    friend bool operator==(const Unequal&, const Unequal&) { return false; }
};
struct Greedy : Base<Greedy> {   // never refuses
    result<std::byte*> map(std::size_t n, std::size_t align) const noexcept {
        if ((align & (align - 1)) != 0) align = 1;
        return MmapSource<>::map(std::min(n, most), align);
    }
    void unmap(std::byte* p, std::size_t n) const noexcept { MmapSource<>::unmap(p, std::min(n, most)); }
    static constexpr std::size_t most = std::size_t{1} << 30;
};
struct IdlePurge : Base<IdlePurge> {
    result<void> purge(std::byte*, std::size_t) const noexcept { return {}; }
};
struct WidePurge : Base<WidePurge> {   // whole pages, beyond the range
    result<void> purge(std::byte* p, std::size_t n) const noexcept {
        auto* const first = tamalloc::detail::page_floor(p);
        std::memset(first, 0, static_cast<std::size_t>(tamalloc::detail::page_ceiling(p + n) - first));
        return {};
    }
};
struct ForgetfulClear : Base<ForgetfulClear> {   // misses the last extent
    result<std::size_t> clear(std::byte* p, std::size_t n, std::size_t keep) const noexcept {
        return MmapSource<>::clear(p, n - 4 * support::page, keep);
    }
};
struct HoardingClear : Base<HoardingClear> {
    result<std::size_t> clear(std::byte* p, std::size_t n, std::size_t) const noexcept {
        return MmapSource<>::clear(p, n, n);
    }
};
struct StaleDecommit : Base<StaleDecommit> {   // takes the access away, not the contents
    result<void> decommit(std::byte* p, std::size_t n) const noexcept {
        ::mprotect(p, n, PROT_NONE);
        return {};
    }
};
struct LosingRemap : Base<LosingRemap> {
    result<std::byte*> remap(std::byte* p, std::size_t from, std::size_t to) const noexcept {
        MmapSource<>::unmap(p, from);
        return MmapSource<>::map(to, 1);
    }
};
struct DirtyRemap : Base<DirtyRemap> {   // what it adds is not zero
    result<std::byte*> remap(std::byte* p, std::size_t from, std::size_t to) const noexcept {
        auto moved = MmapSource<>::remap(p, from, to);
        if (moved) (*moved)[to - 1] = std::byte{1};
        return moved;
    }
};
struct FallingRounding : Base<FallingRounding> {   // not monotone
    static std::size_t rounded(std::size_t n) noexcept {
        return n > 50'000 && n <= 60'000 ? 65'536 : MmapSource<>::rounded(n);
    }
};
struct WideObserver : Base<WideObserver> {
    template<class Sink> result<void> for_each_populated(std::span<const std::byte> bytes, Sink&& sink) const {
        sink(std::span(bytes.data(), bytes.size() + 1));
        return {};
    }
};
struct BlindObserver : Base<BlindObserver> {
    template<class Sink> result<void> for_each_populated(std::span<const std::byte>, Sink&&) const { return {}; }
};

}   // namespace

TEST_CASE("the kit finds nothing wrong with sources that keep the contract") {
    CHECK(check_page_source<MmapSource<>>() == Violations{});
    CHECK(check_page_source<LifoSource>() == Violations{});
    CHECK(check_page_source<AdjacentSource>() == Violations{});
    FaultPlan plan;
    CHECK(check_page_source(FailingSource<>(plan)) == Violations{});
    CHECK(plan.live_blocks == 0);
    CHECK(plan.live_bytes == 0);
}

TEST_CASE("the kit names each broken promise") {
    CHECK(names(check_page_source<DirtySource>(), "Z: what map returns"));
    CHECK(names(check_page_source<OddRounding>(), "idempotent"));
    CHECK(names(check_page_source<IgnoresAlignment>(), "aligned"));
    CHECK(names(check_page_source<DirtyReuse>(), "after reuse"));
    CHECK(names(check_page_source<Unequal>(), "E: a copy is equal"));
    CHECK(names(check_page_source<Greedy>(), "refuses what no address space holds"));
    CHECK(names(check_page_source<Greedy>(), "no power of two"));
    CHECK(names(check_page_source<IdlePurge>(), "after purge"));
    CHECK(names(check_page_source<WidePurge>(), "purge writes nothing outside"));
    CHECK(names(check_page_source<ForgetfulClear>(), "after clear"));
    CHECK(names(check_page_source<HoardingClear>(), "keeps at most"));
    CHECK(names(check_page_source<StaleDecommit>(), "after decommit"));
    CHECK(names(check_page_source<LosingRemap>(), "remap: keeps the contents"));
    CHECK(names(check_page_source<DirtyRemap>(), "Z: what remap adds"));
    CHECK(names(check_page_source<FallingRounding>(), "monotone"));
    CHECK(names(check_page_source<BlindObserver>(), "covers all"));
    CHECK(names(check_page_source<WideObserver>(), "stays in the range"));
}

TEST_CASE("a failing source fails once, when told, and counts what is out") {
    FaultPlan plan;
    plan.fail_at = 2;
    const FailingSource<> source(plan);
    const auto n = support::page;
    const auto first = source.map(n, 1);
    const auto second = source.map(n, 1);
    const auto third = source.map(2 * n, 1);
    REQUIRE(first.has_value());
    CHECK(second.error() == std::errc::not_enough_memory);
    REQUIRE(third.has_value());
    CHECK(plan.live_blocks == 2);
    CHECK(plan.live_bytes == 3 * n);
    source.unmap(*first, n);
    source.unmap(*third, 2 * n);
    CHECK(plan.live_blocks == 0);
    FaultPlan other;
    CHECK(source == FailingSource<>(plan));
    CHECK(source != FailingSource<>(other));
}

TEST_CASE("the nasty sources are nasty") {
    const LifoSource lifo;
    std::byte* const p = lifo.map(640, 1).value();
    lifo.unmap(p, 640);
    CHECK(p[0] == std::byte{0xEE});
    CHECK(lifo.map(640, 1).value() == p);
    std::byte* const q = lifo.map(640, 1).value();
    lifo.unmap(p, 640);
    lifo.unmap(q, 640);
    CHECK(lifo.map(640, 1).value() == q);   // freed last, handed out first
    lifo.unmap(q, 640);

    const AdjacentSource adjacent;
    std::byte* const a = adjacent.map(64 * 77, 1).value();   // a size nobody else uses
    std::byte* const b = adjacent.map(64 * 77, 1).value();
    CHECK(b == a + 64 * 77);
    adjacent.unmap(a, 64 * 77);
    adjacent.unmap(b, 64 * 77);
}

TEST_CASE("PageTouchGuard counts pages that got memory") {
    const MmapSource<{.huge = tamalloc::HugePages::never}> source;
    const std::size_t n = 100 * support::page;
    std::byte* const p = source.map(n, 1).value();
    p[0] = std::byte{1};
    const PageTouchGuard guard({p, n});
    CHECK(guard.touched() == 0);
    p[1] = p[10 * support::page] = p[20 * support::page] = std::byte{1};
    CHECK(guard.touched() == 2);
    REQUIRE(source.purge(p, n).has_value());
    CHECK(guard.touched() == 0);
    source.unmap(p, n);
}

TEST_CASE("rss_delta and memory_use see what is touched") {
    if (!support::asserts_residency) return;
    const MmapSource<{.huge = tamalloc::HugePages::never}> source;
    const std::size_t n = 16 << 20;
    std::vector<std::byte*> blocks;
    const auto touch = [&] {
        blocks.push_back(source.map(n, 1).value());
        std::memset(blocks.back(), 1, n);
    };
    const auto before = memory_use();
    const auto delta = rss_delta(touch);
    CHECK(delta >= static_cast<std::int64_t>(n));
    CHECK(delta < static_cast<std::int64_t>(n + (1 << 20)));
    const auto added = memory_use() - before;
    CHECK(added.reserved >= 3 * n);
    CHECK(added.committed >= 3 * n);
    CHECK(added.minor_faults >= 3 * n / support::page);
    CHECK(added.page_tables >= 3 * n / tamalloc::detail::huge_page_size() * support::page);
    for (std::byte* const p : blocks) source.unmap(p, n);
}

TEST_CASE("memory_use says so where /proc is missing") {
    const int status = support::in_child([] {
        if (!support::hide_proc()) return 77;
        try {
            (void)memory_use();
        } catch (const std::system_error& e) {
            return e.code() == std::errc::no_such_file_or_directory ? 0 : 2;
        }
        return 3;
    });
    if (status == 77) return support::skip("mounting over /proc is not permitted here");
    CHECK(status == 0);
}

struct WrongOptIn {
    int* p;
    int v;
    WrongOptIn() : p(nullptr), v(3) {}
};
struct HiddenMinusOne {
    int WrongOptIn::* member = nullptr;
};

TEST_CASE("verify_zero_init finds a wrong promise") {
    CHECK(verify_zero_init<int>());
    CHECK(!verify_zero_init<WrongOptIn>());
    CHECK(!verify_zero_init<HiddenMinusOne>());
}
