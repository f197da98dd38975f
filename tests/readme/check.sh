#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds and runs what README.md and the pages of docs show. Every ```cpp block is a whole program; those of README.md and docs/tour.md
# must compile without a warning with g++-12 in C++20 and with clang-19 and libc++ in C++23, the others with g++-12, and exit 0; a
# ```text block that follows is what it prints. Its figures, and those of docs/performance.md, must be what the newest raw data of docs/bench give.
# The ways of "Install" are route.sh's.
# Usage: check.sh
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# README-1.cpp, README-2.cmake, ...: the fenced blocks of a page in order, named after their language. A text block that follows a
# program, with nothing between, becomes its .expected.
mapfile -t pages < <(cd "$root" && find README.md docs -name '*.md' ! -path 'docs/bench/*')
(cd "$root" && awk -v dir="$dir" '
    FNR == 1 { n = 0; program = ""; page = FILENAME; sub(/\.md$/, "", page); gsub("/", "_", page) }
    /^```[a-z]+$/ {
        language = substr($0, 4)
        file = dir "/" (language == "text" && program ? program ".expected" : page "-" ++n "." language)
        program = language == "cpp" ? page "-" n ".cpp" : ""
        next
    }
    /^```$/ { file = ""; next }
    file { print > file; next }
    /[^ ]/ { program = "" }
' "${pages[@]}")
newest=$(find "$root/docs/bench" -mindepth 1 -maxdepth 1 | sort | tail -n 1)
mkdir -p again/docs/bench
cp -r "$newest" again/docs/bench/
cp "$root/README.md" again/
cp "$root/docs/performance.md" again/docs/
python3 "$root/bench/report.py" "again/docs/bench/${newest##*/}" again/README.md again/docs/performance.md >/dev/null
for file in README.md docs/performance.md "docs/bench/${newest##*/}"; do
    diff -r "$root/$file" "again/$file" || {
        echo "$file is not what bench/report.py makes of the figures"
        exit 1
    }
done

programs=(README-*.cpp docs_tour-*.cpp)
shopt -s extglob
samples=(docs_!(tour)-*.cpp)
echo "${#programs[@]} programs in README.md and the tour, ${#samples[@]} in other pages"

# Compiles and runs one program. Usage: try PROGRAM STANDARD COMPILER...
try() {
    local program=$1 standard=$2
    shift 2
    echo "== $program, $*, C++$standard"
    "$@" "-std=c++$standard" -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -pthread -I "$root/include" \
        "$program" -o "$program-$1-$standard"
    "./$program-$1-$standard" >"$program-$1-$standard.out"
    cat "$program-$1-$standard.out"
    # A huge page is more than what the pages say, which is said there.
    if [[ -e $program.expected ]] && ! grep -q '\[always\]' /sys/kernel/mm/transparent_hugepage/enabled; then
        diff "$program.expected" "$program-$1-$standard.out"
    fi
}
export root
export -f try
{
    for program in "${programs[@]}"; do
        echo "$program 20 g++-12 -O2"
        echo "$program 23 clang++-19 -stdlib=libc++ -O2"
    done
    printf '%s 20 g++-12 -O0\n' "${samples[@]}"
} | xargs -P "$(nproc)" -L 1 bash -euc 'try "$@"' bash

# A program that has rotted is noticed.
mapfile -t with_vector < <(grep -l 'tamalloc::vector' "${programs[@]}")
sed 's/tamalloc::vector/tamalloc::vectro/' "${with_vector[0]}" >rotten.cpp
if bash -euc 'try "$@"' bash rotten.cpp 20 g++-12 -O0 2>rotten.log; then   # in a condition of its own, -e would be off
    echo "a program that does not compile was not noticed"
    exit 1
fi
grep -q "vectro.* is not a member of .*tamalloc" rotten.log
echo "${#programs[@]} programs of README.md and the tour, and ${#samples[@]} of other pages, work"
