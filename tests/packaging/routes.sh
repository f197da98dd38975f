#!/bin/bash
# SPDX-License-Identifier: MIT
# Takes the library into a program outside the source tree in one way and runs that program. Usage: routes.sh ROUTE,
# where ROUTE is a function below. Each compiler with its own standard library, C++20 and C++23, warnings as errors.
set -euo pipefail

here=$(realpath "$(dirname "$0")")
if [ "$1" != --clean ]; then exec env -i PATH="$PATH" HOME="$HOME" "$here/routes.sh" --clean "$@"; fi
shift

source=$(realpath "$here/../..")
expect_failure=$source/tests/expect_failure.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

kits=("20 g++-12" "23 g++-12" "20 clang++-19 -stdlib=libc++" "23 clang++-19 -stdlib=libc++")
warnings="-Wall -Wextra -pedantic -Werror"
version=$(sed -n 's/^#define TAMALLOC_VERSION_STRING "\(.*\)"$/\1/p' "$source/include/tamalloc/version.hpp")

fail() { echo "$*"; exit 1; }

# Installs and then moves the result: an absolute path in it would now point nowhere.
install_and_move() {
    cmake -S "$source" -B build -G Ninja -DCMAKE_CXX_COMPILER=g++-12 -DCMAKE_INSTALL_PREFIX="$work/stage" \
        -DTAMALLOC_BUILD_TESTS=OFF -DTAMALLOC_BUILD_TOOLS=OFF > log || fail "$(< log)"
    cmake --install build > log || fail "$(< log)"
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

consume_with_cmake() {   # CMAKE_ARGUMENT...
    local standard compiler flags
    for kit in "${kits[@]}"; do
        read -r standard compiler flags <<< "$kit"
        rm -rf consumer
        cmake -S "$here/consumer" -B consumer -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
            -DCMAKE_CXX_STANDARD="$standard" -DCMAKE_CXX_FLAGS="$warnings $flags" "$@" > log 2>&1 || fail "$(< log)"
        cmake --build consumer > log || fail "$(< log)"
        run "$standard" consumer/consumer
    done
}

consume_with_compiler() {   # FLAG...
    local standard compiler flags
    for kit in "${kits[@]}"; do
        read -r standard compiler flags <<< "$kit"
        # shellcheck disable=SC2086 # lists of flags
        "$compiler" -std=c++"$standard" $flags $warnings "$@" "$here"/consumer/{main,other}.cpp -o consumer
        run "$standard" ./consumer
    done
}

find_package() {
    install_and_move
    consume_with_cmake -DCMAKE_PREFIX_PATH="$work/moved" -DWANTED_VERSION="${version%.*}"
    local major minor
    IFS=. read -r major minor _ <<< "$version"
    "$expect_failure" 1 'compatible with requested' cmake -S "$here/consumer" -B later -G Ninja \
        -DCMAKE_PREFIX_PATH="$work/moved" -DWANTED_VERSION="$major.$((minor + 1))"
}

add_subdirectory() {
    consume_with_cmake -DTAMALLOC_FOLDER="$source"
    [[ $(cmake --build consumer --target test) == *"own test target"* ]] || fail "the target test was taken"
}

pkg_config() {
    install_and_move
    export PKG_CONFIG_PATH=$work/moved/share/pkgconfig
    [ "$(pkg-config --modversion tamalloc)" = "$version" ] || fail "tamalloc.pc has another version than version.hpp"
    local flags
    read -r -a flags <<< "$(pkg-config --cflags --libs tamalloc)"
    consume_with_compiler "${flags[@]}"
}

include_folder() { consume_with_compiler -I"$source/include"; }

bits_32() {
    install_and_move
    mkdir consumer_32
    cat > consumer_32/CMakeLists.txt <<- 'end'
		cmake_minimum_required(VERSION 3.25)
		project(consumer_32 LANGUAGES NONE)
		set(CMAKE_SIZEOF_VOID_P 4)
		find_package(tamalloc CONFIG REQUIRED)
	end
    cmake -S consumer_32 -B build -DCMAKE_PREFIX_PATH="$work/moved" > log 2>&1 || fail "$(< log)"
}

installed_files() {
    install_and_move
    diff <(grep -v '^#' "$here/installed_files.txt") <(cd moved && find . -type f -printf '%P\n' | LC_ALL=C sort) ||
        fail "installed files differ (<: expected, >: found)"
}

# Works on a copy, so that nobody who works in the tree at the same time is blamed.
clean_tree() {
    if ! git -C "$source" rev-parse --show-toplevel > log 2>&1; then echo "SKIPPED: $(< log)"; return; fi
    mkdir copy
    (cd "$source" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp -P --parents -t "$work/copy")
    git -C copy init -q
    git -C copy add .
    git -C copy status --porcelain --ignored > before
    cmake -S copy -B build -G Ninja -DCMAKE_CXX_COMPILER=g++-12 -DCMAKE_INSTALL_PREFIX="$work/stage" \
        -DTAMALLOC_BUILD_TAMSTAT=OFF > log || fail "$(< log)"
    cmake --build build --target tamalloc_demo no_exceptions > log || fail "$(< log)"
    cmake --install build > log || fail "$(< log)"
    diff before <(git -C copy status --porcelain --ignored) || fail "building wrote into the source tree"
}

"$1"
