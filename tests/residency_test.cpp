// SPDX-License-Identifier: MIT
// Hazard: a byte that is not zero lies outside every reported extent, and a copy, hash or file of the extents loses it.
// Or a page counts as memory that is none, and the figures shown to people are wrong.
#include "tamalloc/residency.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <ranges>
#include <span>
#include <stdexcept>
#include <vector>

#include "block.hpp"
#include "support.hpp"
#include "tamalloc/testing.hpp"
#include "tamalloc/zero_init.hpp"

using support::Block;
using support::page;
using tamalloc::PopulatedView;
using Extent = std::span<const std::byte>;

static_assert(std::ranges::view<PopulatedView<>> && std::ranges::input_range<PopulatedView<>>);
static_assert(std::ranges::borrowed_range<PopulatedView<>> && !std::ranges::forward_range<PopulatedView<>>);
static_assert(std::default_initializable<PopulatedView<>> && std::copyable<PopulatedView<>>);
static_assert(std::same_as<decltype(PopulatedView(std::span<double>())), PopulatedView<double>>);

namespace {

std::vector<Extent> populated(Extent range) {
    std::vector<Extent> extents;
    CHECK(tamalloc::for_each_populated(range, [&](Extent extent) { extents.push_back(extent); }).has_value());
    return extents;
}

bool same(const std::vector<Extent>& a, const std::vector<Extent>& b) {
    return std::ranges::equal(a, b, [](Extent x, Extent y) { return x.data() == y.data() && x.size() == y.size(); });
}

// Every byte outside the extents is zero, every extent inside the range, in order, without overlap.
bool is_superset(Extent range, const std::vector<Extent>& extents) {
    const std::byte* at = range.data();
    for (const auto extent : extents) {
        if (extent.empty() || extent.data() < at) return false;
        if (!tamalloc::all_zero({at, extent.data()})) return false;
        at = extent.data() + extent.size();
    }
    return at <= range.data() + range.size() && tamalloc::all_zero({at, range.data() + range.size()});
}

}   // namespace

TEST_CASE("untouched memory has no extents and no resident bytes") {
    const Block block(1 << 24);
    if (support::asserts_residency) CHECK(populated(block.bytes()).empty());
    CHECK(tamalloc::resident_bytes(block.bytes()).value() == 0);
    CHECK(populated({}).empty());
    CHECK(tamalloc::resident_bytes({}).value() == 0);
    CHECK(std::ranges::distance(PopulatedView{}) == 0);
}

TEST_CASE("what was written anywhere is in an extent, for any range of bytes") {
    const Block block(3000 * page);
    std::mt19937 random(7);
    for (int i = 0; i < 1500; ++i) block.p[random() % block.n] = std::byte{1};
    for (const auto& [first, size] : {std::pair<std::size_t, std::size_t>{0, block.n},
                                      {1, block.n - 1},
                                      {page - 1, 2},
                                      {5 * page + 17, 2000 * page},
                                      {block.n - 3, 3},
                                      {100, 1}}) {
        CAPTURE(first);
        const Extent range(block.p + first, size);
        const auto extents = populated(range);
        CHECK(is_superset(range, extents));
        std::vector<Extent> viewed;
        for (const Extent extent : PopulatedView(range)) viewed.push_back(extent);
        CHECK(same(viewed, extents));
    }
}

