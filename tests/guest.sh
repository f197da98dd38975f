#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the unit tests under the patched kernel, in QEMU, over its system calls and over mmap. Usage: guest.sh PROGRAM
# PROGRAM is the static build of the unit tests.
set -euo pipefail
program=${1:?Usage: guest.sh PROGRAM}
root=$(cd "$(dirname "$0")/.." && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Under emulation these take minutes, and they test nothing that depends on the kernel's side.
too_slow="*up to 1 GiB*,*hundred thousand*,*in a storm*,*from several threads at once*,the kit *,blocks read zero*"
too_slow+=",every choice of options keeps*,*KernelSource keeps the contract<*MmapOptions{*"

for backend in syscall mmap; do
    echo "== TAMALLOC_BACKEND=$backend"
    status=0
    TAMALLOC_BACKEND=$backend "$root/kernel/qemu/tamk" run 6.12 --memory 3G -- "$program" --no-colors \
        "--test-case-exclude=$too_slow" >"$log" || status=$?
    if ((status == 77)); then exit 77; fi   # tamk has said why
    if ((status != 0)); then
        tail -n 100 "$log"
        echo "with TAMALLOC_BACKEND=$backend: exit status $status"
        exit 1
    fi
    if ! grep -E 'test cases: +[1-9]' "$log"; then
        echo "with TAMALLOC_BACKEND=$backend: no test was run"
        exit 1
    fi
    sed -n 's/^.*SKIPPED: /skipped: /p' "$log" | sort | uniq -c
    if [[ $backend == syscall ]] && grep -q 'no tamalloc system calls' "$log"; then
        echo "the library does not find the system calls"
        exit 1
    fi
done
