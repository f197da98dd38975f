#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: a port that falls behind what it packages. vcpkg cannot run without a network, so its functions are played: this checks
# the contract of the port, not vcpkg. Usage: vcpkg.sh
# shellcheck source=tests/packaging/common.sh
. "$(dirname "$0")/common.sh"

manifest() {   # FILTER of jq
    jq -e --arg version "$version" "$1" "$source/packaging/vcpkg/ports/tamalloc/vcpkg.json" > log || fail "vcpkg.json: not so: $1"
}

vcpkg() {
    # What vcpkg's schema allows and wants, as "vcpkg format-manifest" orders it.
    manifest 'keys_unsorted == ["name", "version-semver", "description", "license", "supports", "dependencies"]'
    manifest '.name == "tamalloc" and (.description | type == "string" and length > 0)'
    # shellcheck disable=SC2016   # for jq
    manifest '."version-semver" == $version'
    manifest '.supports == "linux"'
    manifest '[.dependencies[] | strings] == ["tl-expected"]'
    manifest '[.dependencies[] | objects | select(keys == ["host", "name"] and .host == true) | .name] == ["vcpkg-cmake", "vcpkg-cmake-config"]'
    # An SPDX expression, of the licences of what is installed.
    manifest '.license == "MIT AND (GPL-2.0-only WITH Linux-syscall-note)"'
    diff <(grep -rhoE 'SPDX-License-Identifier: .*' "$source/include" | sed 's|^[^:]*: ||; s| \*/$||' | sort -u) - <<- end || fail "vcpkg.json: other licences"
		GPL-2.0-only WITH Linux-syscall-note
		MIT
	end

    quietly cmake -DPORT_DIR="$source/packaging/vcpkg/ports/tamalloc" -DCURRENT_PACKAGES_DIR="$work/installed" \
        -DCURRENT_BUILDTREES_DIR="$work/build" -P "$here/vcpkg_functions.cmake"
    # vcpkg refuses a port with other folders than these, without a copyright, or with empty folders.
    diff - <(cd installed && find . -path ./include/tamalloc -prune -o -type f -printf '%P\n' -o -type d -empty -print | sort) <<- end ||
		share/pkgconfig/tamalloc.pc
		share/tamalloc/copyright
		share/tamalloc/tamallocConfig.cmake
		share/tamalloc/tamallocConfigVersion.cmake
		share/tamalloc/tamallocTargets.cmake
		share/tamalloc/usage
	end
        fail "the port installs other files (<: expected, >: found)"
    diff -r "$source/include" installed/include || fail "the port does not install all headers"
    if grep -rF -e "$work" -e "$(realpath "$source")" installed; then fail "vcpkg refuses absolute paths"; fi
    mv installed moved
    # What the usage text says to write. Only configured: the headers are what other routes compile.
    mkdir user
    { echo 'cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES CXX)
add_executable(main main.cpp)' && grep '^    ' moved/share/tamalloc/usage; } > user/CMakeLists.txt
    touch user/main.cpp
    quietly cmake -S user -B used -G Ninja -DCMAKE_CXX_COMPILER=g++-12 -DCMAKE_PREFIX_PATH="$work/moved"
    grep -q "^tamalloc_DIR:PATH=$work/moved/share/tamalloc$" used/CMakeCache.txt || fail "find_package does not find the port"
    grep -q -- "-isystem $work/moved/include" used/build.ninja || fail "the usage text does not give the headers"
}
mutants_vcpkg() {
    local port=packaging/vcpkg/ports/tamalloc
    mutant 'version-semver' $port/vcpkg.json 's/"version-semver": .*/"version-semver": "0.0.9",/'
    mutant '^< share/tamalloc/tamallocTargets.cmake' $port/portfile.cmake '/config_fixup/d'
    mutant '^> debug/' $port/portfile.cmake '/VCPKG_BUILD_TYPE/d'
    mutant 'not used by the project' $port/portfile.cmake 's/BUILD_EXAMPLES/BUILD_EXAMPLE/'
    mutant 'not so: keys' $port/vcpkg.json 's/"supports"/"support"/'
    mutant 'find_package does not find|tamaloc' $port/usage 's/find_package(tamalloc /find_package(tamaloc /'
    mutant 'bad arguments: .*SOURCE_PATHS' $port/portfile.cmake 's/SOURCE_PATH "/SOURCE_PATHS "/'
}

run_route vcpkg
