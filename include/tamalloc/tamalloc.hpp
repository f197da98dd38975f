// SPDX-License-Identifier: MIT
//
// Everything but testing.hpp and the opt-in headers (range_v3.hpp, zero_init_atomic.hpp).
#pragma once
#include "tamalloc/allocator.hpp"
#include "tamalloc/config.hpp"
#include "tamalloc/default_source.hpp"
#include "tamalloc/discovery.hpp"
#include "tamalloc/error.hpp"
#include "tamalloc/expected.hpp"
#include "tamalloc/format.hpp"
#include "tamalloc/fresh_run.hpp"
#include "tamalloc/kernel_source.hpp"
#include "tamalloc/memory_resource.hpp"
#include "tamalloc/mmap_source.hpp"
#include "tamalloc/page_source.hpp"
#include "tamalloc/recycling_source.hpp"
#include "tamalloc/residency.hpp"
#include "tamalloc/sparse_vector.hpp"
#include "tamalloc/stats.hpp"
#include "tamalloc/system_source.hpp"
#include "tamalloc/version.hpp"
#include "tamalloc/zero_init.hpp"
#include "tamalloc/zeroed_array.hpp"
