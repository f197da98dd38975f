// SPDX-License-Identifier: MIT
//
// What each unit finds when it uses the library: a.cpp compares.
#pragma once
#include <algorithm>     // std::ranges::all_of
#include <string_view>   // std::string_view
#include <vector>        // std::vector

#include "tamalloc/tamalloc.hpp"

struct Findings {
    const std::error_category* category;   // a static object of an inline function: one per copy of the library
    std::string_view abi;                  // "v0_1_tl", say
    bool all_zero;
};

Findings findings_of_b();

#define TAMALLOC_TEXT_OF(name) #name
#define TAMALLOC_TEXT(name) TAMALLOC_TEXT_OF(name)

// Internal linkage: this is the unit's own, what it calls is the library's.
static inline Findings findings() {
    const std::vector<int, tamalloc::Allocator<int>> values(1 << 18);
    return {&tamalloc::category(), TAMALLOC_TEXT(TAMALLOC_ABI),
            std::ranges::all_of(values, [](int value) { return value == 0; })};
}
