// SPDX-License-Identifier: MIT
// Hazard: the memory of a block is kept though every use touches other pages, and is cleared for nothing each time; or a
// history is taken for that of another block.
#include "tamalloc/detail/block_history.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "block.hpp"
#include "support.hpp"

using support::page;
using tamalloc::detail::BlockHistory;
using tamalloc::detail::count_used_pages;
using tamalloc::detail::LentBlocks;
using tamalloc::detail::PageUse;
using tamalloc::detail::was_worth_keeping;

namespace {

std::byte* address(std::size_t n) { return reinterpret_cast<std::byte*>(n); }

}   // namespace

TEST_CASE("the history of a block comes back whole and once") {
    static LentBlocks lent;
    const BlockHistory history{.resident = (std::size_t{1} << 32) - page,
                               .uses = 511,
                               .unkept_uses = 32,
                               .losses = 6,
                               .grew = true,
                               .known = false};
    lent.note(address(0x7f12'3456'7000), history);
    const auto same = lent.take(address(0x7f12'3456'7000));
    CHECK(same.resident == history.resident);
    CHECK(same.known);
    CHECK(same.uses == 511);
    CHECK(same.unkept_uses == 32);
    CHECK(same.losses == 6);
    CHECK(same.grew);
    CHECK(!lent.take(address(0x7f12'3456'7000)).known);
    lent.note(address(0x7f12'3456'7000), {});
    CHECK(lent.take(address(0x7f12'3456'7000)).known);
    lent.note(address(0x7f12'3456'7000), history);
    lent.clear();
    CHECK(!lent.take(address(0x7f12'3456'7000)).known);
    std::size_t mistaken = 0;   // addresses that share an entry are told apart
    for (std::size_t i = 0; i != 100'000; ++i) {
        lent.note(address(0x7000'0000'0000 + i * 0x20'000), history);
        if (lent.take(address(0x6000'0000'0000 + i * 0x3000)).resident != 0) ++mistaken;
    }
    CHECK(mistaken <= 200);   // one in 500
}

TEST_CASE("a block that does not pay is left alone for one use and then for twice as many") {
    BlockHistory history;
    for (const unsigned uses : {1U, 2U, 4U, 8U, 16U, 32U, 32U}) {
        history.judge(false);
        CHECK(history.unkept_uses == uses);
    }
    history.judge(true);
    history.judge(false);
    CHECK(history.unkept_uses == 1);
}

TEST_CASE("a block is looked at when it grew and then less and less often") {
    BlockHistory history;
    history.grew = true;
    CHECK(!history.is_due());   // it had nothing in memory
    history.grew = false;
    history.resident = page;
    std::vector<int> due;
    for (int use = 1; use <= 768; ++use)
        if (history.is_due()) {
            due.push_back(use);
            history.judge(true);
        }
    CHECK(due == std::vector{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768});
    history.grew = true;
    CHECK(history.is_due());
}

TEST_CASE("pages are worth keeping where many of them were used, and used again once that was not enough") {
    for (const std::size_t n : {std::size_t{1} << 20, std::size_t{1} << 30}) {
        const auto worth = [n](std::size_t kept, PageUse use, std::uint8_t losses) {
            return was_worth_keeping(n, {.resident = kept * page, .losses = losses}, use);
        };
        for (const std::uint8_t losses : {std::uint8_t{0}, std::uint8_t{1}}) {
            CHECK(worth(100, {100, 100}, losses));   // the same pages
            CHECK(worth(100, {150, 100}, losses));   // half of them
            CHECK(worth(40, {40, 10}, losses));      // few, but as many as it costs
            CHECK(!worth(161, {161, 10}, losses));
            CHECK(!worth(100, {0, 0}, losses));   // its user gave them back
        }
        CHECK(worth(100, {200, 100}, 0));   // other ones
        CHECK(!worth(100, {200, 100}, 1));
    }
}

TEST_CASE("pages that are not zero are counted and nothing becomes resident by it") {
    const support::Block block(1024 * page);
    auto* const p = block.p;
    std::memset(p, 0, 512 * page);   // in memory, and zero
    for (std::size_t i = 0; i != 64; ++i) p[i * 8 * page] = std::byte{1};
    const auto all = count_used_pages(p, 1024 * page, 256 * page);
    CHECK(all.resident == 512);
    CHECK(all.used == 64);
    const auto sampled = count_used_pages(p, 1024 * page, 512 * page);
    CHECK(sampled.resident == 512);
    CHECK(sampled.used == 128);   // every second page was read
}
