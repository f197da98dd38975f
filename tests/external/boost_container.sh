#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: Boost's resources and containers ask of their upstream something that std's do not.
# Boost.Container's tests of its pmr with our pages as the default resource, and its containers with operator new from our pages.
# What is known not to work has to be noticed: it constructs elements that are trivially copyable behind the allocator's back, so
# that with tamalloc::Allocator, unlike PageAllocator, stale bytes would be taken for zeros. TAMALLOC_VERIFY stops such a program.
# Usage: boost_container.sh
# shellcheck source=tests/external/common.sh
. "$(dirname "$0")/common.sh"
begin boost_container
libraries='-l:libboost_container.a'   # a guest has no libraries

object new "$here/hook_new.cpp" -std=c++20
object boost_pmr "$here/hook_boost_pmr.cpp" -std=c++20

tests=$source/libs/container/test
for test in "$tests"/{pmr_*,*_resource,polymorphic_allocator,resource_adaptor}_test.cpp; do
    name=$(basename "$test" _test.cpp)
    if [[ $name == global_resource ]]; then
        says='get_default_resource() == new_delete_resource()'   # what another default resource cannot be
        grep -qF "$says" "$test" || fail "$test does not say $says"
        skip "boost/$name" "it says: $says"
        continue
    fi
    program "$name" "$test" 'new boost_pmr' -std=c++17
    run "boost/$name" "$name"
done

program boost_limit "$here/boost_limit.cpp" '' -std=c++20 -DTAMALLOC_VERIFY=1
run boost_limit/PageAllocator boost_limit PageAllocator
mutant boost_limit/Allocator boost_limit Allocator

finish boost=18 boost_limit=1
