// SPDX-License-Identifier: MIT
//
// For tests: how much memory code touches, whether a source keeps its promises, and sources that are nasty on purpose.
// Needs no test framework. May throw; not included by tamalloc.hpp.
//
//   namespace tamalloc::testing {
//     struct MemoryUse;  MemoryUse memory_use();
//     template<std::invocable F> std::int64_t rss_delta(F&&, int runs = 3);
//     class PageTouchGuard;
//     template<class T> bool verify_zero_init();
//     template<PageSource S> std::vector<std::string> check_page_source(const S& = {});
//     struct FaultPlan;  template<PageSource S = MmapSource<>> class FailingSource;
//     struct LifoSource;  struct AdjacentSource;  struct DirtySource;
//   }
#pragma once
#include "tamalloc/config.hpp"
#include "tamalloc/testing/check_page_source.hpp"
#include "tamalloc/testing/memory_use.hpp"
#include "tamalloc/testing/nasty_sources.hpp"
#include "tamalloc/testing/verify_zero_init.hpp"
