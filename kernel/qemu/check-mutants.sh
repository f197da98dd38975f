#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Hazard: tests that pass whatever the kernel does. Builds one kernel for each line of the file mutants, with that fault in it,
# and expects the test of that line to fail. Usage: check-mutants.sh VERSION [OPTION of tamk]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
noticed=0 survived=0
export TAMALLOC_FUZZ_SECONDS=120   # at most: chance takes its time

while IFS='|' read -r test file rest; do
    name=${rest##*|} script=${rest%|*} status=0 start=$SECONDS
    options=("$@" --only "$test")
    [[ $test != test_perf ]] || options+=(--icount)
    ./tamk test "${options[@]}" --mutant "$file:$script" >"$log" 2>&1 </dev/null || status=$?
    if ((status == 1)) && tail -n 1 "$log" | grep -qE '^tamk: failed tests: [0-9]+ of '; then
        noticed=$((noticed + 1))
        echo "noticed   $name, $((SECONDS - start)) s"
        sed -n 's/^ *# \(difference after .*\)/          \1/p' "$log" | head -n 1   # of the fuzzer
    else
        survived=$((survived + 1))
        echo "SURVIVED  $name, exit status $status: $(tail -n 1 "$log")"
    fi
done < <(grep -vE '^(#|$)' mutants)

echo "$noticed passed, $survived failed"
((survived == 0 && noticed > 0))
