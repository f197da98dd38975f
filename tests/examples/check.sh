#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs an example and compares what it prints. Usage: check.sh SOURCE PROGRAM EXPECTED
# EXPECTED has an extended regular expression for each line of output; behind "+ ", for one line or more. "#": a comment.
set -euo pipefail
source=$1 program=$2 expected=$3

lines=$(wc -l < "$source")
if ((lines > 80)); then echo "$source has $lines lines; an example has at most 80"; exit 1; fi

# What the examples show off with: more address space than there is memory.
if [ "$(ulimit -v)" != unlimited ]; then echo "SKIPPED: address space is limited here (ulimit -v)"; exit 77; fi
if [ "$(cat /proc/sys/vm/overcommit_memory)" = 2 ]; then echo "SKIPPED: vm.overcommit_memory is 2"; exit 77; fi

status=0
output=$("$program") || status=$?
mapfile -t actual <<< "$output"
mapfile -t patterns < <(grep -v '^#' "$expected")

fail() { printf '%s\n--- output of %s, exit status %s:\n%s\n' "$1" "$program" "$status" "$output"; exit 1; }

at=0
for pattern in "${patterns[@]}"; do
    repeated=${pattern#+ }
    [[ ${actual[at]-} =~ ^$repeated$ ]] || fail "line $((at + 1)) is not as expected: $repeated"
    at=$((at + 1))
    if [ "$repeated" != "$pattern" ]; then
        while [[ ${actual[at]-} =~ ^$repeated$ ]]; do at=$((at + 1)); done
    fi
done
((at == ${#actual[@]})) || fail "more lines than expected, from $((at + 1)) on"
((status == 0)) || fail "the example says that something is not as promised"
