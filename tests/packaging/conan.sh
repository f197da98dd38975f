#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: a recipe that the tool which reads it no longer understands. Runs the real Conan 2, without a remote and on a copy of the
# tree, in which it may leave nothing. scripts/test installs it; where it is missing, this fails.
# Usage: conan.sh CONAN, the program
# shellcheck source=tests/packaging/common.sh
. "$(dirname "$0")/common.sh"
conan=$1
[ -x "$conan" ] || fail "no Conan 2 at $conan; scripts/test installs it"
export CONAN_HOME=$work/conan

# gcc 12 as it is found, with the C++20 or C++23 that each run names, and tl::expected as Debian has it.
prepare() {
    quietly env CC=gcc-12 CXX=g++-12 "$conan" profile detect
    { cat "$CONAN_HOME/profiles/default" && printf '%s\n' '[platform_requires]' 'tl-expected/1.0.0'; } > debian
    copy_repository copy
}

# Usage: create ARGUMENT...
create() { "$conan" create copy --no-remote -c tools.cmake.cmake_layout:test_folder="$work/test" "$@" 2>&1; }

# The recipe alone, without its consumer: prints the package's id.
package_id() {   # ARGUMENT...
    create --test-folder= --format=json -s compiler.cppstd=23 "$@" > created || fail "$(< created)"
    sed -n 's/.*"package_id": "\(.*\)".*/\1/p' created | tail -n 1
}

# Usage: create_and_run STANDARD TYPE ARGUMENT...
create_and_run() {
    create -s compiler.cppstd="$1" "${@:3}" > created || fail "$(< created)"
    grep -x "tamalloc $version, $2::expected" created || fail "test_package did not run: $(< created)"
}

# The conanfile.txt of a program that knows nothing of this tree. Leaves in log which headers it was compiled with.
consume() {   # STANDARD
    rm -rf consumer deps built
    cp -r "$here/consumer" .
    printf '%s\n' '[requires]' "tamalloc/[>=${version%.*}]" '[generators]' CMakeDeps CMakeToolchain > consumer/conanfile.txt
    quietly "$conan" install consumer --no-remote --output-folder=deps -s compiler.cppstd="$1" -s build_type=Release
    quietly cmake -S consumer -B built -G Ninja -DCMAKE_TOOLCHAIN_FILE="$work/deps/conan_toolchain.cmake" \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O0" -DCMAKE_CXX_FLAGS_INIT="$warnings"
    quietly cmake --build built
    run "$1" built/consumer
    quietly ninja -C built -t deps
}

# tl-expected as a package, of the header that Debian has; and a version of it that has a larger number and another content, as there
# is one in Conan's index.
package_tl_expected() {
    mkdir tl-expected
    cat > tl-expected/conanfile.py <<- 'end'
		from conan import ConanFile
		from conan.tools.files import copy
		class TlExpected(ConanFile):
		    name = "tl-expected"
		    package_type = "header-library"
		    exports_sources = "tl/*"
		    def package(self):
		        copy(self, "*.hpp", self.source_folder, f"{self.package_folder}/include")
		    def package_info(self):
		        self.cpp_info.set_property("cmake_target_name", "tl::expected")
	end
    mkdir tl-expected/tl
    echo '#error "not the version that was asked for"' > tl-expected/tl/expected.hpp
    quietly "$conan" create tl-expected --no-remote --version=20190710
    cp /usr/include/tl/expected.hpp tl-expected/tl
    quietly "$conan" create tl-expected --no-remote --version=1.0.0
}

conan() {
    prepare
    # What a new user of Conan sees first: the profile that it detects says gnu17.
    "$expect_failure" 6 'Current cppstd .gnu17. is lower than the required C\+\+ standard .20.' \
        "$conan" create copy --no-remote --test-folder= || fail "C++17 is not refused"
    # Nothing of the settings is in the package. This is the SHA-1 of nothing.
    local type
    for type in Release Debug; do
        [ "$(package_id -s build_type=$type)" = da39a3ee5e6b4b0d3255bfef95601890afd80709 ] || fail "the package's id depends on settings"
    done
    create_and_run 23 std -s build_type=Debug
    unchanged copy
    create_and_run 20 tl -s build_type=Debug --profile:host="$work/debian"
    consume 23
    package_tl_expected
    consume 20
    grep -q "^ *$CONAN_HOME/.*/include/tl/expected.hpp$" log || fail "tl::expected is not that of the package"
    unchanged copy
    # For who changes the library and a program together.
    quietly "$conan" editable add copy
    consume 23
    grep -q "^ *$work/copy/include/tamalloc/tamalloc.hpp$" log || fail "editable: other headers than those of the tree"
    unchanged copy
}
mutants_conan() {
    mutant "package's id" conanfile.py 's/self.info.clear()/pass/'
    mutant 'C\+\+17' conanfile.py 's/check_min_cppstd(self, 20)/pass/'
    mutant 'written to: .*CMakeUserPresets' test_package/conanfile.py '/user_presets_path/d'
}

run_route conan
