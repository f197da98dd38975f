# SPDX-License-Identifier: MIT
# Sourced by the runners beside it: builds the programs of a suite, runs them, and counts. In the order of use:
#   begin SUITE                               the suite is in $source, what is made of it in $work, where the script then is
#   precompiled NAME HEADER FLAG...           $work/NAME/HEADER.gch; who gives it -I$work/NAME, -include HEADER and NAME as $after has it
#   object NAME SOURCE FLAG...                something to link with
#   program NAME SOURCE "OBJECT..." FLAG...   a program; the guest of guest.sh runs the same file
#   run NAME PROGRAM ARGUMENT...              a test; NAME is GROUP/TEST
#   mutant NAME PROGRAM ARGUMENT...           a run of a program with something wrong in it, which has to fail
#   skip NAME REASON                          a test that is not run
#   finish GROUP=MINIMUM...                   builds and runs everything; the last line is "N passed, N failed, N skipped"
# shellcheck shell=bash
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(realpath "$here/../..")
externals=$root/build/external   # where everything is made
flags="-O0 -w -pthread -I$root/include -I$here"   # of every compiler
libraries=''                                      # of the programs that follow
limit=60                                          # seconds for one run

fail() { echo "$*"; exit 1; }

begin() {
    source=$externals/sources/$1
    work=$externals/$1
    if [[ ! -d $source ]]; then
        echo "SKIPPED: its source is not here: tests/external/fetch.sh"
        exit 77
    fi
    mkdir -p "$work"
    cd "$work"
    : >runs
    : >mutants
    skipped=0
    cat >build.ninja <<'END'
rule object
  command = g++-12 $flags -c $in -o $out -MMD -MF $out.d
  depfile = $out.d
  deps = gcc
rule precompiled
  command = g++-12 $flags -x c++-header $in -o $out -MMD -MF $out.d
  depfile = $out.d
  deps = gcc
rule program
  command = timeout 120 g++-12 $flags $in -x none $objects $libraries -o $out -MMD -MF $out.d -MT $out
  depfile = $out.d
  deps = gcc
END
    object run_programs "$here/run_programs.cpp" -std=c++20
    object report_blocks "$here/report_blocks.cpp" -std=c++20
    printf 'build run_programs: program run_programs.o\n  libraries = -static\n' >>build.ninja
}

precompiled() {
    printf 'build %s/%s.gch: precompiled %s\n  flags = %s %s\n' "$1" "$2" "$here/$2" "${*:3}" "$flags" >>build.ninja
}

# Before $flags go those that are named: a folder with something precompiled has to come first.
after=''   # what has to be there before the objects and programs that follow
object() {
    printf 'build %s.o: object %s | %s\n  flags = %s %s\n' "$1" "$2" "$after" "${*:3}" "$flags" >>build.ninja
}

program() {
    local object objects=''
    for object in $3 report_blocks; do objects+=" $object.o"; done
    printf 'build bin/%s: program %s |%s\n  flags = %s %s\n  objects =%s\n  libraries = %s\n' \
        "$1" "$2" "$objects" "${*:4}" "$flags" "$objects" "$libraries" >>build.ninja
}

run() { echo "$*" >>runs; }
mutant() { echo "mutants/$*" >>mutants; }

skip() {
    skipped=$((skipped + 1))
    echo "skipped $1: $2"
}

# What was not built is not there, and nor is what it is part of: both may be from before.
remove() {   # TARGET
    local target
    rm -f "$1"
    ninja -t query "$1" | sed '1,/^  outputs:/d' | while read -r target; do remove "$target"; done
}

build() {
    local target
    # Where it cannot even begin, nothing is built, and what is there is from before.
    ninja -k 0 -j 2 >build.log 2>&1 || grep -q '^FAILED: ' build.log || {
        tail -n 5 build.log
        fail "ninja: $work/build.log"
    }
    sed -n 's/^FAILED: *//p' build.log | while read -r target; do remove "${target% }"; done
    awk '/^FAILED: / { n = 3; print } /: error: |undefined reference|multiple definition/ && n-- > 0' build.log
    [[ -e run_programs ]] || fail "what runs the programs was not built: $work/build.log"
}

# What run_programs reads. Usage: job_list FOLDER < RUNS: where the folder bin is when they are run
job_list() {
    local name program arguments
    while read -r name program arguments; do
        if [[ -e bin/$program ]]; then echo "$limit $name $1/bin/$program $arguments"; fi
    done
}

# What passed and what failed, one a line. A program that says "test: CHECK ... ok." of its checks is as many tests as these.
verdicts() {   # LOG
    awk '
        /^test: / { check = $0; sub(/^test: /, "", check); sub(/\.\.\. .*/, "", check); checks[++n] = check; good[n] = /ok\.$/ }
        /^passed / { for (i = 1; i <= n; ++i) print (good[i] ? "passed " : "FAILED ") $2 ":" checks[i]; if (!n) print; n = 0 }
        /^FAILED / { for (i = 1; i <= n; ++i) print (good[i] ? "passed " : "FAILED ") $2 checks[i]; print; n = 0 }
    ' "$1" | sort
}

# Runs a list of runs. Usage: run_list LIST, into LIST.log and LIST.verdicts
run_list() {
    local name program
    job_list . <"$1" | ./run_programs >"$1.log" 2>&1 || true
    while read -r name program _; do
        [[ -e bin/$program ]] || echo "FAILED $name: was not built"
    done <"$1" >>"$1.log"
    verdicts "$1.log" >"$1.verdicts"
}

# What is not as it should be, one a line. Usage: complaints GROUP=MINIMUM...
complaints() {
    local minimum list
    for minimum in "$@"; do
        (($(count "^passed ${minimum%=*}[/:]") >= ${minimum#*=})) || echo "${minimum%=*}: not the ${minimum#*=} that have to pass"
        (($(blocks "${minimum%=*}") > 0)) || echo "${minimum%=*}: no block of ours was used"
    done
    for list in runs mutants; do   # what runs the programs may have been ended itself
        comm -23 <(cut -d ' ' -f 1 "$list" | sort -u) <(sed -nE 's/^(passed|FAILED) ([^:]*).*/\2/p' "$list.verdicts" | sort -u) |
            sed 's/$/: no verdict/'
    done
    grep '^FAILED ' runs.verdicts || true
    sed -nE 's/^passed ([^:]*)/not noticed: \1/p; /: (was not built|no end after .*|exit status 127)$/p' mutants.verdicts
}
# How many blocks of ours the programs of a group had.
blocks() {
    awk -v group="$1/" '/^blocks: / { n += $2 } /^passed / && index($2 "/", group) == 1 { sum += n } /^(passed|FAILED) / { n = 0 }
        END { print sum + 0 }' runs.log
}
count() { grep -c "$1" runs.verdicts || true; }

finish() {
    local minimum
    build
    run_list runs
    run_list mutants
    sed '/: was not built$/d' runs.log | grep -a -B 20 '^FAILED ' | tail -n 200 || true
    for minimum in "$@"; do
        echo "${minimum%=*}: $(count "^passed ${minimum%=*}[/:]") passed, with $(blocks "${minimum%=*}") blocks of ours"
    done
    sed -n '/: was not built$/!s/^FAILED /noticed: /p' mutants.log
    complaints "$@" >wrong
    head -n 50 wrong
    echo "$(count '^passed ') passed, $(count '^FAILED ') failed, $skipped skipped"
    [[ ! -s wrong ]]
}
