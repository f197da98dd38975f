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
    manifest '.name == "tamalloc"'
    # shellcheck disable=SC2016   # for jq
    manifest '."version-semver" == $version'
    manifest '.supports == "linux"'
    manifest '.license | startswith("MIT AND ")'
    manifest '[.dependencies[] | strings] == ["tl-expected"]'
    manifest '[.dependencies[] | objects | select(.host) | .name] == ["vcpkg-cmake", "vcpkg-cmake-config"]'

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
    mv installed moved
    # Only configured: the headers are what other routes compile.
    quietly configure_consumer 23 g++-12 "" -DCMAKE_PREFIX_PATH="$work/moved"
    grep -q "^tamalloc_DIR:PATH=$work/moved/share/tamalloc$" consumer/CMakeCache.txt || fail "find_package does not find the port"
}
mutants_vcpkg() {
    local port=packaging/vcpkg/ports/tamalloc
    mutant 'version-semver' $port/vcpkg.json 's/"version-semver": .*/"version-semver": "0.0.9",/'
    mutant '^< share/tamalloc/tamallocTargets.cmake' $port/portfile.cmake '/config_fixup/d'
    mutant 'bad arguments: .*SOURCE_PATHS' $port/portfile.cmake 's/SOURCE_PATH "/SOURCE_PATHS "/'
}

run_route vcpkg
