// SPDX-License-Identifier: MIT
//
// Which allocator a container of std has when a program names none, for a copy of libstdc++'s headers in which
// std::allocator is no longer written there: tamalloc's, with pages for blocks of any size.
//
//   namespace external {
//     template<class T> struct Default;
//     template<class T> using Allocator = typename Default<T>::type;
//   }
#pragma once

namespace external {

// Defined by substitute.hpp, which needs the headers of containers itself.
template<class T> struct Default;
template<class T> using Allocator = typename Default<T>::type;

}   // namespace external
