#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: a container or a resource of std asks of its memory something that we never thought of.
# libstdc++'s own tests: those of std::pmr with our resource as the default one; those of containers with operator new from our
# pages, and again with our allocator in the place of std::allocator. And its test allocators over ours: conformance.cpp.
# Usage: libstdcxx.sh [--long]
#   --long   with operator new all containers, not only vector, and our allocator in the place of std::allocator
# shellcheck source=tests/external/common.sh
. "$(dirname "$0")/common.sh"
begin libstdcxx
flags+=" -I$source/util"

# The part of its library of tests that these need.
for part in hooks allocator character; do object "testsuite_$part" "$source/util/testsuite_$part.cc" -std=gnu++17; done
suite="testsuite_hooks testsuite_allocator testsuite_character"

# Usage: tests "GROUP..." FUNCTION FOLDER...
# FUNCTION puts the flags of a test into $options, from those that the test wants. The object of the name of a group is linked with
# its programs. libstdcxx.skips has what is not run beside what the tests say themselves.
tests() {
    local test verdict details name group options
    while read -r test verdict details; do
        name=${test%.cc}
        [[ $verdict != stale ]] || fail "libstdcxx.skips: $test does not say: $details"
        if [[ $verdict == run ]]; then
            # shellcheck disable=SC2086   # flags
            "$2" $details
            object "$2/$name" "$source/$test" "$options"
        fi
        for group in $1; do
            if [[ $verdict == skip ]]; then
                skip "$group/$name" "$details"
            else
                program "$group/$name" "$2/$name.o" "$suite $group"
                run "$group/$name" "$group/$name"
            fi
        done
    done < <(cd "$source" && find "${@:3}" -name '*.cc' | sort | xargs awk -v group="$1" -v skips="$here/libstdcxx.skips" -f "$here/dg.awk")
}

as_it_is() { options=$*; }

pmr=(20_util/{polymorphic_allocator,memory_resource,monotonic_buffer_resource,synchronized_pool_resource,unsynchronized_pool_resource})
(($(grep -vc '^#' "$here/libstdcxx.skips") <= 5)) || fail "libstdcxx.skips has more than five"
of_new=(23_containers/vector)
of_allocator=()
minima=(pmr=26 pmr_pages=26 new/23_containers/vector=111 conformance=1)
if [[ ${1:-} == --long ]]; then
    limit=600   # some make half a million blocks, each of them pages
    of_new=(23_containers/{vector,deque,list,map,unordered_map} 21_strings/basic_string)
    of_allocator=(23_containers/{vector,deque,list,map,unordered_map})
    minima+=(new/23_containers/{deque=52,list=62,map=49,unordered_map=49} new/21_strings/basic_string=227
        allocator/23_containers/{vector=111,deque=52,list=62,map=51,unordered_map=49})
fi

object pmr "$here/hook_pmr.cpp" -std=c++20 "'-DEXTERNAL_RESOURCE=Counting<tamalloc::MemoryResource<>>'"
object pmr_pages "$here/hook_pmr.cpp" -std=c++20 -DEXTERNAL_RESOURCE=external::PagesResource
tests 'pmr pmr_pages' as_it_is "${pmr[@]}"

object new "$here/hook_new.cpp" -std=c++20
for std in -std=gnu++17 -std=gnu++20; do precompiled "new$std" testsuite.hpp "$std"; done
after='new-std=gnu++17/testsuite.hpp.gch new-std=gnu++20/testsuite.hpp.gch'
precompiled_std() { options="-I$work/new$1 -include testsuite.hpp $*"; }
tests new precompiled_std "${of_new[@]}"

# A copy of the containers' headers in which the allocator of those that name none is another one.
substitute_headers() {
    local header
    mkdir -p include/bits
    for header in stl_vector stl_deque stl_list stl_map stl_multimap unordered_map; do
        # A guide of deduction asks for the size_type of any map, before there can be an allocator.
        sed -E '0,/^#define _/s//#include "default_allocator.hpp"\n&/; s/= (std::)?allocator</= external::Allocator</
            s/(typename )?unordered_(multi)?map<int, int>::size_type/size_t/' \
            "/usr/include/c++/12/bits/$header.h" >"include/bits/$header.h.new"
        grep -q '= external::Allocator<' "include/bits/$header.h.new" || fail "$header.h names no allocator"
        cmp -s "include/bits/$header.h"{.new,} || mv "include/bits/$header.h"{.new,}
    done
}
substitute_headers
# C++20 at least, as the library, and as libstdc++'s own maintainers run these tests, too.
with_allocator="-I$work/include -DTAMALLOC_VERIFY=1"
precompiled allocator substitute.hpp "$with_allocator" -std=gnu++20
substituted() {
    local standard=$1
    [[ $standard == *2? ]] || standard=-std=gnu++20
    options="$with_allocator -I$work/allocator -include substitute.hpp $standard ${*:2}"
}
object allocator /dev/null -xc++
after=allocator/substitute.hpp.gch
((${#of_allocator[@]} == 0)) || tests allocator substituted "${of_allocator[@]}"
after=''

object conformance "$here/conformance.cpp" -std=c++20
program conformance/allocators conformance.o "$suite"
run conformance/allocators conformance/allocators
object no_init "$here/conformance.cpp" -std=c++20 -DEXTERNAL_NO_INIT
program mutants/no_init no_init.o "$suite"
mutant no_init mutants/no_init

finish "${minima[@]}"
