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
    # Leaks are looked for at the end as well; 4096 bytes are more than any rule of the texts needs.
    "$1" -max_total_time="$2" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="corpus/$name-" "corpus/$name" "$here/corpus/$name" 2>&1 |
        sed -n "/ERROR\|Sanitizer\|stat::number_of_executed_units\|    #[0-9]/s/^/$name: /p"
}
export -f fuzz
export here

printf '%s\0' ./*_fuzz | xargs -0 -P 2 -I {} bash -c 'set -euo pipefail; fuzz "$1" "$2"' fuzz {} "$2"
