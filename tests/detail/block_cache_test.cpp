// SPDX-License-Identifier: MIT
// Hazard: a block that is kept is lost, handed out twice or too small; the wrong one goes; one stays for ever because a clock
// went round; a lock of a thread that a fork left behind is never free.
#include "tamalloc/detail/block_cache.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

using tamalloc::detail::Budget;
using tamalloc::detail::KeptBlock;
using tamalloc::detail::OwnedLock;
using tamalloc::detail::Shelf;

namespace {

alignas(4096) std::array<std::byte, 4 * 4096> memory;

KeptBlock block_at(std::size_t page, std::size_t size, std::uint32_t since = 0, std::size_t resident = 100) {
    return {memory.data() + page * 4096, size, resident, {}, since};
}

}   // namespace

TEST_CASE("a shelf hands out the warmest block that fits and gives up the oldest") {
    Shelf<4> shelf;
    for (std::size_t page = 0; page != 4; ++page) shelf.put(block_at(page, page == 2 ? 8192 : 4096));
    CHECK(shelf.is_full());
    CHECK(shelf.count() == 4);
    CHECK(shelf.resident() == 400);
    CHECK(shelf.reserved() == 20480);
    CHECK(shelf.take(4096, 1).data == memory.data() + 3 * 4096);
    CHECK(shelf.take(4096, 1).data == memory.data() + 4096);
    CHECK(!shelf.take(4096, std::size_t{1} << 40));
    CHECK(!shelf.take(12288, 1));
    CHECK(shelf.take_oldest().data == memory.data());
    CHECK(shelf.take_oldest().data == memory.data() + 2 * 4096);
    CHECK(!shelf.take_oldest());
    CHECK(shelf.count() + shelf.resident() + shelf.reserved() == 0);
}

TEST_CASE("a block is old when it waited longer than that whatever the clock reads") {
    constexpr std::uint32_t day = 86'400'000, end = std::numeric_limits<std::uint32_t>::max();
    const auto goes = [](std::uint32_t since, std::uint32_t now) {
        Shelf<1> shelf;
        shelf.put(block_at(0, 4096, since));
        return static_cast<bool>(shelf.take_older(now, 1000));
    };
    CHECK(!goes(5000, 6000));
    CHECK(goes(5000, 6001));
    CHECK(goes(5000, 5000 + 25 * day));   // more than half of what the clock counts to
    CHECK(goes(5000, 5000 + 49 * day));
    CHECK(!goes(end - 500, 400));
    CHECK(goes(end - 500, 600));
    CHECK(!goes(5000, 4000));   // another thread's clock is ahead
    CHECK(!goes(300, end - 10'000));
    CHECK(!Shelf<1>().take_older(5000, 0));
}

TEST_CASE("the first block to be old is the first that was put there") {
    Shelf<3> shelf;
    shelf.put(block_at(2, 4096, 1000));
    shelf.put(block_at(0, 4096, 2000));
    CHECK(shelf.take_older(2500, 1000).data == memory.data() + 2 * 4096);
    CHECK(!shelf.take_older(2500, 1000));
}

TEST_CASE("blocks without memory of this process count as address space only") {
    Shelf<2> shelf;
    shelf.put(block_at(0, 4096));
    shelf.put(block_at(1, 4096));
    shelf.forget_memory();
    CHECK(shelf.resident() == 0);
    CHECK(shelf.reserved() == 8192);
    CHECK(shelf.take(4096, 1).resident == 0);
    CHECK(shelf.resident() == 0);
    shelf.abandon();
    CHECK(!shelf.take(4096, 1));
    CHECK(shelf.reserved() == 0);
}

TEST_CASE("a budget is never exceeded and never below nothing") {
    Budget budget;
    CHECK(budget.claim(60, 100));
    CHECK(!budget.claim(41, 100));
    CHECK(budget.claim(40, 100));
    CHECK(budget.left(100) == 0);
    CHECK(budget.left(50) == 0);
    CHECK(!budget.claim(1, 50));
    CHECK(!budget.claim(std::numeric_limits<std::size_t>::max(), 100));
    budget.give_back(30);
    CHECK(budget.left(100) == 30);
    budget.give_back(1000);
    CHECK(budget.used() == 0);
}

TEST_CASE("a lock of a process that is not this one is free") {
    OwnedLock lock;
    CHECK(lock.try_once(1));
    CHECK(!lock.try_once(1));
    CHECK(!lock.try_lock(1));
    CHECK(lock.try_lock(2));
    CHECK(!lock.try_once(2));
    lock.unlock();
    CHECK(lock.try_once(2));
}
