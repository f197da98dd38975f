#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs every fuzzer of a build folder for so long, two at a time. Usage: run.sh FOLDER SECONDS
# What is found on the way is kept in the build folder; a crash is a file there, and an error.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$1"

fuzz() {   # FUZZER SECONDS
    local name
    name=$(basename "$1" _fuzz)
    mkdir -p "corpus/$name"
    # No rule of these texts needs more bytes.
    "$1" -max_total_time="$2" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="corpus/$name-" "corpus/$name" "$here/corpus/$name" 2>&1 |
        sed -n "/ERROR\|Sanitizer\|number_of_executed_units\|peak_rss\|    #[0-9]/s/^/$name: /p"
}

failed=0
pair=()
finish() {
    local fuzzer
    for fuzzer in "${pair[@]}"; do wait "$fuzzer" || failed=1; done
    pair=()
}
for fuzzer in ./*_fuzz; do
    fuzz "$fuzzer" "$2" &
    pair+=($!)
    if ((${#pair[@]} == 2)); then finish; fi
done
finish
exit "$failed"
