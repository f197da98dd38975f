// SPDX-License-Identifier: MIT
// Hazard: an element is not zero, at first or after reset; or making, moving or resetting a huge array touches pages that
// nobody wrote, and the machine runs out of memory for an array that is empty.
#include "tamalloc/zeroed_array.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <concepts>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "support.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/testing.hpp"

using support::page;
using tamalloc::ZeroedArray;
using tamalloc::testing::FailingSource;
using tamalloc::testing::FaultPlan;
using tamalloc::testing::PageTouchGuard;

namespace {

using Pages = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;
template<class T> using Array = ZeroedArray<T, Pages>;
template<class T> using FailingArray = ZeroedArray<T, FailingSource<Pages>>;

constexpr std::size_t GiB = std::size_t{1} << 30;
constexpr std::size_t paged = tamalloc::page_threshold;   // elements of one byte

struct alignas(256) Wide {
    std::uint32_t value;
};
struct NotTriviallyDestroyed {
    int value;
    ~NotTriviallyDestroyed() { value = 0; }
};
struct NotZero {
    int value = 1;
};

bool all_zero(std::span<const std::byte> bytes) { return tamalloc::all_zero(bytes); }
template<class A> bool reads_zero(const A& array) { return all_zero(std::as_bytes(std::span(array))); }

bool aligned(const void* p, std::size_t align) { return reinterpret_cast<std::uintptr_t>(p) % align == 0; }

template<class A> std::size_t resident(const A& array) {
    return tamalloc::resident_bytes(std::as_bytes(std::span(array))).value();
}

template<class T>
concept Holdable = requires { typename ZeroedArray<T>; };
template<class T>
concept Makeable = requires { tamalloc::make_zeroed<T>(1); };

}   // namespace

static_assert(Holdable<int> && Holdable<void*> && Holdable<Wide> && Holdable<std::pair<int, double>>);
static_assert(!Holdable<std::string> && !Holdable<NotTriviallyDestroyed> && !Holdable<NotZero> && !Holdable<const int>);
static_assert(Makeable<int> && !Makeable<std::string> && !Makeable<NotTriviallyDestroyed>);

static_assert(std::ranges::contiguous_range<Array<int>> && std::ranges::contiguous_range<const Array<int>>);
static_assert(std::ranges::sized_range<Array<int>> && std::ranges::common_range<Array<int>>);
static_assert(!std::ranges::borrowed_range<Array<int>> && !std::ranges::view<Array<int>>);
static_assert(std::movable<Array<int>> && !std::copyable<Array<int>>);
static_assert(std::is_nothrow_move_constructible_v<Array<int>> && std::is_nothrow_move_assignable_v<Array<int>>);
static_assert(std::is_nothrow_swappable_v<Array<int>> && std::is_nothrow_default_constructible_v<Array<int>>);
static_assert(!std::is_default_constructible_v<FailingArray<int>> && std::is_nothrow_swappable_v<FailingArray<int>>);
static_assert(!std::is_convertible_v<std::size_t, Array<int>>);

// A stateless source takes no space.
static_assert(sizeof(Array<int>) == sizeof(void*) + sizeof(std::size_t));

// Const elements behind a const array, and a span of it for the asking.
static_assert(std::same_as<decltype(std::declval<const Array<int>&>()[0]), const int&>);
static_assert(std::same_as<decltype(std::declval<const Array<int>&>().data()), const int*>);
static_assert(std::same_as<std::ranges::range_reference_t<const Array<int>>, const int&>);
static_assert(std::is_convertible_v<Array<int>&, std::span<int>>);
static_assert(std::is_convertible_v<const Array<int>&, std::span<const int>>);
static_assert(!std::is_convertible_v<const Array<int>&, std::span<int>>);
static_assert(!std::is_convertible_v<Array<int>, std::span<int>>);   // it would dangle

TEST_CASE("an array of any size reads zero") {
    for (const std::size_t n : {std::size_t{1}, std::size_t{100}, paged - 1, paged, paged + 1, std::size_t{3} << 20}) {
        CAPTURE(n);
        for (int round = 0; round < 3; ++round) {   // again in memory that malloc or the kernel has seen before
            ZeroedArray<unsigned char> array(n);
            CHECK(array.size() == n);
            CHECK(array.size_bytes() == n);
            CHECK(!array.empty());
            CHECK(reads_zero(array));
            std::ranges::fill(array, 0xFF);
        }
    }
}

