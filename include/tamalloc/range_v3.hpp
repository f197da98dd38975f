// SPDX-License-Identifier: MIT
//
// Opt-in: lets range-v3 take the library's views as temporaries. It does not see std::ranges::enable_view (0.12).
//
//   namespace ranges {
//     enable_view, enable_borrowed_range of tamalloc::MappingView, tamalloc::PopulatedView<T>, tamalloc::ProcessView
//   }
//
// Included by no other header. Adaptors mix in one order only: view | ranges::views::... | std::views::...
#pragma once
#include <range/v3/range/concepts.hpp>   // ranges::enable_borrowed_range, ranges::enable_view

#include "tamalloc/mappings.hpp"    // MappingView
#include "tamalloc/residency.hpp"   // PopulatedView
#include "tamalloc/stats.hpp"       // ProcessView

template<class T> inline constexpr bool ranges::enable_view<tamalloc::PopulatedView<T>> = true;
template<> inline constexpr bool ranges::enable_view<tamalloc::ProcessView> = true;
template<> inline constexpr bool ranges::enable_view<tamalloc::MappingView> = true;

template<class T> inline constexpr bool ranges::enable_borrowed_range<tamalloc::PopulatedView<T>> = true;
template<> inline constexpr bool ranges::enable_borrowed_range<tamalloc::ProcessView> = true;
template<> inline constexpr bool ranges::enable_borrowed_range<tamalloc::MappingView> = true;
