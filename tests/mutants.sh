#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Takes one rule of the allocator away at a time and expects the test of that name in rules_test.cpp to fail; and one of
# those that make a block zero again (reuse-*), which recycling_fuzz.cpp has to notice. Prints what was taken away and the
# tests that noticed. Usage: tests/mutants.sh [COMPILER COMMAND...], default: g++-12 -std=c++20
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ $# -gt 0 ] || set -- g++-12
compile=("$@" -O0 -w)
[[ " $* " == *" -std="* ]] || compile+=(-std=c++20)

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Name, header, sed script for it. Writes what happened to $dir/NAME.
try() {
    local copy=$dir/$1.d header=include/tamalloc/$2.hpp
    mkdir "$copy"
    cp -r include "$copy"
    sed -i "$3" "$copy/$header"
    if [ -n "$3" ] && cmp -s "$header" "$copy/$header"; then
        echo "broken: changes nothing in $header"
        return
    fi
    local sources=(tests/rules_test.cpp "$dir/main.o") arguments=()
    if [[ $1 == reuse-* ]]; then sources=(tests/fuzz/recycling_fuzz.cpp) arguments=(--steps 20000 --seed 1); fi
    if ! "${compile[@]}" "-I$copy/include" -Itests "${sources[@]}" -pthread -o "$copy/test" 2>"$copy/errors"; then
        echo "broken: does not compile: $(grep -m1 error "$copy/errors")"
        return
    fi
    local verdict=noticed
    ! timeout 60 "$copy/test" "${arguments[@]}" >"$copy/output" 2>&1 || verdict=survived
    [[ $1 == *control || $1 == reuse-* ]] || grep -q "^TEST CASE:  ${1%-*}:" "$copy/output" || verdict=survived
    # What needs swap space is not noticed without.
    if [[ $1 == reuse-swap* && $verdict == survived ]] && grep -q '^nothing is swapped out' "$copy/output"; then
        verdict=unseen
    fi
    echo $verdict
    sed -n 's/^TEST CASE:  */    /p; s/^seed [0-9]*: /    /p; s/^nothing is swapped out/    &/p' "$copy/output" | sort -u
}

names=() deletions=()
mutant() {   # name, what is deleted, header, script
    names+=("$1") deletions+=("$2")
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
    try "$1" "$3" "$4" >"$dir/$1" &
}

echo '#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>' >"$dir/main.cpp"
"${compile[@]}" -c "$dir/main.cpp" -o "$dir/main.o"

mutant control 'nothing' fresh_run ''
mutant N1 'only pages open a run: small blocks do, too' allocator \
    's/return static_cast<T\*>(p);/{ run_.open(static_cast<std::byte*>(p), bytes); return static_cast<T*>(p); }/'
mutant N2-next 'a construction at the start of the run moves it' fresh_run \
    '/if (p == ahead_.first/,/return true;/s/ahead_.first = p + n;//'
mutant N2-skipped 'one in the part that was jumped over moves its start' fresh_run 's/skipped_.first = p + n;//'
mutant N2-jump 'a construction ahead of the run moves its start' fresh_run \
    '/if (ahead_.contains(p)) {/,/return true;/s/ahead_.first = p + n;//'
mutant N2-value 'a construction from a value moves the start of the run' allocator \
    '/construct(U\* p, Arg&& arg/,/^    }$/s/run_.consume(.*, sizeof(Object));/false;/'
mutant N3 'construct(p, args...)' allocator '/N3: without this overload/,/^    }$/d'
mutant N4-source 'a copy empties the run of its source' fresh_run \
    's/FreshRun(const FreshRun& other) noexcept { other.forfeit(); }/FreshRun(const FreshRun\&) noexcept {}/'
mutant N4-assign 'copy assignment empties the run of its source' fresh_run \
    '/operator=(const FreshRun& other)/,/}/s/other.forfeit();//'
