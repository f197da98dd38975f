#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the unit tests and the fuzzer of reuse under the patched kernel, in QEMU; there is swap space on zram.
# Usage: guest.sh FOLDER VERSION syscall|mmap... [OPTION of tamk]...
# FOLDER has the static builds of tamalloc_tests, recycling_fuzz and, but for arm64, tamstat_tests; VERSION is that of
# kernel/qemu/tamk.
set -euo pipefail
usage='Usage: guest.sh FOLDER VERSION syscall|mmap... [OPTION of tamk]...'
programs=${1:?$usage}
version=${2:?$usage}
: "${3:?$usage}"
shift 2
backends=()
while (($# > 0)) && [[ $1 != -* ]]; do
    backends+=("$1")
    shift
done
options=("$@")
root=$(cd "$(dirname "$0")/.." && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Under emulation these take minutes, and they test nothing that depends on the kernel's side.
left_out="*up to 1 GiB*,*ten thousand processes*,*in a storm*,*from several threads at once*,the kit *,blocks read zero*"
left_out+=",every choice of options keeps*,*KernelSource keeps the contract<*MmapOptions{*,*cut off anywhere*"

# Before Linux 6.7 a kernel does not tell the zero page from memory nor where huge pages end, and to look costs 8 bytes for each
# page of the range: under emulation most tests take minutes. Only the files that call the kernel are run under 6.1, and of them
# not what counts pages that were read only.
files='*'
if [[ $version == 6.1 ]]; then
    files='*/sys_test.cpp,*/procfs_test.cpp,*/discovery_test.cpp,*/kernel_source_test.cpp,*/mmap_source_test.cpp'
    files+=',*/stats_test.cpp,*/system_source_test.cpp'
    left_out+=",the call commits nothing and keeps no more*,purge gives the whole pages back*,purging what was never touched*"
    left_out+=",a huge page is cleared whole*"
fi

run() {   # BACKEND PROGRAM [ARGUMENT]...
    local status=0
    TAMALLOC_BACKEND=$1 "$root/kernel/qemu/tamk" run "$version" --timeout 1200 "${options[@]}" --memory 3G -- \
        "$programs/$2" "${@:3}" >"$log" || status=$?
    if ((status == 77)); then exit 77; fi   # tamk has said why
    if ((status != 0)); then
        tail -n 100 "$log"
        echo "$2 with TAMALLOC_BACKEND=$1: exit status $status"
        exit 1
    fi
}

for backend in "${backends[@]}"; do
    echo "== TAMALLOC_BACKEND=$backend"
    run "$backend" tamalloc_tests --no-colors "--source-file=$files" "--test-case-exclude=$left_out"
    if ! grep -E 'test cases: +[1-9]' "$log"; then
        echo "with TAMALLOC_BACKEND=$backend: no test was run"
        exit 1
    fi
    sed -n 's/^.*SKIPPED: /skipped: /p' "$log" | sort | uniq -c
    if [[ $backend == syscall ]] && grep -q 'no tamalloc system calls' "$log"; then
        echo "the library does not find the system calls"
        exit 1
    fi
    if [[ $backend == syscall && " ${options[*]} " != *' --arm64 '* ]]; then   # its libraries are there for x86-64 only
        run "$backend" tamstat_tests --no-colors "--test-case=*the same rows*"
        grep -E 'test cases: +[1-9]' "$log"
    fi
    run "$backend" recycling_fuzz --steps 1000 --seed 1
    cat "$log"
    if grep -q '^nothing is swapped out' "$log"; then
        echo "the guest has no swap space"
        exit 1
    fi
done