TEST_CASE("no elements take no memory") {
    FaultPlan plan;
    const FailingArray<int> none(0, FailingSource<Pages>(plan));
    CHECK(none.empty());
    CHECK(none.begin() == none.end());
    CHECK(none.data() == nullptr);
    CHECK(FailingArray<int>::try_make(0, FailingSource<Pages>(plan)).value().empty());
    CHECK(plan.calls == 0);

    static constinit ZeroedArray<int> global;
    CHECK(global.empty());
    global.reset();
    CHECK_THROWS_AS((void)global.at(0), std::out_of_range);
    CHECK(tamalloc::make_zeroed<int>(0) == nullptr);
}

TEST_CASE("elements are reached in every way a container offers") {
    Array<int> array(50'000);
    std::iota(array.begin(), array.end(), 0);
    const auto& constant = array;
    CHECK(array[7] == 7);
    CHECK(constant[7] == 7);
    CHECK(array.at(49'999) == 49'999);
    CHECK(constant.at(0) == 0);
    CHECK(array.front() == 0);
    CHECK(constant.back() == 49'999);
    CHECK(*array.rbegin() == 49'999);
    CHECK(*(constant.rend() - 1) == 0);
    CHECK(array.cend() - array.cbegin() == 50'000);
    CHECK(array.crend() - array.crbegin() == 50'000);
    CHECK(std::span<int>(array).size() == 50'000);
    CHECK(std::span<const int>(constant).data() == array.data());
    CHECK_THROWS_AS((void)array.at(50'000), std::out_of_range);
    CHECK_THROWS_AS((void)constant.at(std::numeric_limits<std::size_t>::max()), std::out_of_range);
    std::ranges::sort(array, std::greater<>());
    CHECK(array.front() == 49'999);
    CHECK(std::ranges::equal(array | std::views::reverse | std::views::take(3), std::vector{0, 1, 2}));
}

TEST_CASE("elements are aligned as their type demands") {
    for (const std::size_t n : {1UL, 3UL, 100UL, 1000UL, 100'000UL}) {
        CAPTURE(n);
        const Array<Wide> array(n);
        CHECK(aligned(array.data(), alignof(Wide)));
        CHECK(reads_zero(array));
    }
    struct alignas(1 << 16) Huge {
        char value;
    };
    CHECK(aligned(Array<Huge>(1).data(), 1 << 16));
    CHECK(aligned(Array<Huge>(8).data(), 1 << 16));
}

TEST_CASE("an array of arrays works like one of anything else") {
    Array<int[4]> array(100'000);
    array[99'999][3] = 7;
    CHECK(array.back()[3] == 7);
    CHECK(array.size_bytes() == 1'600'000);
}

TEST_CASE("making and moving a gigabyte touches no page and writing touches what is written") {
    Array<double> array(GiB / sizeof(double));
    if (support::asserts_residency) CHECK(resident(array) == 0);
    const PageTouchGuard guard(std::as_bytes(std::span(array)));
    auto moved = std::move(array);
    if (support::asserts_residency) CHECK(guard.touched() == 0);
    moved[1] = 1;
    moved[GiB / 2 / sizeof(double)] = 2;
    moved.back() = 3;
    if (support::asserts_residency) CHECK(guard.touched() == 3);
    if (support::asserts_residency) CHECK(resident(moved) == 3 * page);
}

TEST_CASE("an array may be larger than the machine") {
    const auto ram = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * page;
    auto array = Array<std::uint64_t>::try_make(4 * ram / sizeof(std::uint64_t));
    if (!array) return support::skip("this system counts or limits address space");
    CHECK(array->front() == 0);
    array->back() = 1;
    if (support::asserts_residency) CHECK(resident(*array) == page);
    array->reset();
    CHECK(array->back() == 0);
    if (support::asserts_residency) CHECK(resident(*array) == 0);
}

TEST_CASE("reset makes every element zero and gives the memory back") {
    Array<char> array(64 * page + 17);   // the last page is not all the array's
    const char* const before = array.data();
    for (int round = 0; round < 2; ++round) {
        std::ranges::fill(array, 'x');
        if (support::asserts_residency) CHECK(resident(array) == 65 * page);
        array.reset();
        if (support::asserts_residency) CHECK(resident(array) == 0);
        CHECK(reads_zero(array));
    }
    CHECK(array.data() == before);
    CHECK(array.size() == 64 * page + 17);

    Array<char> small(1000);
    std::ranges::fill(small, 'x');
    small.reset();
    CHECK(reads_zero(small));
}

TEST_CASE("reset works where the source cannot purge") {
    static_assert(!tamalloc::PurgingSource<FailingSource<Pages>>);
    FaultPlan plan;
    FailingArray<char> array(1 << 20, FailingSource<Pages>(plan));
    array[0] = array[777'777] = 'x';
    const auto touched = support::asserts_residency ? resident(array) : 0;
    array.reset();
    CHECK(reads_zero(array));
    if (support::asserts_residency) CHECK(resident(array) == touched);   // what was not touched is not written either
}

TEST_CASE("reset works where the kernel refuses to drop pages") {
    CHECK(support::in_child([] {
              Array<char> array(1 << 20);
              array[0] = array[777'777] = 'x';
              if (!support::refuse(SYS_madvise, EPERM)) return 1;
              array.reset();
              return reads_zero(array) ? 0 : 2;
          }) == 0);
}

namespace {

// A source whose purge does nothing and says so.
struct IdlePurge : Pages {
    [[nodiscard]] static tamalloc::result<void> purge(std::byte*, std::size_t) noexcept {
        return tamalloc::detail::system_failure(EINVAL);
    }
};
static_assert(tamalloc::PurgingSource<IdlePurge>);

}   // namespace

TEST_CASE("reset does not believe a purge that failed") {
    ZeroedArray<char, IdlePurge> array(1 << 20);
    array[0] = array[777'777] = 'x';
    array.reset();
    CHECK(reads_zero(array));
}

TEST_CASE("memory that is reused reads zero all the same") {
    for (const std::size_t n : {paged, paged + 64, std::size_t{1} << 20}) {
        for (int round = 0; round < 4; ++round) {
            CAPTURE(n);
            ZeroedArray<unsigned char, tamalloc::testing::LifoSource> lifo(n);
            ZeroedArray<unsigned char, tamalloc::testing::AdjacentSource> left(n), right(n);
            CHECK(reads_zero(lifo));
            CHECK(reads_zero(left));
            CHECK(reads_zero(right));
            std::ranges::fill(lifo, 0xA5);
            std::ranges::fill(left, 0xA5);
            left.reset();
            std::ranges::fill(right, 0xA5);
            CHECK(reads_zero(left));
        }
    }
}

TEST_CASE("moving and swapping carry the elements and leave the other usable") {
    Array<int> a(100'000), b(10);
    a[99'999] = 1;
    b[9] = 2;
    const int* const elements = a.data();

    Array<int> c(std::move(a));
    CHECK(c.data() == elements);
    CHECK(a.empty());   // NOLINT(bugprone-use-after-move): that is the promise
    CHECK(a.data() == nullptr);
    a = Array<int>(5);
    CHECK(a.size() == 5);

    b = std::move(c);
    CHECK(b.data() == elements);
    CHECK(b[99'999] == 1);
    CHECK(c.empty());   // NOLINT(bugprone-use-after-move)

    a.swap(b);
    CHECK(a.data() == elements);
    CHECK(b.size() == 5);
    std::swap(a, b);
    CHECK(b.data() == elements);

    auto& same = b;
    b = std::move(same);
    CHECK(b.data() == elements);
    CHECK(b[99'999] == 1);
    b.swap(same);
    CHECK(b.size() == 100'000);
    b = Array<int>();
    CHECK(b.empty());
}

TEST_CASE("arrays of different sources carry the source with the elements") {
    FaultPlan first, second;
    {
        FailingArray<char> a(paged, FailingSource<Pages>(first));
        FailingArray<char> b(2 * paged, FailingSource<Pages>(second));
        a.swap(b);
        a = FailingArray<char>(0, FailingSource<Pages>(first));
        CHECK(first.live_bytes == paged);
        CHECK(second.live_bytes == 0);
        a = std::move(b);
    }
    CHECK(first.live_blocks == 0);
    CHECK(first.live_bytes == 0);
    CHECK(second.live_blocks == 0);
}

TEST_CASE("a source that fails leaves nothing behind") {
    FaultPlan plan;
    plan.fail_at = 2;
    const FailingSource<Pages> source(plan);
    FailingArray<char> array(paged, source);
    array[5] = 'x';
    CHECK_THROWS_AS(array = FailingArray<char>(1 << 20, source), tamalloc::AllocationFailure);
    CHECK(array.size() == paged);
    CHECK(array[5] == 'x');
    CHECK(plan.live_blocks == 1);

    plan.fail_at = plan.calls + 1;
    const auto refused = FailingArray<char>::try_make(1 << 20, source);
    CHECK(!refused);
    CHECK(refused.error() == std::errc::not_enough_memory);
    array = FailingArray<char>::try_make(1 << 20, source).value();
    CHECK(array.size() == 1 << 20);
    CHECK(plan.live_blocks == 1);
    array = FailingArray<char>(0, source);
    CHECK(plan.live_bytes == 0);
}

TEST_CASE("sizes that no address space holds are refused") {
    constexpr auto max = Array<std::uint64_t>::max_size();
    static_assert(max == static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / 8);
    CHECK_THROWS_AS(Array<std::uint64_t>{max + 1}, std::bad_array_new_length);
    CHECK_THROWS_AS(Array<std::uint64_t>{std::numeric_limits<std::size_t>::max()}, std::bad_array_new_length);
    CHECK_THROWS_AS((void)tamalloc::make_zeroed<std::uint64_t>(max + 1), std::bad_array_new_length);
    CHECK_THROWS_AS(Array<std::uint64_t>{max}, tamalloc::AllocationFailure);
    CHECK(Array<std::uint64_t>::try_make(max + 1).error() == tamalloc::errc::too_large);
    CHECK(Array<std::uint64_t>::try_make((std::size_t{1} << 61) + 1).error() ==
          tamalloc::errc::too_large);   // 8, wrapped
    CHECK(Array<std::uint64_t>::try_make(max).error() == std::errc::not_enough_memory);
    try {
        const Array<std::uint64_t> array(max);
    } catch (const tamalloc::AllocationFailure& failure) {
        CHECK(failure.bytes() == max * 8);
    }
}

TEST_CASE("the limit on address space is an AllocationFailure and goes away with the limit") {
    if (support::sanitized) return support::skip("sanitizers reserve more address space than any limit");
    CHECK(support::in_child([] {
              rlimit limit{};
              ::getrlimit(RLIMIT_AS, &limit);
              limit.rlim_cur = tamalloc::testing::memory_use().reserved + (64 << 20);
              if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
              const auto refused = Array<char>::try_make(GiB);
              if (refused || refused.error() != std::errc::not_enough_memory) return 2;
              try {
                  const Array<char> array(GiB);
                  return 3;
              } catch (const tamalloc::AllocationFailure& failure) {
                  if (failure.bytes() != GiB) return 4;
              }
              limit.rlim_cur = limit.rlim_max;
              ::setrlimit(RLIMIT_AS, &limit);
              return Array<char>(GiB).back() == 0 ? 0 : 5;
          }) == 0);
}

TEST_CASE("make_zeroed is a unique_ptr that knows its size") {
    auto small = tamalloc::make_zeroed<int>(100);
    auto large = tamalloc::make_zeroed<int>(GiB / sizeof(int));
    CHECK(large.get_deleter().size() == GiB / sizeof(int));
    CHECK(all_zero(std::as_bytes(std::span(small.get(), 100))));
    const std::span<const int> elements(large.get(), large.get_deleter().size());
    if (support::asserts_residency) CHECK(tamalloc::resident_bytes(std::as_bytes(elements)).value() == 0);
    large[12'345'678] = 1;
    CHECK(large[12'345'679] == 0);
    small = std::move(large);
    CHECK(small[12'345'678] == 1);
    CHECK(small.get_deleter().size() == GiB / sizeof(int));
    CHECK(aligned(tamalloc::make_zeroed<Wide>(3).get(), alignof(Wide)));

    if (!support::asserts_residency) return;
    const auto reserved = tamalloc::testing::memory_use().reserved;
    CHECK(tamalloc::make_zeroed<char>(64 * GiB)[GiB] == 0);
    CHECK(tamalloc::testing::memory_use().reserved < reserved + GiB);   // freed with all of its size
}

TEST_CASE("verify mode stops a program whose array is not zero") {
    const int status = support::in_child([] {
        std::freopen("/dev/null", "w", stderr);
        const ZeroedArray<int, tamalloc::testing::DirtySource> array(1 << 16);
        return array[0] == 0 ? 0 : 1;
    });
    CHECK(status == (TAMALLOC_VERIFY ? -SIGABRT : 1));
}
