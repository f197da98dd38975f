// SPDX-License-Identifier: MIT
// To be linked with a program: its operator new takes every block from pages.
#include <cstddef>   // std::size_t
#include <new>       // std::align_val_t, std::bad_alloc

#include "heap.hpp"

using Pages = external::Heap<external::PagesResource>;

void* operator new(std::size_t n) {
    if (void* const p = Pages::allocate_checked(n)) return p;
    throw std::bad_alloc();
}
void* operator new(std::size_t n, std::align_val_t align) {
    if (void* const p = Pages::allocate_checked(n, static_cast<std::size_t>(align))) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { Pages::free(p); }
void operator delete(void* p, std::size_t) noexcept { Pages::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { Pages::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { Pages::free(p); }
