#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Hazard: figures that are right on a quiet machine. stress-ng checks what it does to memory (--verify) while tamstat and the
# library are asked in a loop, here and under the patched kernel; there the answers come from its system calls.
# Usage: stress.sh BUILD VERSION SECONDS
#   BUILD     has tools/tamstat/tamstat and guest/statistics
#   VERSION   of kernel/qemu/tamk
#   SECONDS   on the host, and half of them in the guest
# The last line: N passed, N failed, N skipped: stress-ng, tamstat and the library in both places, and the kernel.
set -uo pipefail
build=$(realpath "${1:?Usage: stress.sh BUILD VERSION SECONDS}") version=${2:?VERSION} seconds=${3:?SECONDS}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${here%/tests/external}
# shellcheck source=tests/external/guest_files.sh
. "$here/guest_files.sh"
work=$root/build/external/stress
passed=0 failed=0

verdict() {   # STATUS WHAT
    if (($1 == 0)); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $2"
    fi
}

judge() {   # NAME SOURCE of tamstat, SOURCE of the library
    local err=$work/$1.err
    grep -q ' successful run completed' "$err"
    verdict $? "$1: stress-ng, see $err"
    python3 "$here/stress_judge.py" "$root/docs/reference/tamstat.schema.json" "$2" "$work/$1.out" && ! grep '^tamstat .*: exit status' "$err"
    verdict $? "$1: tamstat, see $work/$1.out"
    grep "^[1-9][0-9]* readings by $3\$" "$err"
    verdict $? "$1: the library: $(grep '^reading ' "$err")"
}

rm -rf "$work"
mkdir -p "$work"
stress_ng=$(command -v stress-ng) || {
    echo "SKIPPED: there is no stress-ng; the package that has it: stress-ng"
    exit 77
}

echo "== here, $seconds s"
(cd "$work" && timeout "$((seconds + 60))" "$here/stress_loop.sh" "$seconds" "$stress_ng" "$build/tools/tamstat/tamstat" \
    "$build/guest/statistics" >here.out 2>here.err)
status=$?
((status != 124)) || verdict "$status" "here: no end after $((seconds + 60)) s"   # of tamstat, or what it asks
judge here procfs /proc

echo "== Linux $version with the patches, $((seconds / 2)) s"
add_programs "$work/files" "$(command -v setpriv)" "$stress_ng" "$build/tools/tamstat/tamstat" "$build/guest/statistics"
add_shell "$work/files"
install -D "$here/stress_loop.sh" "$work/files/stress_loop.sh"
"$root/kernel/qemu/tamk" run "$version" --files "$work/files" --timeout "$((seconds + 60))" -- \
    "$work/files/bin/busybox" sh /stress_loop.sh "$((seconds / 2))" stress-ng tamstat statistics \
    >"$work/guest.out" 2>"$work/guest.err" </dev/null
status=$?
((status != 77)) || exit 77   # tamk has said why
verdict "$status" "the guest: exit status $status, $(tail -n 1 "$work/guest.err")"
judge guest syscall 'the system calls'

echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