TEST_CASE("the view of elements gives whole ones, each once, wherever pages end") {
    struct Wide {
        char bytes[24];
    };
    struct Large {
        char bytes[10'000];
    };
    const Block block(3000 * page);
    std::mt19937 random(11);
    for (int i = 0; i < 700; ++i) block.p[random() % block.n] = std::byte{1};
    const auto check = [&]<class T>(std::span<const T> range) {
        std::size_t at = 0;
        bool good = true;
        for (const std::span<const T> elements : PopulatedView(range)) {
            const auto first = static_cast<std::size_t>(elements.data() - range.data());
            good = good && !elements.empty() && first >= at &&
                   tamalloc::all_zero(std::as_bytes(range.subspan(at, first - at)));
            at = first + elements.size();
        }
        return good && at <= range.size() && tamalloc::all_zero(std::as_bytes(range.subspan(at)));
    };
    CHECK(check(std::span(reinterpret_cast<const Wide*>(block.p), block.n / sizeof(Wide))));
    CHECK(check(std::span(reinterpret_cast<const Wide*>(block.p + 5), (block.n - 5) / sizeof(Wide))));
    CHECK(check(std::span(reinterpret_cast<const Large*>(block.p), block.n / sizeof(Large))));
    CHECK(check(std::span(reinterpret_cast<const Large*>(block.p + 4000), 100)));
}

TEST_CASE("the view goes on behind the first batch, and starts anew at each begin") {
    const Block block(4000 * page);
    for (std::size_t i = 0; i < 4000; i += 2) block.p[i * page] = std::byte{1};
    const PopulatedView view(block.bytes());
    const PopulatedView copy = view;
    CHECK(std::ranges::distance(view) == 2000);
    CHECK(std::ranges::distance(copy) == 2000);
    CHECK(std::ranges::distance(view) == 2000);
}

TEST_CASE("resident bytes count the pages written, in whole pages") {
    const Block block(1000 * page);
    for (std::size_t i = 0; i < 1000; i += 10) block.p[i * page + 5] = std::byte{1};
    CHECK(tamalloc::resident_bytes(block.bytes()).value() == 100 * page);
    CHECK(tamalloc::resident_bytes({block.p + 10 * page + 5, 1}).value() == page);
    CHECK(tamalloc::resident_bytes({block.p + 11 * page + 5, 1}).value() == 0);
}

TEST_CASE("a page that was only read is no memory, where the kernel can tell") {
    const Block block(64 * page);
    for (std::size_t i = 0; i < block.n; i += page) (void)support::read(block.p + i);
    const auto resident = tamalloc::resident_bytes(block.bytes()).value();
    if (resident == block.n) return support::skip("this kernel has no PAGEMAP_SCAN (Linux 6.7)");
    CHECK(resident == 0);
    CHECK(populated(block.bytes()).empty());
}

TEST_CASE("copying the extents copies everything") {
    const Block from(2000 * page);
    const Block to(from.n);
    for (std::size_t i = 0; i < from.n; i += 7 * page + 13) from.p[i] = static_cast<std::byte>(i);
    for (const Extent extent : PopulatedView(from.bytes())) std::ranges::copy(extent, to.p + (extent.data() - from.p));
    CHECK(std::ranges::equal(from.bytes(), to.bytes()));
}

TEST_CASE("without PAGEMAP_SCAN the extents are still a superset") {
    const Block block(2000 * page);
    for (std::size_t i = 0; i < 2000; i += 3) block.p[i * page] = std::byte{1};
    CHECK(support::in_child([&] {
              if (!support::refuse(SYS_ioctl, ENOTTY)) return 1;
              const Extent range(block.p + 1, block.n - 2);
              return is_superset(range, populated(range)) && tamalloc::resident_bytes(range).has_value() ? 0 : 2;
          }) == 0);
}

TEST_CASE("without /proc everything is populated, and nobody knows how much is resident") {
    const Block block(64 * page);
    block.p[7] = std::byte{1};
    const int status = support::in_child([&] {
        if (!support::hide_proc()) return 77;
        const auto extents = populated(block.bytes());
        const bool whole = extents.size() == 1 && extents[0].data() == block.p && extents[0].size() == block.n;
        const auto resident = tamalloc::resident_bytes(block.bytes());
        return whole && !resident && resident.error() == std::errc::no_such_file_or_directory ? 0 : 2;
    });
    if (status == 77) return support::skip("mounting over /proc is not permitted here");
    CHECK(status == 0);
}

TEST_CASE("the view composes with std::ranges, and a throwing sink is heard") {
    const Block block(100 * page);
    block.p[0] = block.p[50 * page] = std::byte{1};
    std::size_t bytes = 0;
    for (const std::size_t size :
         PopulatedView(block.bytes()) | std::views::transform([](Extent e) { return e.size(); }))
        bytes += size;
    CHECK(bytes == 2 * page);
    CHECK_THROWS_AS((void)tamalloc::for_each_populated(block.bytes(), [](Extent) { throw std::runtime_error("stop"); }),
                    std::runtime_error);
}

TEST_CASE("looking does not touch") {
    const Block block(std::size_t{1} << 30);
    block.p[12345] = std::byte{1};
    const tamalloc::testing::PageTouchGuard guard(block.bytes());
    (void)populated(block.bytes());
    (void)tamalloc::resident_bytes(block.bytes());
    CHECK(guard.touched() == 0);
}
