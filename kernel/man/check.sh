#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Checks the manual pages beside it: form, references, examples, and that ERRORS and the selftests name the same errors.
# Usage: kernel/man/check.sh [DIR]   With DIR the examples are linked statically and stay there.
set -euo pipefail
export LC_ALL=C
examples=${1:+$(realpath -m "$1")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CC=${CC:-gcc}
for tool in mandoc groff "$CC"; do
    if ! command -v "$tool" >/dev/null; then
        echo "SKIPPED: there is no $tool"
        exit 77
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
link=()
if [[ $examples ]]; then
    mkdir -p "$examples"
    link=(-static)
fi
examples=${examples:-$work}
mkdir "$work/linux"
cp uapi/tamalloc.h "$work/linux/"

failed=0
fail() {
    echo "FAILED: $*" >&2
    failed=1
}

# Errors that a page lists and no selftest can provoke.
unprovoked='^[a-z_0-9]+ EINTR$'               # the caller is killed
unprovoked+='|^tamalloc2? EPERM$'             # needs a security module

# The lines of one section: section PAGE NAME
section() {
    awk -v name=".SH $2" '/^\.SH /{ inside = $0 == name; next } inside' "$1"
}

# The program in EXAMPLES, without the escapes of roff. Any that is left over is an error of the compiler's.
example() {
    section "$1" EXAMPLES | sed -n '/^\.EX$/,/^\.EE$/{/^\.E[XE]$/!p}' |
        sed -e 's/\\-/-/g' -e "s/\\\\(aq/'/g" -e 's/\\(ha/^/g' -e 's/\\(ti/~/g' -e 's/\\(ga/`/g' -e 's/\\e/\\/g'
}

check_form() {
    local page=$1 file=${1##*/} name number reference known position=0 heading
    name=${file%.*} number=${file##*.}
    head -n 3 "$page" | grep -q 'SPDX-License[-]Identifier: GPL-2.0-only' || fail "$file: no SPDX line in its first three"
    grep -q "^\.TH $name $number [0-9-]* \"tamalloc ABI $abi\"\$" "$page" || fail "$file: .TH is not that of ABI $abi"
    section "$page" NAME | grep -q "^$name \\\\- " || fail "$file: NAME says something else"

    known=(NAME LIBRARY SYNOPSIS DESCRIPTION 'RETURN VALUE' ERRORS FILES VERSIONS STANDARDS HISTORY NOTES BUGS EXAMPLES 'SEE ALSO')
    while read -r heading; do
        while ((position < ${#known[@]})) && [[ ${known[position]} != "$heading" ]]; do
            position=$((position + 1))
        done
    done < <(sed -n 's/^\.SH //p' "$page")
    ((position < ${#known[@]})) || fail "$file: its sections are not those of man-pages(7), or not in their order"

    while read -r reference; do
        [[ -e man/$reference ]] || fail "$file: refers to $reference, which is not there"
    done < <(sed -nE 's/^\.BR (tam[a-z0-9_]*|get_[a-z_]*mem_stats) \(([27])\).*/\1.\2/p' "$page" | sort -u)

    mandoc -T lint -W warning "$page" || fail "$file: mandoc"
    groff -man -ww -z "$page" 2>"$work/groff" || true
    [[ ! -s $work/groff ]] || fail "$file: groff: $(cat "$work/groff")"
}

# The members of a structure, without comments.
members() {
    sed -n "/^struct $2 {\$/,/^}/p" "$1" | sed -e 's,/\*.*\*/,,' -e 's/[[:space:]]\+/ /g' -e 's/ $//' -e '/^ *$/d'
}

check_structures() {
    local page=$1 file=${1##*/} structure
    while read -r structure; do
        [[ $(members "$page" "$structure") == "$(members uapi/tamalloc.h "$structure")" ]] ||
            fail "$file: its struct $structure is not that of the header"
    done < <(section "$page" DESCRIPTION | sed -n 's/^struct \(tam[a-z_]*\) {$/\1/p')
}

# It runs here, too: 0 with the calls, 77 without.
check_example() {
    local page=$1 file=${1##*/} status=0
    example "$page" >"$work/$file.c"
    if [[ ! -s $work/$file.c ]]; then
        fail "$file: has no example"
    elif ! "$CC" -Wall -Wextra -Werror -std=gnu11 -O2 -I"$work" "${link[@]}" -o "$examples/$file" "$work/$file.c"; then
        fail "$file: its example does not compile"
    else
        "$examples/$file" >"$work/output" 2>&1 || status=$?
        ((status == 0 || status == 77)) || fail "$file: its example ends with $status: $(cat "$work/output")"
        ((status == 0)) || [[ -s $work/output ]] || fail "$file: its example skips without a reason"
    fi
}

# What the pages promise and what the tests provoke, as lines "CALL ERRNO".
check_errors() {
    local page call pair
    for page in man/*.2; do
        call=${page##*/}
        section "$page" ERRORS | grep -A1 '^\.TP$' | sed -nE "s/^\.B (E[A-Z0-9]+)\$/${call%.2} \1/p"
    done | sort -u >"$work/documented"
    [[ -s $work/documented ]] || fail 'no page documents an error'
# The tests assert an error of a call through one of these functions.
    sed -nE 's/^.*\(-(E[A-Z0-9]+), (do|reserve)_([a-z_0-9]+)\(.*$/\3 \1/p
        s/^.*\b(do|reserve)_([a-z_0-9]+)\([^;]*\) [!=]= -(E[A-Z0-9]+).*$/\2 \3/p' selftests/test_*.c |
        sed -E 's/^(with|named) /tamalloc2 /; s/^rezero /tamalloc_rezero /; s/^list /tamstat_list /; s/^total /tamstat_total /
            s/^mem_stats /get_mem_stats /; s/^total_mem_stats /get_total_mem_stats /' | sort -u >"$work/provoked"

    while read -r pair; do
        fail "no test provokes what the page documents: $pair"
    done < <(comm -23 <(grep -vE "$unprovoked" "$work/documented") "$work/provoked")
    while read -r pair; do
        fail "a test provokes what no page documents: $pair"
    done < <(comm -13 "$work/documented" "$work/provoked")
}

abi=$(sed -n 's/^#define TAMALLOC_ABI_VERSION[[:space:]]*//p' uapi/tamalloc.h)
count=0
for page in man/*.[27]; do
    check_form "$page"
    check_structures "$page"
    check_example "$page"
    count=$((count + 1))
done
check_errors
((failed == 0)) || exit 1
echo "$count pages, each with an example; $(wc -l <"$work/provoked") errors documented and provoked"
