#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Hazard: a harness that cannot fail. Every fault that tamk has to notice is planted here, and must end the run with its own exit
# status and sentence. Usage: check-harness.sh [VERSION [OPTION of tamk]...]; without a version only what needs no guest.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")"
tamk=$PWD/tamk
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

# The command must end with STATUS and a last line that has TEXT.
expect() {   # NAME STATUS TEXT COMMAND...
    local name=$1 status=$2 text=$3 got=0 start=$SECONDS
    shift 3
    "$@" >"$tmp/stdout" 2>"$tmp/stderr" || got=$?
    if ((got == status)) && tail -n 1 "$tmp/stderr" | grep -qF -- "$text"; then
        verdict "$name, $((SECONDS - start)) s" true
    else
        verdict "$name: exit status $got, not $status, or no \"$text\" in: $(tail -n 1 "$tmp/stderr")" false
    fi
}

verdict() {   # SENTENCE COMMAND...
    if "${@:2}"; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
    fi
}

# ---- building: a tree that looks like a kernel's ------------------------------------------------------------------------

small=$tmp/small   # stands for this repository
new_tree() {
    rm -rf "$small" "$tmp/linux"
    mkdir -p "$small/kernel/qemu" "$small/kernel/patches/9.9" "$tmp/linux/mm"
    cp tamk init.c splats expected-skips tam-*.config "$small/kernel/qemu"
    cat >"$tmp/linux/Makefile" <<'EOF'
VERSION = 9
PATCHLEVEL = 9
SUBLEVEL = 7
allnoconfig:
	grep -v "$(DROP)" $(O)/wanted.config >$(O)/.config
bzImage: $(O)/arch/x86/boot/bzImage
$(O)/arch/x86/boot/bzImage: $(wildcard mm/*.c)
	mkdir -p $(@D)
	echo made from $? && cat $^ >$@
EOF
    touch "$tmp/linux/Kbuild"
    printf 'one\ntwo\nthree\n' >"$tmp/linux/mm/a.c"
    printf 'four\n' >"$tmp/linux/mm/b.c"
    new_series 'new line'
}

new_series() {   # ADDED_LINE
    local base=$small/kernel/patches/9.9
    cat >"$base/0001-x.patch" <<EOF
--- a/mm/a.c
+++ b/mm/a.c
@@ -1,3 +1,4 @@
 one
 two
+$1
 three
--- /dev/null
+++ b/mm/new.c
@@ -0,0 +1 @@
+new file
EOF
    echo 0001-x.patch >"$base/series"
    { echo 9.9.7
        (cd "$tmp/linux" && sha256sum mm/a.c mm/b.c)
        echo 'absent  mm/new.c'; } >"$base/BASE"
}

build() { DROP=${DROP:-^$} "$small/kernel/qemu/tamk" build 9.9 --src "$tmp/linux"; }
built() { cat "$small/build/kernel/9.9/bzImage"; }
made_from() { grep '^made from' "$small/build/kernel/9.9/out/build.log"; }

new_tree
expect 'build' 0 'pass' build
verdict 'the patches are in what is built' test "$(built)" = $'one\ntwo\nnew line\nthree\nfour\nnew file'
verdict 'the given source is left alone' test "$(cat "$tmp/linux/mm/a.c")" = $'one\ntwo\nthree'
rm -f "$small/build/kernel/9.9/out/build.log"
expect 'build again' 0 'pass' build
verdict 'nothing is made again' test ! -e "$small/build/kernel/9.9/out/build.log"
new_series 'another line'
expect 'build with another patch' 0 'pass' build
verdict 'only the changed file is made again' test "$(made_from)" = 'made from mm/a.c'
verdict 'the other patch is in what is built' test "$(built)" = $'one\ntwo\nanother line\nthree\nfour\nnew file'
DROP=ZRAM expect 'up to date: not even configured' 0 'pass' build
echo '# another' >>"$small/kernel/qemu/tam-base.config"
echo 'CONFIG_KSM=m' >>"$small/kernel/qemu/tam-base.config"
DROP=ZRAM expect 'a symbol is dropped' 2 'dropped CONFIG_ZRAM' build

new_tree
sed -i 's/two/deux/' "$tmp/linux/mm/a.c"
expect 'another base' 2 'for Linux 9.9.7, and this source (9.9.7) differs in mm/a.c' build
verdict 'and nothing was changed' test ! -e "$small/build/kernel/9.9/src/mm/new.c"
new_tree
touch "$tmp/linux/mm/new.c"
expect 'a file that must be absent' 2 'differs in mm/new.c, which the series adds' build
new_tree
sed -i 's/^ two/ zwei/' "$small/kernel/patches/9.9/0001-x.patch"
expect 'a patch that does not apply' 2 '0001-x.patch does not apply' build
new_tree
sed -i '/mm.new.c/d' "$small/kernel/patches/9.9/BASE"
expect 'a file that BASE does not name' 2 'adds mm/new.c' build
new_tree
rm "$small/kernel/patches/9.9/series"
expect 'no series' 2 'no series' build
new_tree

# ---- what is missing ----------------------------------------------------------------------------------------------------

mkdir -p "$small/bin"
for program in bash dirname nproc ls mkdir; do ln -sf "$(command -v "$program")" "$small/bin/$program"; done
expect 'no QEMU' 77 'SKIPPED: there is no QEMU' env PATH="$small/bin" "$small/kernel/qemu/tamk" test 9.9
expect 'no source' 77 'SKIPPED: there is no /usr/src/linux-source-9.9.tar.xz' "$small/kernel/qemu/tamk" build 9.9
expect 'no version' 2 'which version' "$tamk" build
expect 'another version' 2 'no patches for 5.4' "$tamk" build 5.4
expect 'another command' 2 'unknown command' "$tamk" bild
expect 'another option' 2 'unknown option --dbg' "$tamk" build 6.12 --dbg

# ---- the guest ----------------------------------------------------------------------------------------------------------

faults() {
    expect 'nothing is wrong' 0 pass "$tamk" test "$@" --plant none
    expect 'a WARNING' 3 'panic or splat: ' "$tamk" test "$@" --plant warn
    expect 'a panic' 3 'Kernel panic' "$tamk" test "$@" --plant panic
    expect 'a test fails' 1 'failed tests: 1 of ' "$tamk" test "$@" --plant fail
    expect 'a test ends early' 1 'failed tests: 1 of ' "$tamk" test "$@" --plant short
    expect 'a test hangs' 124 'timeout: not ok' "$tamk" test "$@" --plant hang
    expect 'the guest hangs' 124 'the last to start was planted' "$tamk" test "$@" --plant stuck --timeout 20
    expect 'the guest ends early' 2 'ended without a verdict' "$tamk" test "$@" --plant truncate
    if [[ " $* " == *' --unpatched '* ]]; then
        expect 'a skip, but on an unpatched kernel' 0 pass "$tamk" test "$@" --plant skip
    else
        expect 'a skip' 1 'expected-skips does not name' "$tamk" test "$@" --plant skip
    fi

    "$tamk" build "$@" 2>&1 | sed -n 's/^tamk: pass: \(.*\), [0-9]* s$/\1/p' | xargs -I {} cp {} "$tmp/silent"
    printf '\xeb\xfe' | dd of="$tmp/silent" bs=1 seek=512 conv=notrunc status=none   # its first instruction: jump to itself
    expect 'a kernel that says nothing' 124 'printed nothing in 5 s' "$tamk" test "$@" --plant none --kernel "$tmp/silent" --timeout 5
    expect 'no kernel' 2 'harness error: QEMU: exit status' "$tamk" test "$@" --plant none --kernel /etc/hostname
}

programs() {
    cat >"$tmp/copy.c" <<'EOF'
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	int c;

	while ((c = getchar()) != EOF)
		putchar(c);
	for (int i = 1; i < argc; i++)
		fprintf(stderr, "<%s>", argv[i]);
	if (argc > 1 && argv[1][0] == 'a')
		abort();
	return argc > 1 ? atoi(argv[1]) : 0;
}
EOF
    gcc -static -o "$tmp/copy" "$tmp/copy.c"
    head -c 3000001 /dev/urandom >"$tmp/stdin"
    expect 'run: exit status' 42 '<42><a b><>' "$tamk" run "$@" -- "$tmp/copy" 42 'a b' '' <"$tmp/stdin"
    verdict 'run: binary output, and nothing else' cmp "$tmp/stdin" "$tmp/stdout"
    expect 'run: no input' 0 '<0>' "$tamk" run "$@" -- "$tmp/copy" 0 </dev/null
    verdict 'run: no output' test ! -s "$tmp/stdout"
    expect 'run: closed input' 0 '<0>' "$tamk" run "$@" -- "$tmp/copy" 0 <&-
    expect 'run: a signal' 134 '<a>' "$tamk" run "$@" -- "$tmp/copy" a </dev/null
    expect 'run: a program that needs libraries' 2 'not a static program' "$tamk" run "$@" -- "$(command -v make)"
}

if (($# > 0)); then
    faults "$@"
    programs "$@"
fi

echo "$passed passed, $failed failed"
((failed == 0))
