/* SPDX-License-Identifier: MIT
 * What mimalloc's tests call of mimalloc: ours, of heap.cpp.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MI_MAX_ALIGN_SIZE 16
#ifndef MI_SMALL_SIZE_MAX
#define MI_SMALL_SIZE_MAX (128 * sizeof(void *))   /* mimalloc's own */
#endif
#define MI_DEBUG 0   /* how mimalloc fills what it does not zero is its own affair */

#ifdef __cplusplus
extern "C" {
#endif
void *mi_malloc(size_t size);   /* these two look whether a block reads zero: who calls them does not */
void *mi_realloc(void *p, size_t size);
void *mi_zalloc(size_t size);
void *mi_calloc(size_t count, size_t size);
void *mi_rezalloc(void *p, size_t size);
void *mi_recalloc(void *p, size_t count, size_t size);
void *mi_zalloc_aligned(size_t size, size_t align);
void *mi_calloc_aligned(size_t count, size_t size, size_t align);
void *mi_rezalloc_aligned(void *p, size_t size, size_t align);
void *mi_recalloc_aligned(void *p, size_t count, size_t size, size_t align);
void mi_free(void *p);
#ifdef __cplusplus
}
#endif

#define mi_zalloc_small mi_zalloc
#define mi_option_disable(option) ((void)0)
#define mi_collect(force) ((void)(force))
#define mi_stats_print(out) ((void)(out))
#define mi_stats_reset() ((void)0)
