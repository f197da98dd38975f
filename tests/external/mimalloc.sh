#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: memory that was used before is handed out as zero and is not; two threads get the same block, or one that another has freed.
# mimalloc's tests of zeroing and its stress test, over our resource. Usage: mimalloc.sh
# shellcheck source=tests/external/common.sh
. "$(dirname "$0")/common.sh"
begin mimalloc
flags+=" -I$here/mimalloc -I$source/test"

heap() {   # NAME RESOURCE FLAG...
    object "$1" "$here/mimalloc/heap.cpp" -std=c++20 "'-DEXTERNAL_RESOURCE=$2'" "${@:3}"
}
zeroing() { program "zeroing/$1" "$source/test/test-api-fill.c" "$2 balance" -xc "${@:3}"; }
stress() { program "stress/$1" "$source/test/test-stress.c" "$2 balance" -xc; }

object balance "$here/mimalloc/balance.cpp" -std=c++20
heap resource 'tamalloc::MemoryResource<external::CountedSource>'
heap pages external::PagesResource
zeroing pages pages                                            # sizes around 1 KiB, which mimalloc calls small
for heap in resource pages; do
    zeroing "$heap-large" "$heap" -DMI_SMALL_SIZE_MAX=1048576   # around 1 MiB: a resource has no pages for small ones
    stress "$heap" "$heap"
done
run stress/resource stress/resource 4 10 4   # threads, load, rounds
run stress/pages stress/pages 4 5 2          # where each block is a system call and another when it is freed
for name in pages resource-large pages-large; do run "zeroing/$name" "zeroing/$name"; done

heap dirty external::PagesResource -DEXTERNAL_MUTANT=Dirty
heap stale external::PagesResource -DEXTERNAL_MUTANT=Stale
zeroing dirty dirty
stress stale stale
mutant zeroing/dirty zeroing/dirty
mutant stress/stale stress/stale 4 10 4

finish zeroing/pages=17 zeroing/resource-large=17 zeroing/pages-large=17 stress=2