mutant N4-convert 'a copy of another type empties the run of its source' allocator 's/other.run_.forfeit();//'
mutant N4-carry 'a copy starts empty: it carries the run' fresh_run \
    's/FreshRun(const FreshRun& other) noexcept { other.forfeit(); }/FreshRun(const FreshRun\& other) noexcept {\
        if (std::is_constant_evaluated()) return;\
        ahead_ = other.ahead_;\
        skipped_ = other.skipped_;\
    }/'
mutant N5 'a move empties the run of its source' fresh_run 's/std::exchange(other\.\([a-z]*\), nullptr)/other.\1/'
mutant N6-swap 'propagation on swap' allocator '/propagate_on_container_swap/s/true_type/false_type/'
mutant N6-move 'propagation on move assignment' allocator '/propagate_on_container_move_assignment/s/true_type/false_type/'
mutant N7 'a block that is freed closes its run' allocator 's/run_.close(block, .*);//'
mutant N2-pmr_value 'the same for pmr::Allocator' memory_resource 's/(void)run_.consume(.*);/;/'
mutant N4-pmr_convert 'the same' memory_resource 's/other.run_.forfeit();//'
mutant N6-pmr_swap 'the same' memory_resource '/propagate_on_container_swap/s/true_type/false_type/'
mutant N6-pmr_move 'the same' memory_resource '/propagate_on_container_move_assignment/s/true_type/false_type/'
mutant N7-pmr 'the same' memory_resource 's/run_.close(.*);//'
mutant N8 'a run that is used up contains nothing' fresh_run 's/p == ahead_.first && p != ahead_.last/p == ahead_.first/'
mutant N9 'nothing ahead of p is written: zeros are, to the end of the block' fresh_run \
    's/^        return false;/        if (p < ahead_.last \&\& ahead_.last - p <= 64) __builtin_memset(p, 0, ahead_.last - p);\
        return false;/'
mutant 'stack temporary' 'only what is in the run is elided: everything is' fresh_run 's/^        return false;/        return true;/'

mutant reuse-control 'nothing' mmap_source ''
mutant reuse-extent 'all that the kernel tells is cleared: the first of several extents is not' detail/page_scan \
    's/for (std::size_t i = 0; i != scan.count; ++i)/for (std::size_t i = scan.count > 3; i < scan.count; ++i)/'
mutant reuse-rest 'after a full answer the kernel is asked for the rest' detail/page_scan \
    's/count < out.size() ? last : out\[count - 1\].last()/last/'
mutant reuse-swap 'pages that are out are not zero' detail/page_scan \
    's/\(category_anyof_mask = page_is_present\) | page_is_swapped/\1/'
mutant reuse-swap_mincore 'mincore(2) is not asked instead' detail/page_scan \
    's/const int n = ::ioctl(fd, pagemap_scan, &a);/std::array<unsigned char, 1 << 16> in;\
    if (fd < 0 || ::mincore(first, last - first, in.data()) != 0) return -1;\
    int n = 0;\
    for (auto* p = first; p != last \&\& n != static_cast<int>(out.size()); p += page_size()) {\
        const auto at = reinterpret_cast<std::uintptr_t>(p);\
        if (in[(p - first) \/ page_size()] \& 1) out[n++] = {at, at + page_size(), page_is_present};\
    }\
    a.walk_end = 1;/'
mutant reuse-child 'a child does not use the descriptor of its parent' detail/page_scan \
    's/generation == 0 || kept >> 32 != generation || !is_kept_pagemap(kept)/kept == 0/'
wait

status=0
for i in "${!names[@]}"; do
    outcome=$(head -n1 "$dir/${names[i]}")
    printf '%-14s %s\n    %s\n' "${names[i]}" "${deletions[i]}" "$outcome"
    tail -n +2 "$dir/${names[i]}"
    expected=noticed
    [[ ${names[i]} != *control ]] || expected=survived
    [ "$outcome" != unseen ] || continue
    [ "$outcome" = $expected ] || status=1
done
exit $status
