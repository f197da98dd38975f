// SPDX-License-Identifier: MIT
// mimalloc's interface over EXTERNAL_RESOURCE.
#include <algorithm>   // std::min
#include <cstddef>     // std::max_align_t, std::size_t
#include <cstdint>     // SIZE_MAX
#include <cstring>     // std::memcpy

#include "heap.hpp"
#include "mimalloc.h"

namespace {

using Heap = external::Heap<EXTERNAL_RESOURCE>;

bool overflows(std::size_t count, std::size_t size) { return size != 0 && count > SIZE_MAX / size; }

void* moved(void* from, void* to) {
    if (from == nullptr || to == nullptr) return to;
    std::memcpy(to, from, std::min(Heap::size(from), Heap::size(to)));
    Heap::free(from);
    return to;
}

constexpr auto least = alignof(std::max_align_t);

}   // namespace

void* mi_malloc(std::size_t size) { return Heap::allocate_checked(size); }
void* mi_realloc(void* p, std::size_t size) { return moved(p, Heap::allocate_checked(size)); }
void* mi_zalloc(std::size_t size) { return mi_zalloc_aligned(size, least); }
void* mi_calloc(std::size_t count, std::size_t size) { return mi_calloc_aligned(count, size, least); }
void* mi_rezalloc(void* p, std::size_t size) { return mi_rezalloc_aligned(p, size, least); }
void* mi_recalloc(void* p, std::size_t count, std::size_t size) { return mi_recalloc_aligned(p, count, size, least); }
void* mi_zalloc_aligned(std::size_t size, std::size_t align) { return Heap::allocate(size, align); }
void* mi_calloc_aligned(std::size_t count, std::size_t size, std::size_t align) {
    return overflows(count, size) ? nullptr : Heap::allocate(count * size, align);
}
void* mi_rezalloc_aligned(void* p, std::size_t size, std::size_t align) {
    return moved(p, Heap::allocate(size, align));
}
void* mi_recalloc_aligned(void* p, std::size_t count, std::size_t size, std::size_t align) {
    return overflows(count, size) ? nullptr : mi_rezalloc_aligned(p, count * size, align);
}
void mi_free(void* p) { Heap::free(p); }
