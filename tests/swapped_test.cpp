// SPDX-License-Identifier: MIT
// Hazard: a page that is out in swap space is not in memory, and not zero. What takes it for untouched loses its contents,
// or lets them come back where zeros were promised.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "support.hpp"
#include "swap.hpp"
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/sparse_vector.hpp"
#include "tamalloc/testing.hpp"

using support::page;

namespace {

constexpr std::size_t mib = 1 << 20, gib = 1 << 30;

using Source = tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}>;
template<class T> using Vector = tamalloc::SparseVector<T, Source>;

std::size_t resident(const auto& v) { return v.resident_bytes().value(); }
std::int64_t committed() { return static_cast<std::int64_t>(tamalloc::testing::memory_use().committed); }

}   // namespace

// One test, because two at once would take each other's swap space away.
TEST_CASE("pages that were swapped out are copied, compared, and zeroed like others") {
    const support::SwapSpace swap;
    if (!swap.problem().empty()) return support::skip(swap.problem());
    const auto per_page = page / sizeof(std::uint64_t);
    Vector<std::uint64_t> v(16 * gib / sizeof(std::uint64_t));
    const auto stride = v.size() / 1000 / per_page * per_page;
    for (std::size_t i = 0; i < 1000; ++i) v[i * stride] = i + 1;
    const std::span memory(reinterpret_cast<std::byte*>(v.data()), v.size() * sizeof(std::uint64_t));
    const auto out = support::SwapSpace::push_out(memory);
    MESSAGE("in swap space: ", out >> 10, " KiB of ", 1000 * page >> 10);
    if (out < 500 * page) return support::skip("the kernel does not swap on request");
    CHECK(resident(v) <= 1000 * page - out);

    const auto good = [&](const auto& x) {
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < 1000; ++i) wrong += x[i * stride] != i + 1 || x[i * stride + 1] != 0;
        return wrong == 0;
    };
    SUBCASE("populated, but not resident") {
        std::size_t found = 0;
        for (const auto run : v.populated())
            for (const auto value : run) found += value != 0;
        CHECK(found == 1000);
    }
    SUBCASE("cleared by the source") {
        for (const std::size_t keep : {std::size_t{0}, 100 * page}) {
            CHECK(Source{}.clear(memory.data(), memory.size(), keep).value() <= keep);
            std::size_t wrong = 0;
            for (std::size_t i = 0; i < 1000; ++i) wrong += v[i * stride] != 0;
            CHECK(wrong == 0);
        }
    }
    SUBCASE("copied") {
        const auto before = committed();
        const auto copy = v;
        const auto added = committed() - before;   // the original comes back in, too
        CHECK(resident(copy) == 1000 * page);
        if (support::asserts_residency) CHECK(added < static_cast<std::int64_t>(2 * 1000 * page + mib));
        CHECK(good(copy));
        CHECK(copy == v);
    }
    SUBCASE("moved by growth") {
        v.resize(v.capacity() + 1);
        CHECK(good(v));
    }
    SUBCASE("zeroed") {
        v.reset();
        CHECK(support::SwapSpace::push_out(memory) == 0);
        CHECK(resident(v) == 0);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < 1000; ++i) wrong += v[i * stride] != 0;
        CHECK(wrong == 0);
    }
    SUBCASE("removed, and there again") {
        v.resize(1);
        v.resize(16 * gib / sizeof(std::uint64_t));
        CHECK(v[0] == 1);
        CHECK(v[stride] == 0);
        CHECK(resident(v) == page);
    }
    SUBCASE("removed little by little") {
        v.resize(5 * stride + 1);
        const auto few = support::SwapSpace::push_out(memory.first(5 * stride * sizeof(std::uint64_t) + page));
        CHECK(few > 0);
        v.pop_back();
        v.resize(5 * stride - 10);
        v.resize(6 * stride);
        CHECK(v[4 * stride] == 5);
        CHECK(v[5 * stride] == 0);
    }
}
