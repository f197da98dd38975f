#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: a package that works only where it was made. Takes the library into a program outside the source tree in one way, and
# runs that program; warnings are errors. Then the same with something wrong, which has to be noticed.
# Usage: routes.sh ROUTE, where ROUTE is a function below.
# shellcheck source=tests/packaging/common.sh
. "$(dirname "$0")/common.sh"

find_package() {
    install_and_move
    # tl::expected from where CMake finds it, which need not be where the compiler looks.
    mkdir -p private/include private/share/cmake
    cp -r /usr/include/tl private/include
    cp -r /usr/share/cmake/tl-expected private/share/cmake
    local wanted=-DWANTED_VERSION=${version%.*}
    local all=("${kits[@]}")
    kits=("${all[0]}")
    consume_with_cmake -DCMAKE_PREFIX_PATH="$work/moved;$work/private" "$wanted"
    quietly ninja -C consumer -t deps
    grep -q "^ *$work/private/include/tl/expected.hpp$" log || fail "another tl::expected than that of CMake"

    kits=("${all[@]:1}")
    consume_with_cmake -DCMAKE_PREFIX_PATH="$work/moved" "$wanted"
}
mutants_find_package() {
    local major minor
    IFS=. read -r major minor _ <<< "$version"
    "$expect_failure" 1 'compatible with requested' cmake -S "$here/consumer" -B later -G Ninja \
        -DCMAKE_PREFIX_PATH="$work/moved" -DWANTED_VERSION="$major.$((minor + 1))"
    mutant 'another tl::expected' cmake/tamallocConfig.cmake.in 's/find_package(tl-expected QUIET)//'
    # shellcheck disable=SC2016   # for CMake
    mutant 'Could not find a package|does not exist|non-existent' CMakeLists.txt 's|DESTINATION include FILE_SET|DESTINATION ${CMAKE_INSTALL_PREFIX}/include FILE_SET|'
}

# A parent with warnings as errors and its own target test. consumer/CMakeLists.txt looks for what leaks.
add_subdirectory() {
    consume_with_cmake -DTAMALLOC_FOLDER="$source"
    [[ $(cmake --build consumer --target test) == *"own test target"* ]] || fail "the target test was taken"
}
mutants_add_subdirectory() {
    mutant '/mutant/tests>' CMakeLists.txt '/TAMALLOC_BUILD_TESTS/s/..PROJECT_IS_TOP_LEVEL./ON/'
    mutant '<tamalloc_warnings>' CMakeLists.txt 's/^if(TAMALLOC_BUILD_EXAMPLES OR.*/if(TRUE)/'
    mutant '<.*BUILD_TESTING' CMakeLists.txt '/^project(/ainclude(CTest)'
    mutant '<.*doctest_DIR' CMakeLists.txt '/^project(/afind_package(doctest)'
}

# As docs/reference/cmake.md has it. FetchContent clones from this machine, and where the library is installed does not even do that.
fetch_content() {
    copy_repository repository
    section docs/reference/cmake.md "## FetchContent" | blocks cmake | sed "s|URL|$work/repository|" > fetch.cmake
    grep -q "$work/repository" fetch.cmake || fail "docs/reference/cmake.md has no block for FetchContent: $(< fetch.cmake)"
    consume_with_cmake -DTAMALLOC_FETCHED="$work/fetch.cmake"
    [ -d consumer/_deps/tamalloc-src ] || fail "nothing was cloned"
    install_and_move
    rm -rf consumer
    read -r standard compiler flags <<< "${kits[0]}"
    grep -q "FIND_PACKAGE_ARGS ${version%.*} CONFIG" "$source/docs/reference/cmake.md" || fail "docs/reference/cmake.md: another version"
    sed -i "s|/repository|/missing|; s|GIT_TAG main|& FIND_PACKAGE_ARGS ${version%.*} CONFIG|" fetch.cmake
    quietly configure_consumer "$standard" "$compiler" "$flags" -DTAMALLOC_FETCHED="$work/fetch.cmake" -DCMAKE_PREFIX_PATH="$work/moved"
    [ ! -e consumer/_deps/tamalloc-src ] || fail "not taken where it is installed"
}
mutants_fetch_content() {
    if [ "$network" = yes ]; then echo "SKIPPED: unshare cannot take the network away here"; exit 77; fi
    mutant 'Could not resolve host|unable to access' CMakeLists.txt '/^project(/ainclude(FetchContent)\n\
        FetchContent_Declare(other GIT_REPOSITORY https://example.org/other.git)\nFetchContent_MakeAvailable(other)'
}

