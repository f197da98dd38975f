#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: what README.md says works only for those who know more than it says. Goes one of its ways from an empty folder to a program
# that runs, and types only what stands there: the first program, and the blocks under a heading; a copy of the project lies
# beside them. Then a README with an error in that way, which must be noticed.
# Usage: route.sh HEADING ERROR MESSAGE, where ERROR is a script for sed and MESSAGE a regular expression
# shellcheck source=tests/packaging/common.sh
. "$(dirname "$0")/../packaging/common.sh"
heading=$1 rot=$2 message=$3

part() { section README.md "### $1" | blocks "$2"; }   # HEADING LANGUAGE

route() {
    mkdir folder
    cd folder
    copy_source tamalloc
    awk '/^```cpp$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$source/README.md" > main.cpp
    part "$heading" ini > conanfile.txt
    part "$heading" cmake > CMakeLists.txt
    [[ -s CMakeLists.txt || ! -s conanfile.txt ]] || part Installed cmake > CMakeLists.txt
    part "$heading" sh > commands
    find . -maxdepth 1 -type f -empty -delete
    local runs
    runs=$(grep -c '/field$' commands) || fail "no command runs the program: $(cat commands)"
    quietly env PATH="$root/build/conan/bin:$PATH" CONAN_HOME="$work/conan" bash -euxo pipefail commands
    [ "$(grep -cE '^reserved 30517 MiB, committed [0-9]+ KiB, 1 \+ 0$' log)" = "$runs" ] || fail "the program did not run: $(< log)"
    echo "$heading: $(grep -c . commands) commands, the program ran $runs times"
    cd "$work"
}
mutants_route() { mutant "$message" README.md "/^### $heading/,/^###* /$rot"; }

run_route route
