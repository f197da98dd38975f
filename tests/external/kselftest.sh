#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Hazard: a patch to the kernel's memory management that breaks what was there before. Linux's own tests of memory and of
# /proc, built from its source, have to give on the patched kernel what they give on the same kernel without the patches.
# Usage: kselftest.sh VERSION [--live]
#   VERSION  of kernel/qemu/tamk, which is built
#   --live   builds and boots the kernel without the patches, too, and renews the record of it; without it the record is
#            believed, as long as it is of this version, configuration and list
# The last line: N passed, N failed, N skipped: programs with the same results, with others, and those that cannot run here.
set -euo pipefail
version=${1:?Usage: kselftest.sh VERSION [--live]} live=${2:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${here%/tests/external}
# shellcheck source=tests/external/guest_files.sh
. "$here/guest_files.sh"
tamk=$root/kernel/qemu/tamk
kernel=$root/build/kernel/$version
work=$root/build/external/kselftest-$version
record=$here/kselftest-$version.tap
limit=60   # seconds of a program
list() { grep -E "^(short${live:+|long}) " "$here/kselftest.list"; }

# The kernel's headers of user space, which are newer than Debian's, and the programs: static.
build_programs() {
    local selftests=$kernel/src/tools/testing/selftests id
    id=$({ cat "$kernel/source" "$here/kselftest.list" && declare -f build_programs; } | sha256sum)
    if [[ $(cat "$work/id" 2>/dev/null) == "$id" ]]; then return; fi
    rm -rf "$work"
    mkdir -p "$work/bin"
    make -s -C "$kernel/src" O="$work/headers" headers >"$work/headers.log" 2>&1 || {
        tail -n 20 "$work/headers.log"
        return 1
    }
    : >"$work/local_config.h"   # of cow.c: there is no liburing
    # shellcheck disable=SC2016   # for another shell
    grep -v '^#' "$here/kselftest.list" | awk '{ print $2, $3 }' | sort -u | xargs -P 2 -n 2 bash -c '
        cd "$0"
        files=("$2/$3.c")   # a relative path: some make files beside their source
        if [[ $2 == mm ]]; then files+=(mm/{vm_util,thp_settings}.c); fi
        if [[ $3 == uffd-* ]]; then files+=(mm/uffd-common.c); fi
        gcc -static -pthread -O2 -w -mxsave -D_GNU_SOURCE -U_FORTIFY_SOURCE -I"$1" -isystem "$1/headers/usr/include" \
            -isystem ../../include/uapi -o "$1/bin/$3" "${files[@]}" -lrt -lm' "$selftests" "$work"
    echo "$id" >"$work/id"
}

pack() {
    rm -rf "$work/files"
    add_shell "$work/files"
    mkdir -p "$work/files/etc" "$work"/files/kselftest/{mm,proc}
    printf '%s:x:%d:%d::/tmp:/bin/sh\n' root 0 0 nobody 65534 65534 >"$work/files/etc/passwd"
    (cd "$work/bin" && for program in *; do strip -o "$work/files/kselftest/$program" "$program"; done)
    list >"$work/files/kselftest/list"
    cp "$here/kselftest_run.sh" "$work/files/kselftest/run"
}

# What the programs printed, to OUTPUT. tamk fails when the kernel complains.
boot() {   # OUTPUT [OPTION of tamk]...
    local status=0
    "$tamk" run "$version" "${@:2}" --timeout 1200 --files "$work/files" -- \
        "$work/files/bin/busybox" sh /kselftest/run "$limit" >"$1.all" </dev/null || status=$?
    ((status != 77)) || exit 77
    if ((status != 0)); then
        tail -n 20 "$1.all"
        echo "the guest: exit status $status, output: $1.all"
        exit 1
    fi
    # pagemap_ioctl counts what two threads did at once.
    grep -E '^(# (start|exit): |  (ok|not ok|1\.\.|Bail out!|Testing |# Totals))' "$1.all" | sed 's/ Extra pages [0-9].*//' >"$1"
}

# Each program in one line: name, exit status, results.
in_lines() {
    awk '/^# start: / { name = substr($0, 10); text = ""; next }
         /^# exit: / { print name "\t" $3 "\t" text; next }
         /^  / { text = text "|" substr($0, 3) }' "$1"
}

configuration() { grep -E '^(# )?CONFIG_' "$1/out/.config" | grep -v TAMALLOC; }
identity() {
    echo "Linux $(cat "$kernel/out/include/config/kernel.release")," \
        "configuration $(configuration "$kernel" | sha256sum | cut -c 1-16)," \
        "programs $(cat "$here/kselftest.list" "$here/kselftest_run.sh" | sha256sum | cut -c 1-16)"
}

# The kernel without the patches: builds it, boots it, and keeps what it gave.
renew_record() {
    local other=$kernel-unpatched
    "$tamk" build "$version" --unpatched
    diff <(configuration "$kernel") <(configuration "$other") || {
        echo "the two kernels differ in more than the patches"
        exit 1
    }
    boot "$work/unpatched" --unpatched
    if diff <(tail -n +4 "$record" 2>/dev/null) "$work/unpatched" >"$work/stale"; then
        echo "the record of the kernel without the patches is what it gives today"
    else
        echo "the record of the kernel without the patches is renewed: $(grep -c '^[<>]' "$work/stale") lines of it were others"
    fi
    {
        echo "# SPDX-License-Identifier: MIT"
        echo "# Made by tests/external/kselftest.sh $version --live: what Linux's tests give on the kernel without the patches."
        echo "# $(identity)"
        cat "$work/unpatched"
    } >"$record"
}

# Prints what differs, and counts.
compare() {   # REFERENCE FOUND
    local passed=0 failed=0 skipped=0 missing name status results
    while IFS=$'\t' read -r name status results; do
        if ! grep -qxF -- "$name"$'\t'"$status"$'\t'"$results" <(in_lines "$1"); then
            failed=$((failed + 1))
            echo "failed: $name: < without the patches, > with them"
            diff <(in_lines "$1" | grep -F -- "$name"$'\t' | sed 's/[\t|]/\n/g') \
                <(echo "$name|${status}|${results}" | tr '|' '\n') || true
        elif ((status == 4)); then
            skipped=$((skipped + 1))
            echo "skipped: $name: it says that it cannot run here"
        else
            passed=$((passed + 1))
        fi
    done < <(in_lines "$2")
    missing=$(comm -3 <(list | cut -d ' ' -f 2- | sort) <(in_lines "$2" | cut -f 1 | sort))   # and what is there twice
    if [[ $missing ]]; then
        failed=$((failed + $(wc -l <<<"$missing")))
        printf 'failed: not there, or there and not in the list, or twice:\n%s\n' "$missing"
    fi
    echo "results inside: $(grep -c '^  ok' "$2") ok, $(grep -c '^  not ok' "$2") not ok"
    echo "$passed passed, $failed failed, $skipped skipped"
    ((failed == 0))
}

[[ -e $kernel/bzImage ]] || "$tamk" build "$version"
recorded=$(sed -n '3s/^# //p' "$record" 2>/dev/null) || true
if [[ -z $live && $recorded != "$(identity)" ]]; then
    echo "the record is of ${recorded:-nothing}, and this is $(identity)"
    live=--live
fi
[[ -z $live ]] || limit=300
build_programs
pack
boot "$work/patched"
[[ -z $live ]] || renew_record
compare "$record" "$work/patched"
