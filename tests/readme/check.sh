#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds and runs what README.md shows. Every ```cpp block is a whole program; it must compile without a warning with
# g++-12 in C++20 and with clang-19 and libc++ in C++23, and exit 0. Its figures, and those of docs/performance.md, must be what the
# newest raw data of docs/bench give. The ways of "Install" are route.sh's.
# Usage: check.sh
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# block-1.cpp, block-2.cmake, ...: the fenced blocks in order, named after their language.
awk '/^```[a-z]+$/ { n++; file = "block-" n "." substr($0, 4); next } /^```$/ { file = ""; next } file { print > file }' \
    "$root/README.md"
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

programs=(block-*.cpp)
echo "${#programs[@]} programs"

# Compiles and runs one program. Usage: try PROGRAM STANDARD COMPILER...
try() {
    local program=$1 standard=$2
    shift 2
    echo "== $program, $*, C++$standard"
    "$@" "-std=c++$standard" -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -pthread -I "$root/include" \
        "$program" -o "$program-$1-$standard"
    "./$program-$1-$standard"
}
export root
export -f try
for program in "${programs[@]}"; do
    echo "$program 20 g++-12"
    echo "$program 23 clang++-19 -stdlib=libc++"
done | xargs -P "$(nproc)" -L 1 bash -euc 'try "$@"' bash

# A program that has rotted is noticed.
sed 's/tamalloc::vector/tamalloc::vectro/' "${programs[0]}" >rotten.cpp
if try rotten.cpp 20 g++-12 2>rotten.log; then
    echo "a program that does not compile was not noticed"
    exit 1
fi
grep -q "vectro.* is not a member of .*tamalloc" rotten.log
echo "README: ${#programs[@]} programs work"
