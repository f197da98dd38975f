// SPDX-License-Identifier: MIT
// A program may include the header of its kernel, before the library and after it.
#include "../../kernel/uapi/tamalloc.h"

#include "tamalloc/tamalloc.hpp"

#include "../../kernel/uapi/tamalloc.h"

static_assert(sizeof(tamalloc_args) == sizeof(tamalloc::detail::uapi::tamalloc_args));
