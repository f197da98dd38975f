// SPDX-License-Identifier: MIT
// Hazard: memory runs out half-way. Something leaks, a container is left broken, or the error is not the promised one.
// Each failure is made to happen: at every single call, by the address-space limit, by the number of mappings, by
// seccomp, and without /proc.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <new>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>

#include "fake_kernel.hpp"
#include "support.hpp"
#include "tamalloc/tamalloc.hpp"
#include "tamalloc/testing.hpp"

using support::page;
using tamalloc::testing::FailingSource;
using tamalloc::testing::FaultPlan;

namespace {

template<class T>
using Failing = tamalloc::Allocator<T, FailingSource<>, tamalloc::AllocatorOptions{.page_threshold = 1}>;

// Many ways to ask for memory; what survives a failure is checked by the destructors and the sanitizers.
void use_containers(FaultPlan& plan) {
    const Failing<int> allocator{FailingSource<>(plan)};
    std::vector<int, Failing<int>> v(1000, allocator);
    v[999] = 7;
    v.resize(5000);
    v.insert(v.begin() + 3, 4000, 9);
    auto copy = v;
    copy.push_back(1);
    copy.assign(20'000, 3);
    v = copy;
    v.shrink_to_fit();
    std::deque<int, Failing<int>> d(3000, 5, allocator);
    d.insert(d.begin(), 2000, 6);
    std::map<int, int, std::less<>, Failing<std::pair<const int, int>>> m{
        Failing<std::pair<const int, int>>(allocator)};
    for (int i = 0; i < 20; ++i) m[i] = i;
    std::basic_string<char, std::char_traits<char>, Failing<char>> s(1000, 'x', Failing<char>(allocator));
    s += s;
}

}   // namespace

TEST_CASE("a source that fails at the nth call leaks nothing, for every n") {
    std::size_t n = 0;
    for (bool failed = true; failed;) {
        FaultPlan plan;
        plan.fail_at = ++n;
        try {
            use_containers(plan);
        } catch (const tamalloc::AllocationFailure& failure) {
            CHECK(failure.code() == std::errc::not_enough_memory);
        }
        failed = plan.calls >= n;   // shrink_to_fit may swallow what it was told
        CAPTURE(n);
        REQUIRE(plan.live_blocks == 0);
        REQUIRE(plan.live_bytes == 0);
    }
    CHECK(n > 20);   // the scenario does ask that often
}

TEST_CASE("a vector keeps its elements when growing fails") {
    FaultPlan plan;
    std::vector<int, Failing<int>> v(1000, Failing<int>{FailingSource<>(plan)});
    v[500] = 7;
    plan.fail_at = plan.calls + 1;
    CHECK_THROWS_AS(v.resize(100'000), tamalloc::AllocationFailure);
    CHECK(v.size() == 1000);
    CHECK(v[500] == 7);
    v.resize(100'000);
    CHECK(v[99'999] == 0);
}

TEST_CASE("the limit on address space is an AllocationFailure, and goes away with the limit") {
    if (support::sanitized) return support::skip("sanitizers reserve more address space than any limit");
    CHECK(support::in_child([] {
              tamalloc::DefaultSource::trim();   // of what is kept a request that does not fit is given
              const auto reserved = tamalloc::testing::memory_use().reserved;
              rlimit limit{};
              ::getrlimit(RLIMIT_AS, &limit);
              limit.rlim_cur = reserved + (64 << 20);
              if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
              tamalloc::Allocator<int> a;
              const auto refused = a.try_allocate(std::size_t{1} << 25);
              if (refused || refused.error() != std::errc::not_enough_memory) return 2;
              try {
                  const tamalloc::vector<int> v(std::size_t{1} << 25);
                  return 3;
              } catch (const tamalloc::AllocationFailure& failure) {
                  if (failure.bytes() != std::size_t{1} << 27) return 4;
              }
              const tamalloc::vector<int> small(1 << 20);
              limit.rlim_cur = limit.rlim_max;
              ::setrlimit(RLIMIT_AS, &limit);
              const tamalloc::vector<int> v(std::size_t{1} << 25);
              return v.back() == 0 ? 0 : 5;
          }) == 0);
}

TEST_CASE("when every mapping is used, asking fails cleanly and freeing still gives memory back") {
    if (support::sanitized) return support::skip("sanitizers need mappings of their own");
    std::ifstream limit_file("/proc/sys/vm/max_map_count");
    long limit = 0;
    limit_file >> limit;
    if (limit <= 0 || limit > 200'000) return support::skip("vm.max_map_count is out of the usual range");
    CHECK(support::in_child([limit] {
              const tamalloc::MmapSource<{.huge = tamalloc::HugePages::never}> source;
              // One mapping of ours, big enough to free a part out of its middle.
              std::byte* const block = source.map(64 * page, 1).value();
              std::memset(block, 1, 64 * page);
              // Every second page read-only: neighbours that cannot be merged.
              const auto n = static_cast<std::size_t>(limit) * 2;
              auto* const filler = static_cast<char*>(
                  ::mmap(nullptr, n * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
              if (filler == MAP_FAILED) return 1;
              std::size_t i = 1;
              while (i < n && ::mprotect(filler + i * page, page, PROT_NONE) == 0) i += 2;
              if (i >= n) return 2;
              // The next mapping with properties of its own has no room.
              for (int j = 0; j < 4; ++j) (void)::mmap(nullptr, page, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              tamalloc::Allocator<char> a;
              std::size_t refusals = 0;
              for (int j = 0; j < 8; ++j) {
                  const auto p = tamalloc::MmapSource<{.fork = tamalloc::OnFork::wipe}>{}.map(page, 1);
                  if (!p && p.error() == std::errc::not_enough_memory) ++refusals;
              }
              if (refusals == 0) return 3;
              // The kernel cannot split the block; its memory must go all the same.
              source.unmap(block + 16 * page, 16 * page);
              const auto left = tamalloc::resident_bytes({block, 64 * page});
              if (!left || *left != 48 * page) return 4;
              ::munmap(filler, n * page);
              const auto p = a.try_allocate(1 << 20);
              return p.has_value() ? 0 : 5;
          }) == 0);
}

TEST_CASE("seccomp that refuses mmap is an error, not a crash") {
    CHECK(support::in_child([] {
              support::use_no_calls();
              if (!support::refuse(SYS_mmap, EPERM)) return 1;
              tamalloc::Allocator<char> a;
              const auto p = a.try_allocate(1 << 20);
              return !p && p.error() == std::errc::operation_not_permitted ? 0 : 2;
          }) == 0);
}

TEST_CASE("where a promise about fork cannot be made, the mapping is refused and nothing of it stays") {
    if (support::sanitized) return support::skip("sanitizers need madvise themselves");
    CHECK(support::in_child([] {
              if (!support::refuse(SYS_madvise, EPERM)) return 1;
              const auto before = tamalloc::testing::memory_use().reserved;
              for (const std::size_t align : {std::size_t{1}, std::size_t{1} << 30}) {
                  const auto wipe = tamalloc::MmapSource<{.fork = tamalloc::OnFork::wipe}>{}.map(1 << 30, align);
                  const auto omit = tamalloc::MmapSource<{.fork = tamalloc::OnFork::omit}>{}.reserve(1 << 30, align);
                  if (wipe || wipe.error() != std::errc::operation_not_permitted) return 2;
                  if (omit || omit.error() != std::errc::operation_not_permitted) return 3;
              }
              return tamalloc::testing::memory_use().reserved == before ? 0 : 4;
          }) == 0);
}

TEST_CASE("seccomp that refuses madvise, prctl or ioctl changes no result") {
    for (const long call : {SYS_madvise, SYS_prctl, SYS_ioctl}) {
        CAPTURE(call);
        CHECK(support::in_child([call] {
                  if (!support::refuse(call, EPERM)) return 1;
                  tamalloc::vector<double> v(1 << 20);
                  v[77] = 1;
                  v.resize(10);
                  v.resize(1 << 20);
                  if (v[77] != 0) return 2;
                  const tamalloc::SystemSource source;
                  std::byte* const p = source.map(64 * page, 1).value();
                  std::memset(p, 1, 64 * page);
                  if (!source.purge(p, 64 * page) || !tamalloc::all_zero({p, 64 * page})) return 3;
                  std::memset(p, 1, 64 * page);
                  if (!source.clear(p, 64 * page, page) || !tamalloc::all_zero({p, 64 * page})) return 4;
                  source.unmap(p, 64 * page);
                  return 0;
              }) == 0);
    }
}

TEST_CASE("everything but the figures works without /proc") {
    const int status = support::in_child([] {
        if (!support::hide_proc()) return 77;
        tamalloc::vector<double> v(1 << 20);
        v[12345] = 1;
        v.resize(100);
        v.resize(1 << 20);
        if (v[12345] != 0) return 2;
        if (tamalloc::backend().reason.empty()) return 3;
        const tamalloc::SystemSource source;
        std::byte* const p = source.map(64 * page, 1).value();
        std::memset(p, 1, 64 * page);
        return source.clear(p, 64 * page, 64 * page).has_value() && tamalloc::all_zero({p, 64 * page}) ? 0 : 4;
    });
    if (status == 77) return support::skip("mounting over /proc is not permitted here");
    CHECK(status == 0);
}
