// SPDX-License-Identifier: MIT
// expect-error: conversion|no viable
// Allocators that differ in their policy are different types: one elides writes that the other relies on.
#include "tamalloc/allocator.hpp"
tamalloc::PageAllocator<int> eager;
tamalloc::Allocator<int> lazy = eager;
