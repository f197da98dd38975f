#!/bin/sh
# SPDX-License-Identifier: MIT
# Asks tamstat and the library while stress-ng runs, on a host and in a guest. Usage: stress_loop.sh SECONDS STRESS_NG TAMSTAT STATISTICS
# Writes tamstat's JSON documents to standard output, all else to standard error.
# Exit status: 0, 1 when stress-ng, tamstat or the library failed.
seconds=$1 stress_ng=$2 tamstat=$3 statistics=$4
status=0

# As root it would poison pages, which are lost to the machine then (MADV_HWPOISON).
without_admin=
if [ "$(id -u)" = 0 ]; then without_admin='/bin/setpriv --bounding-set=-sys_admin'; fi
# Small, so that a guest has room: what is stressed are mappings, and not the disk.
# shellcheck disable=SC2086   # a command and its option
$without_admin "$stress_ng" --vm 1 --vm-bytes 32M --vm-method all --mmap 1 --mmap-bytes 16M --mmapmany 1 --mremap 1 --mremap-bytes 16M \
    --madvise 1 --mincore 1 --fork 1 --malloc 1 --malloc-bytes 32M --brk 1 \
    --verify --oomable --timeout "$seconds" >&2 2>&1 &
stress=$!
"$statistics" "$seconds" >&2 &
library=$!
while kill -0 "$stress" 2>/dev/null; do
    for question in 'ps' 'ps --detail maps' 'oom' 'sys'; do
        # shellcheck disable=SC2086   # a command and its options
        "$tamstat" $question --json || {
            echo "tamstat $question: exit status $?" >&2
            status=1
        }
    done
done
wait "$stress" || { echo "stress-ng: exit status $?" >&2; status=1; }
wait "$library" || { echo "library: exit status $?" >&2; status=1; }
exit "$status"