pkg_config() {
    install_and_move
    export PKG_CONFIG_PATH=$work/moved/share/pkgconfig
    [ "$(pkg-config --modversion tamalloc)" = "$version" ] || fail "tamalloc.pc has another version than version.hpp"
    local flags
    read -r -a flags <<< "$(pkg-config --cflags --libs tamalloc)"
    consume_with_compiler "${flags[@]}"
}
mutants_pkg_config() { mutant 'another version' cmake/tamalloc.pc.in 's/@PROJECT_VERSION@/0.0.9/'; }

# The route that all others end in: two units, which every compiler has to link.
include_folder() {
    as_one=OFF
    consume_with_compiler -I"$source/include"
}
# The build has a target that compiles each header alone.
mutants_include_folder() {
    copy_source mutant
    printf '%s\n' '#pragma once' 'inline std::size_t nothing() { return 0; }' > mutant/include/tamalloc/nothing.hpp
    quietly cmake -S mutant -B build -G Ninja -DCMAKE_CXX_COMPILER=g++-12 -DTAMALLOC_BUILD_TESTS=OFF \
        -DTAMALLOC_BUILD_TOOLS=OFF -DTAMALLOC_BUILD_EXAMPLES=OFF
    local target=tamalloc_verify_interface_header_sets
    quietly ninja -C build -t query all_verify_interface_header_sets
    grep -q "$target" log || fail "all_verify_interface_header_sets does not build $target"
    "$expect_failure" 1 "nothing.hpp:2.*'size_t' in namespace 'std'" \
        cmake --build build --target "CMakeFiles/$target.dir/$target/tamalloc/nothing.hpp.cxx.o"
}

# One file, and nothing else of the library.
single_header() {
    "$source/scripts/amalgamate.py" single
    alone -I single
    consume_with_compiler -I single
    "$root/tests/compile/without_tl_expected.sh" g++-12 -I single
}
alone() {   # FLAG...
    g++-12 -std=c++23 -M "$@" "$here/consumer/main.cpp" > dependencies
    if grep -v 'consumer' dependencies | grep -o '[^ ]*tamalloc/[^ ]*' | grep -vx single/tamalloc/tamalloc.hpp; then
        fail "more than the single header is reachable"
    fi
}
mutants_single_header() {
    if (alone -I "$source/include" -I single); then fail "not noticed: the headers are reachable"; fi
    mutant 'format.hpp:.* on a condition' include/tamalloc/format.hpp 's|^#include <format>.*|&\n#include "tamalloc/version.hpp"|'
    mutant 'tamalloc/.*No such file' scripts/amalgamate.py 's/            if own:/            if False:/'
}

bits_32() {
    install_and_move
    mkdir consumer_32
    cat > consumer_32/CMakeLists.txt <<- 'end'
		cmake_minimum_required(VERSION 3.25)
		project(consumer_32 LANGUAGES NONE)
		set(CMAKE_SIZEOF_VOID_P 4)
		find_package(tamalloc CONFIG REQUIRED)
	end
    quietly cmake -S consumer_32 -B build -DCMAKE_PREFIX_PATH="$work/moved"
}
mutants_bits_32() { mutant '0\.1\.0 \(64bit\)' CMakeLists.txt 's/ ARCH_INDEPENDENT)/)/'; }

run_route "$1"
