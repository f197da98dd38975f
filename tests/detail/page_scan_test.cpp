// SPDX-License-Identifier: MIT
// Hazard: the scan stops early, misses an extent or shows another address space. Whoever clears or copies what it
// reports then leaves old data where zeros are promised. Known traps: walk_end of PAGEMAP_SCAN is not where the scan
// ended, and an inherited descriptor shows the parent's pages.
#include "tamalloc/detail/page_scan.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <thread>
#include <vector>

#include <pthread.h>

#include "block.hpp"
#include "support.hpp"

namespace detail = tamalloc::detail;
using support::Block;
using support::page;

namespace {

// Every second page, so that no two touched pages form one extent.
std::size_t touch_every_second_page(const Block& block) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < block.n; i += 2 * page, ++count) block.p[i] = std::byte{1};
    return count;
}

// 0 when the extents found with this capacity are exactly the touched pages.
int misses(const Block& block, std::size_t capacity, detail::ScanMethod method) {
    std::vector<detail::PageExtent> extents(capacity);
    std::byte* expected = block.p;
    for (std::byte *next = block.p, *last = block.p + block.n; next != last;) {
        const auto scan = detail::scan_pages(next, last, extents);
        if (scan.method != method) return 2;
        if (scan.next <= next) return 3;
        for (std::size_t i = 0; i < scan.count; ++i, expected += 2 * page)
            if (extents[i].first() != expected || extents[i].size() != page) return 4;
        next = scan.next;
    }
    return expected == block.p + block.n ? 0 : 5;
}

bool kernel_has_pagemap_scan() {
    const Block block(page);
    std::vector<detail::PageExtent> extents(1);
    return detail::scan_pages(block.p, block.p + page, extents).method == detail::ScanMethod::scan_ioctl;
}

}   // namespace

TEST_CASE("a thousand extents are found whatever the capacity") {
    const Block block(2000 * page);
    REQUIRE(touch_every_second_page(block) == 1000);
    const auto method = kernel_has_pagemap_scan() ? detail::ScanMethod::scan_ioctl : detail::ScanMethod::bits;
    for (const std::size_t capacity : {1U, 2U, 100U, 511U, 512U, 513U, 999U, 1000U, 1001U, 4096U}) {
        CAPTURE(capacity);
        CHECK(misses(block, capacity, method) == 0);
    }
}

TEST_CASE("the bits of /proc/PID/pagemap tell the same where PAGEMAP_SCAN is refused") {
    const Block block(2000 * page);
    REQUIRE(touch_every_second_page(block) == 1000);
    for (const int error : {ENOTTY, EPERM, ENOSYS}) {
        CHECK(support::in_child([&] {
                  if (!support::refuse(SYS_ioctl, error)) return 1;
                  for (const std::size_t capacity : {1U, 7U, 512U, 1000U, 4096U})
                      if (const int bad = misses(block, capacity, detail::ScanMethod::bits)) return bad;
                  return 0;
              }) == 0);
    }
}

TEST_CASE("where nothing can be asked the whole range is one extent") {
    const Block block(16 * page);
    CHECK(support::in_child([&] {
              if (!support::refuse(SYS_openat, EACCES)) return 1;
              std::vector<detail::PageExtent> extents(4);
              errno = 42;
              const auto scan = detail::scan_pages(block.p, block.p + block.n, extents);
              return errno == 42 && scan.method == detail::ScanMethod::none && scan.error == EACCES &&
                             scan.count == 1 && scan.next == block.p + block.n && extents[0].first() == block.p &&
                             extents[0].size() == block.n
                         ? 0
                         : 2;
          }) == 0);
}

TEST_CASE("a forked child sees its own pages") {
    const Block block(64 * page);
    block.p[0] = std::byte{1};
    CHECK(support::in_child([&] {
              block.p[40 * page] = std::byte{1};
              block.p[50 * page] = std::byte{1};
              std::vector<detail::PageExtent> extents(8);
              const auto scan = detail::scan_pages(block.p + page, block.p + block.n, extents);
              return static_cast<int>(scan.count);
          }) == 2);
}

TEST_CASE("the shared zero page is not an extent, and errno stays") {
    if (!kernel_has_pagemap_scan()) return support::skip("this kernel has no PAGEMAP_SCAN (Linux 6.7)");
    const Block block(8 * page);
    (void)support::read(block.p);
    block.p[4 * page] = std::byte{1};
    std::vector<detail::PageExtent> extents(8);
    errno = 42;
    const auto scan = detail::scan_pages(block.p, block.p + block.n, extents);
    CHECK(errno == 42);
    REQUIRE(scan.count == 1);
    CHECK(extents[0].first() == block.p + 4 * page);
}

TEST_CASE("scanning leaves no descriptor open") {
    const Block block(8 * page);
    std::vector<detail::PageExtent> extents(8);
    const int before = ::dup(0);
    ::close(before);
    for (int i = 0; i < 10; ++i) (void)detail::scan_pages(block.p, block.p + block.n, extents);
    const int after = ::dup(0);
    ::close(after);
    CHECK(after == before);
}

TEST_CASE("a descriptor is kept again after somebody closed it") {
    if (!kernel_has_pagemap_scan()) return support::skip("this kernel has no PAGEMAP_SCAN (Linux 6.7)");
    const Block block(8 * page);
    const auto scan_twice = [&block] {
        std::vector<detail::PageExtent> extents(8);
        for (int i = 0; i != 2; ++i) (void)detail::scan_pages(block.p, block.p + block.n, extents);
        return detail::is_kept_pagemap(detail::kept_pagemap);
    };
    CHECK(support::in_child([&] {
              for (int round = 0; round != 3; ++round) {
                  if (!scan_twice()) return 1;
                  ::close(static_cast<int>(detail::kept_pagemap));
              }
              return 0;
          }) == 0);
}

TEST_CASE("a process that locks all its memory still sees its pages") {
    if (support::sanitized) return support::skip("sanitizers let nobody lock memory");
    const int status = support::in_child([] {   // which has to open a pagemap of its own
        if (::mlockall(MCL_FUTURE) != 0) return 77;
        const Block block(8 * page);
        std::vector<detail::PageExtent> extents(8);
        const auto scan = detail::scan_pages(block.p, block.p + block.n, extents);
        return scan.method != detail::ScanMethod::none && scan.count == 1 && extents[0].size() == block.n ? 0 : 1;
    });
    if (status == 77) return support::skip("memory cannot be locked here");
    CHECK(status == 0);
}

// /proc/self describes the main thread, and has no memory to show once that one has ended.
TEST_CASE("threads that outlive the main thread still see their pages") {
    CHECK(support::in_child([] {
              const auto body = [](void*) -> void* {
                  ::usleep(20'000);
                  const Block block(8 * page);
                  block.p[3 * page] = std::byte{1};
                  std::vector<detail::PageExtent> extents(8);
                  const auto scan = detail::scan_pages(block.p, block.p + block.n, extents);
                  ::_exit(scan.method != detail::ScanMethod::none && scan.count == 1 ? 0 : 2);
              };
              ::pthread_t thread{};
              if (::pthread_create(&thread, nullptr, body, nullptr) != 0) return 1;
              ::syscall(SYS_exit, 0);   // the main thread alone
              return 1;
          }) == 0);
}
