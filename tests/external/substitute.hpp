// SPDX-License-Identifier: MIT
//
// To be included before anything of a test of libstdc++'s containers: those that name no allocator have tamalloc's, with pages for
// blocks of any size, and what the test calls std::allocator is that one, too. The containers come from the copy of libstdc++'s headers
// that libstdcxx.sh makes.
#pragma once
#include "counted_source.hpp"
#include "default_allocator.hpp"
#include "tamalloc/allocator.hpp"

namespace external {

template<class T> struct Default {
    using type = tamalloc::Allocator<T, CountedSource, tamalloc::AllocatorOptions{.page_threshold = 1}>;
};

}   // namespace external

// Before the name changes: what they mean by it is std's.
#include <ext/extptr_allocator.h>
#include <ext/new_allocator.h>
#include <ext/throw_allocator.h>
#include <iterator>
#include <memory>
#include <memory_resource>
#include <set>
#include <sstream>
#include <unordered_set>

#include "testsuite.hpp"
#include <testsuite_allocator.h>
#include <testsuite_containers.h>
#include <testsuite_iterators.h>
#include <testsuite_rvalref.h>

namespace std {
template<class T> using tamalloc_allocator = external::Allocator<T>;
}
#define allocator tamalloc_allocator
