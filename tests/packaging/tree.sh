#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: an installation that has a file too many or too few, a build that leaves something among the sources, and a version that
# is not everywhere the same.
# Usage: tree.sh ROUTE, where ROUTE is a function below.
# shellcheck source=tests/packaging/common.sh
. "$(dirname "$0")/common.sh"

installed_files() {
    local component
    quietly cmake -S "$source" -B build -G Ninja -DCMAKE_CXX_COMPILER=g++-12 -DTAMALLOC_BUILD_TESTS=OFF \
        -DTAMALLOC_BUILD_TOOLS=OFF -DTAMALLOC_BUILD_EXAMPLES=OFF
    for component in tamalloc_Development tamalloc_Kernel; do
        quietly cmake --install build --component "$component" --prefix "$work/stage/$component"
    done
    # The program's own test installs tamalloc_Tools, where it is built: tests/tool/installed.sh.
    diff <(sed '/^#/d; /^tamalloc_Tools/d; s/-VERSION/-'"$version/" "$here/installed_files.txt") <(cd stage && find . -type f -printf '%P\n' | LC_ALL=C sort) ||
        fail "installed files differ (<: expected, >: found)"
    quietly cmake --install build --prefix "$work/default"
    if PKG_CONFIG_LIBDIR=build pkg-config --exists tamalloc; then fail "pkg-config finds a file whose paths are those of an installation"; fi
    diff -r stage/tamalloc_Development default || fail "without a component another thing is installed than the library"
}
mutants_installed_files() {
    mutant '^< tamalloc_Development/share/licenses/tamalloc/LICENSE' CMakeLists.txt 's/(FILES LICENSE LICENSES/(FILES LICENSES/'
    mutant 'pkg-config finds a file' CMakeLists.txt 's|CMakeFiles/tamalloc.pc|tamalloc.pc|'
    mutant '^> tamalloc_Kernel/.*/check.sh' CMakeLists.txt '/PATTERN "Makefile"/s/$/ PATTERN "check.sh"/'
}

# Works on a copy, so that nobody who works in the tree at the same time is blamed.
clean_tree() {
    copy_repository copy
    quietly cmake -S copy -B build -G Ninja -DCMAKE_CXX_COMPILER=g++-12 -DCMAKE_INSTALL_PREFIX="$work/stage" \
        -DTAMALLOC_BUILD_TAMSTAT=OFF
    unchanged copy
    quietly cmake --build build --target tamalloc_demo no_exceptions
    unchanged copy
    quietly cmake --install build
    unchanged copy
    quietly copy/scripts/amalgamate.py single
    unchanged copy
}
mutants_clean_tree() {
    # shellcheck disable=SC2016   # for CMake
    mutant '[?][?] here' CMakeLists.txt '/^project(/afile(WRITE ${PROJECT_SOURCE_DIR}/here "")'
}

# version.hpp is where the version stands, and CMake and Conan read it there; what cannot says the same.
versions() {
    local files=(include/tamalloc/version.hpp packaging/vcpkg/ports/tamalloc/vcpkg.json kernel/module/dkms.conf kernel/module/README.md
        tools/tamstat/tamstat.1 docs/reference/json.md README.md)
    (cd "$source" && sed -nE '
        s/^#define TAMALLOC_VERSION_STRING "(.*)"$/\1/; tfound
        s/^  "version-semver": "(.*)",$/\1/; tfound
        s/^PACKAGE_VERSION="(.*)"$/\1/; tfound
        s|^tamalloc/([0-9.]+)$|\1|; tfound
        s|^.*tamalloc-stats[-/]([0-9.]+).*$|\1|; tfound
        s/^\.TH tamstat .* "tamalloc (.*)"$/\1/; tfound
        s/^.*"tool":"([^"]*)".*$/\1/; tfound
        b
        :found
        F; p' "${files[@]}" | paste -sd ' \n'; sed -nE 's/^#define TAMALLOC_VERSION_(MAJOR|MINOR|PATCH) //p' "${files[0]}" |
        paste -sd . | sed 's/^/MAJOR.MINOR.PATCH /') > said
    if grep -v " ${version//./\\.}$" said; then fail "this is not $version"; fi
    diff <(printf '%s\n' "${files[@]}" MAJOR.MINOR.PATCH | sort) <(cut -d ' ' -f 1 said | sort -u) || fail "there is no version in a file"
    sort said | uniq -c
}
mutants_versions() {
    mutant '^MAJOR.MINOR.PATCH .*9' include/tamalloc/version.hpp 's/^\(#define TAMALLOC_VERSION_PATCH\).*/\1 9/'
    mutant '^kernel/module/dkms.conf 0.0.9' kernel/module/dkms.conf 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="0.0.9"/'
    mutant '^< tools/tamstat/tamstat.1' tools/tamstat/tamstat.1 's/"tamalloc .*"/"tamalloc"/'
}

run_route "$1"
