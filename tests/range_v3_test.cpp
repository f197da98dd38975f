// SPDX-License-Identifier: MIT
// Hazard: a view of the library composes with std::views only; a program that uses range-v3 does not compile, or worse,
// gets other elements.
#include "tamalloc/range_v3.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <range/v3/algorithm/count_if.hpp>
#include <range/v3/numeric/accumulate.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/all.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>

#include <unistd.h>

#include "block.hpp"
#include "fake_proc.hpp"
#include "support.hpp"

using support::page;
using tamalloc::PopulatedView;
using tamalloc::ProcessStats;
using tamalloc::ProcessView;

template<class V>
concept BothViews = std::ranges::view<V> && ::ranges::view_<V> && std::ranges::input_range<V> &&
                    ::ranges::input_range<V> && std::ranges::borrowed_range<V> && ::ranges::borrowed_range<V> &&
                    std::ranges::viewable_range<V> && ::ranges::viewable_range<V>;
static_assert(BothViews<ProcessView> && BothViews<tamalloc::MappingView>);
static_assert(BothViews<PopulatedView<>> && BothViews<PopulatedView<int>>);
static_assert(!::ranges::forward_range<ProcessView> && !::ranges::forward_range<PopulatedView<>>);

namespace {

constexpr auto is_large = [](const ProcessStats& stats) { return stats.reserved >= 500ULL * 4096; };
constexpr auto is_long = [](std::span<const std::byte> extent) { return extent.size() >= 2 * page; };

std::vector<pid_t> walk(auto&& range) {
    std::vector<pid_t> all;
    for (auto&& pid : range) all.push_back(pid);
    return all;
}

std::vector<const std::byte*> starts(auto&& range) {
    std::vector<const std::byte*> all;
    for (auto&& extent : range) all.push_back(extent.data());
    return all;
}

}   // namespace

TEST_CASE("pipelines over temporary process views are equal in both libraries") {
    const support::FakeProc proc;
    support::FakeProcess process;
    for (int pid = 1; pid <= 40; ++pid) {
        process.pages = static_cast<std::uint64_t>(pid % 2) * 1000 + 1;
        (void)proc.add(pid, process);
    }
    const auto view = [&] { return tamalloc::detail::processes(proc.open(), tamalloc::StatsField::all).value(); };
    const auto expected = std::vector<pid_t>{1, 3, 5, 7, 9};
    const auto pid = [](const ProcessStats& stats) { return stats.pid; };

    CHECK(walk(view() | std::views::filter(is_large) | std::views::transform(pid) | std::views::take(5)) == expected);
    CHECK(walk(view() | ::ranges::views::filter(is_large) | ::ranges::views::transform(pid) |
               ::ranges::views::take(5)) == expected);
    CHECK(walk(view() | ::ranges::views::filter(is_large) | ::ranges::views::transform(&ProcessStats::pid) |
               std::views::take(5)) == expected);
    const auto kept = view();   // not a temporary
    CHECK(walk(kept | ::ranges::views::filter(is_large) | ::ranges::views::transform(pid) | ::ranges::views::take(5)) ==
          expected);
    CHECK(::ranges::count_if(view(), is_large) == 20);
    CHECK(std::ranges::count_if(view(), is_large) == 20);
    CHECK((view() | ::ranges::views::transform(pid) | ::ranges::to<std::vector>()).size() == 40);
    CHECK(::ranges::accumulate(view() | ::ranges::views::transform(&ProcessStats::committed), std::uint64_t{0}) ==
          40ULL * 250 * 4096);
}

TEST_CASE("real processes come out of both libraries") {
    const auto self = [](const ProcessStats& stats) { return stats.pid == ::getpid(); };
    CHECK(std::ranges::count_if(tamalloc::processes().value() | std::views::filter(self), self) == 1);
    CHECK(::ranges::count_if(tamalloc::processes().value() | ::ranges::views::filter(self), self) == 1);
}

TEST_CASE("pipelines over temporary views of populated extents are equal in both libraries") {
    const support::Block block(1000 * page);
    for (std::size_t i = 0; i < 1000; i += 10) {
        block.p[i * page] = std::byte{1};
        if (i % 20 == 0) block.p[(i + 1) * page] = std::byte{1};
    }
    const auto view = [&] { return PopulatedView(block.bytes()); };
    const auto expected = starts(view() | std::views::filter(is_long) | std::views::take(7));
    CHECK(expected.size() == 7);
    CHECK(starts(view() | ::ranges::views::filter(is_long) | ::ranges::views::take(7)) == expected);
    CHECK(starts(view() | ::ranges::views::filter(is_long) | std::views::take(7)) == expected);
    CHECK(::ranges::count_if(view(), is_long) == std::ranges::count_if(view(), is_long));
    const PopulatedView ints(std::span(reinterpret_cast<const int*>(block.p), block.n / sizeof(int)));
    CHECK(std::ranges::distance(ints | ::ranges::views::all) == std::ranges::distance(view()));
}
