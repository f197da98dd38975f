# SPDX-License-Identifier: MIT
# Sourced by the scripts beside it: a folder outside the source tree, consumers that are built in it, and mutants of the tree.
# shellcheck shell=bash
set -euo pipefail

# Neither what the environment says to compilers, CMake or Conan helps, nor a network, where the system lets us do without.
here=$(realpath "$(dirname "$0")")
if [[ ! ${network:-} ]]; then
    network=yes offline=()
    if unshare --net --map-root-user true 2> /dev/null; then network=no offline=(unshare --net --map-root-user); fi
    exec "${offline[@]}" env -i network=$network PATH="$PATH" HOME="$HOME" "$here/${0##*/}" "$@"
fi

arguments=("$@")
root=$(realpath "$here/../..")
source=${TAMALLOC_SOURCE:-$root}   # a mutant, where this script runs itself
expect_failure=$root/tests/expect_failure.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# STANDARD COMPILER [FLAG]: each compiler, standard library and standard.
kits=("20 g++-12" "23 g++-12" "20 clang++-19 -stdlib=libc++" "23 clang++-19 -stdlib=libc++")
as_one=ON   # the two units of the program, in half the time
warnings="-Wall -Wextra -pedantic -Werror"
version=$(sed -n 's/^#define TAMALLOC_VERSION_STRING "\(.*\)"$/\1/p' "$root/include/tamalloc/version.hpp")

fail() { echo "$*"; exit 1; }

# Runs a command of which nothing is of interest unless it fails.
quietly() { "$@" > log 2>&1 || fail "$(< log)"; }

# What of the tree is not left behind by building. Usage: copy_source FOLDER
copy_source() {
    mkdir "$1"
    tar -C "$source" --exclude={.git,build,__pycache__,.cache,CMakeUserPresets.json,compile_commands.json} -c . | tar -C "$1" -x
}

# The same as a repository with one commit. Usage: copy_repository FOLDER
copy_repository() {
    copy_source "$1"
    git -C "$1" init -q -b main
    git -C "$1" add .
    git -C "$1" -c user.name=test -c user.email=test commit -qm all
}

# Says what is in a repository beside its commit, ignored or not, and fails if there is anything. Usage: unchanged REPOSITORY
unchanged() {
    git -C "$1" status --porcelain --ignored > changes
    if [ -s changes ]; then fail "the source tree was written to: $(< changes)"; fi
}

# Installs and then moves the result: an absolute path in it would now point nowhere.
install_and_move() {
    quietly cmake -S "$source" -B build -G Ninja -DCMAKE_CXX_COMPILER=g++-12 -DCMAKE_INSTALL_PREFIX="$work/stage" \
        -DTAMALLOC_BUILD_TESTS=OFF -DTAMALLOC_BUILD_TOOLS=OFF -DTAMALLOC_BUILD_EXAMPLES=OFF
    quietly cmake --install build
    mv stage moved
    rm -r build
}

run() {   # STANDARD PROGRAM: the result type follows from the standard
    local result=tl
    if [ "$1" -ge 23 ]; then result=std; fi
    local output
    output=$("$2")
    echo "C++$1: $output"
    [[ $output =~ ^"tamalloc $version, $result::expected, back-end "(mmap|kernel)": ". ]] || fail "unexpected output"
}

section() { awk -v heading="$2" '/^##/ { inside = $0 == heading } inside' "$source/$1"; }   # PAGE HEADING
# What stands in the fenced blocks of a language: < TEXT
blocks() { awk -v language="$1" '$0 == "```" language { inside = 1; next } /^```$/ { inside = 0 } inside'; }

configure_consumer() {   # STANDARD COMPILER FLAGS CMAKE_ARGUMENT...
    cmake -S "$here/consumer" -B consumer -G Ninja -DCMAKE_CXX_COMPILER="$2" -DCMAKE_CXX_STANDARD="$1" \
        -DCMAKE_CXX_FLAGS="$warnings $3" "${@:4}"
}

consume_with_cmake() {   # CMAKE_ARGUMENT...
    local kit standard compiler flags
    for kit in "${kits[@]}"; do
        read -r standard compiler flags <<< "$kit"
        rm -rf consumer
        quietly configure_consumer "$standard" "$compiler" "$flags" -DCMAKE_UNITY_BUILD=$as_one "$@"
        quietly cmake --build consumer
        run "$standard" consumer/consumer
    done
}

consume_with_compiler() {   # FLAG...
    local kit standard compiler flags units=("$here"/consumer/{main,other}.cpp)
    [ $as_one = OFF ] || units=(-include "${units[1]}" "${units[0]}")
    for kit in "${kits[@]}"; do
        read -r standard compiler flags <<< "$kit"
        # shellcheck disable=SC2086 # lists of flags
        "$compiler" -std=c++"$standard" $flags $warnings "$@" "${units[@]}" -o consumer
        run "$standard" ./consumer
    done
}

# A copy of the tree in which something is wrong, with which the route that runs has to fail, and so that a line of its output
# matches REGEX. Usage: mutant REGEX FILE SED_SCRIPT
mutant() {
    rm -rf mutant
    copy_source mutant
    sed -i "$3" "mutant/$2"
    ! cmp -s "$source/$2" "mutant/$2" || fail "this changes nothing in $2: $3"
    TAMALLOC_SOURCE=$work/mutant "$expect_failure" 1 "$1" "$here/${0##*/}" "${arguments[@]}" || fail "not noticed in $2: $3"
    echo "noticed in $2: $3"
}

# Runs a function of the script, and then what it must fail with: mutants_ROUTE, if there is one.
run_route() {   # ROUTE
    "$1"
    if [[ ! ${TAMALLOC_SOURCE:-} ]] && declare -F "mutants_$1" > /dev/null; then "mutants_$1"; fi
}
