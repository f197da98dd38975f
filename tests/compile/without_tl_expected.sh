#!/bin/sh
# SPDX-License-Identifier: MIT
# Where there is no tl::expected: C++20 names both remedies, C++23 compiles and does not want it even when it is there.
# Usage: without_tl_expected.sh COMPILER [FLAG...], the flags with -I for the library.
here=$(dirname "$0")
unit() { echo '#include <tamalloc/tamalloc.hpp>'; }
tl_header() { echo '#include <tl/expected.hpp>' | "$@" -std=c++20 -x c++ -M - 2>/dev/null | grep -Eo '[^ ]*/tl/expected\.hpp'; }

if [ "$1" != --hidden ]; then
    if ! dependencies=$(unit | "$@" -std=c++23 -x c++ -M -); then exit 1; fi
    if echo "$dependencies" | grep -E '(^|/)tl/expected\.hpp'; then echo "C++23 depends on tl::expected"; exit 1; fi

    # A mount namespace of our own hides the header from these compilations and from nobody else.
    if unshare -m true 2>/dev/null; then exec unshare -m "$0" --hidden "$@"; fi
    if unshare -rm true 2>/dev/null; then exec unshare -rm "$0" --hidden "$@"; fi
    echo "SKIPPED: unshare(1) may not make a mount namespace, so tl/expected.hpp cannot be hidden"
    exit 77
fi
shift

if header=$(tl_header "$@"); then
    mount -t tmpfs none "$(dirname "$header")" || exit 1
fi
if tl_header "$@"; then echo "tl/expected.hpp is still within reach"; exit 1; fi

set -- "$@" -x c++ -fsyntax-only -
same='static_assert(std::same_as<tamalloc::expected<int, int>, std::expected<int, int>>);'
{ unit; echo "$same"; } | "$@" -std=c++23 || exit 1
unit | "$here/../expect_failure.sh" 1 'error: .*std::expected .*C\+\+23.* or tl::expected .*libexpected-dev' "$@" -std=c++20
