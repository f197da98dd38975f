#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs programs that know nothing but the first interface, with its numbers compiled in, under the patched kernel. That their
# figures equal those of /proc is for kernel/selftests/test_legacy.c to say. Usage: check.sh VERSION
set -euo pipefail
version=${1:?Usage: check.sh VERSION}
root=$(cd "$(dirname "$0")/../.." && pwd)
programs=$root/build/kernel/legacy
make -s -C "$root/kernel/legacy" OUTPUT="$programs"

expect() {   # INPUT PROGRAM PATTERN: a line of the output
    local output
    output=$("$root/kernel/qemu/tamk" run "$version" -- "$programs/$2" <<<"$1")
    printf '== %s\n%s\n' "$2" "$output"
    grep -qE -- "$3" <<<"$output"
}

expect 10 verify_zero '^all 10485760 bytes were zero$'
expect 1 mem_stats '^ +1 +[1-9][0-9]+ +[1-9][0-9]* +[0-9]+\.[0-9]{2} +0$'   # init is not for the OOM killer
expect 0 mem_stats '^ +[0-9]+ +[1-9][0-9]+ +[1-9][0-9]* +[0-9]+\.[0-9]{2} +[1-9][0-9]*$'
expect '' total_mem_stats '^Committed: [1-9][0-9]+ kB \([0-9]+ MB\)$'
