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
    cp tamk init.c splats tam-*.config "$small/kernel/qemu"
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
modules:
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
expect 'build from a directory' 0 'pass' build
echo five >"$tmp/linux/mm/c.c"
expect 'build after a change inside' 0 'pass' build
verdict 'the change is in what is built' test "$(built)" = $'one\ntwo\nnew line\nthree\nfour\nfive\nnew file'

# A build in which PROGRAM writes only the beginning of the file TARGET, and tamk is killed then.
mkdir "$tmp/half"
half() {   # PROGRAM TARGET
    cat >"$tmp/half/$1" <<EOF
#!/bin/bash
$(command -v "$1") "\$@"
if [[ \${!#} == $2 ]]; then truncate -s 3 "\${!#}" && kill -KILL \$PPID; fi
EOF
    chmod +x "$tmp/half/$1"
    PATH=$tmp/half:$PATH build
}
new_tree
expect 'killed while it patches' 137 'Killed' half mv '*/src/mm/new.c'
expect 'build after that' 0 'pass' build
new_tree
expect 'killed while it keeps a file' 137 'Killed' half cp '*/pristine/mm/a.c*'
expect 'build after that' 0 'pass' build
rm -r "$tmp/half"

expect 'clean of what is no version' 2 '../../kernel is not a version' "$small/kernel/qemu/tamk" clean ../../kernel
expect 'clean of another version' 2 'no patches for 5.4' "$small/kernel/qemu/tamk" clean 5.4
verdict 'and nothing is removed' test -e "$small/build/kernel/9.9" -a -e "$small/kernel/patches"
expect 'clean' 0 'pass: removed' "$small/kernel/qemu/tamk" clean 9.9/
verdict 'and it is gone' test ! -e "$small/build/kernel/9.9"

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
touch "$small/build"
expect 'nothing can be written' 2 'harness error: broken off in: mkdir' build
new_tree
mkdir "$tmp/a b"
cp -r "$small/kernel" "$tmp/a b"
expect 'a path with a space' 2 'below a path with a space' "$tmp/a b/kernel/qemu/tamk" build 9.9 --src "$tmp/linux"

# ---- what is missing ----------------------------------------------------------------------------------------------------

mkdir -p "$small/bin"
for program in bash dirname nproc ls mkdir; do ln -sf "$(command -v "$program")" "$small/bin/$program"; done
expect 'no QEMU' 77 'SKIPPED: there is no QEMU' env PATH="$small/bin" "$small/kernel/qemu/tamk" test 9.9
expect 'no source' 77 'SKIPPED: there is no /usr/src/linux-source-9.9.tar.xz' "$small/kernel/qemu/tamk" build 9.9
expect 'no version' 2 'which version' "$tamk" build
expect 'another version' 2 'no patches for 5.4' "$tamk" build 5.4
expect 'another command' 2 'unknown command' "$tamk" bild
expect 'another option' 2 'unknown option --dbg' "$tamk" build 6.12 --dbg
expect 'another fault' 2 'fial is not a fault' "$small/kernel/qemu/tamk" test 9.9 --plant fial
expect 'no time' 2 '--timeout 0 is not' "$small/kernel/qemu/tamk" test 9.9 --timeout 0
expect 'an octal time' 2 '--timeout 08 is not' "$small/kernel/qemu/tamk" test 9.9 --timeout 08
expect 'doctor: no source' 1 'tamk: missing: ' "$small/kernel/qemu/tamk" doctor 9.9

# ---- judging: a program in the place of QEMU ----------------------------------------------------------------------------

mkdir "$tmp/qemu"
cat >"$tmp/qemu/qemu-system-x86_64" <<'EOF'
#!/bin/bash
say() { printf '%s\n' "$@" >>report && printf '[    1.000000] tam: %s\n' "$@" >>console.raw; }
kill_tamk() { read -r _ _ _ tamk _ </proc/$PPID/stat && kill "$tamk"; }
eval "$GUEST"
EOF
chmod +x "$tmp/qemu/qemu-system-x86_64"
guest() {   # WHAT_HAPPENS_THERE COMMAND ARGUMENT...
    GUEST=$1 DROP=^$ PATH=$tmp/qemu:$PATH "$small/kernel/qemu/tamk" "$2" 9.9 --src "$tmp/linux" "${@:3}"
}
kept=$small/build/kernel/9.9
ends='say 1..1 "ok 1 planted" "# verdict: pass"'

expect 'a guest' 0 'pass: 1 programs' guest "$ends" test --plant none
expect '--only leaves the fault there' 0 'pass: 1 programs' guest "grep -q planted root/tam/tests && $ends" test --plant none --only x
expect 'no test' 2 'nothing to test' guest "$ends" test
expect 'another build meanwhile' 0 'pass' guest "grep -q 'new line' kernel && $ends" test --plant none
ln -sf /dev/null "$kept/console.log"
expect 'another guest meanwhile' 3 'WARNING' guest "echo 'WARNING: x' >console.raw; $ends" test --plant none
expect 'no verdict' 2 'without a verdict' guest 'say 1..1 "ok 1 planted"' test --plant none
expect 'another verdict' 2 'another verdict: maybe' guest 'say 1..1 "ok 1 planted" "# verdict: maybe"' test --plant none
expect 'a skip in small letters' 1 'expected-skips does not name' guest "say '    ok 1 a # skip b'; $ends" test --plant none
skip='say "# start: x" "    ok 1 a # SKIP b c"'
echo 'x: b ?' >"$small/kernel/patches/9.9/expected-skips"
expect 'a skip that is expected' 0 'pass' guest "$skip; $ends" test --plant none
echo 'y: b ?' >"$small/kernel/patches/9.9/expected-skips"
expect 'a skip that is expected elsewhere' 1 'expected-skips does not name' guest "$skip; $ends" test --plant none
rm "$small/kernel/patches/9.9/expected-skips"
echo 'x: b ?' >"$small/kernel/patches/9.9/expected-skips-arm64"
expect 'a skip that is expected on arm64' 1 'expected-skips does not name' guest "$skip; $ends" test --plant none
rm "$small/kernel/patches/9.9/expected-skips-arm64"
echo 'x: b ?' >"$small/kernel/patches/9.9/expected-skips-no-debug"
expect 'a skip that is expected without --debug' 0 'pass' guest "$skip; $ends" test --plant none
expect 'and with it' 1 'expected-skips does not name' guest "$skip; $ends" test --plant none --debug
rm "$small/kernel/patches/9.9/expected-skips-no-debug"
expect 'QEMU complains' 2 'QEMU: exit status 1, first' guest 'echo first >&2; echo second >&2; exit 1' test --plant none
expect 'QEMU is killed' 2 'QEMU: exit status 137' guest 'kill -KILL $$' test --plant none
expect 'QEMU does not end' 124 'no end after 1 s; the last to start was x' \
    guest 'say "# start: x"; trap "" TERM; while :; do sleep 0.1; done' test --plant none --timeout 1
expect 'a signal' 2 'harness error: interrupted' guest 'kill_tamk; sleep 60' test --plant none
mkdir "$kept/run.123456"
touch -d '2 days ago' "$kept/run.123456"
expect 'a guest after others' 0 'pass' guest "$ends" test --plant none
verdict 'nothing is left of guests' test -z "$(find "$kept" -name 'run.*')"

echo 'int main(void) { return 0; }' | gcc -static -x c -o "$tmp/program" -
to_full() { "$@" >/dev/full; }
to_nobody() { "$@" | true; }
ends='echo x >stdout; echo y >stderr; say "# exit: 5" "# verdict: pass"'
expect 'run' 5 'y' guest "$ends" run -- "$tmp/program"
expect 'run: output is lost' 2 'standard output could not be written' to_full guest "$ends" run -- "$tmp/program"
expect 'run: nobody reads on' 5 'y' to_nobody guest "echo x >stdout; sleep 0.5; $ends" run -- "$tmp/program"
expect 'run: no program' 2 'x: no such file' guest "$ends" run -- x
expect 'run: not executable' 2 'init.c is not executable' guest "$ends" run -- "$PWD/init.c"

in_terminal() { script -qec "GUEST='$1' DROP=^$ PATH=$tmp/qemu:\$PATH $small/kernel/qemu/tamk ${*:2} 9.9 --src $tmp/linux" /dev/null >&2; }
echo 'int main(void) { return 0; }' | gcc -static -x c -o "$tmp/qemu/busybox" -
expect 'shell: no terminal' 2 'is not a terminal' guest '' shell </dev/null
expect 'shell: no init' 2 'did not come as far as init' in_terminal 'true' shell
expect 'shell' 0 'pass' in_terminal 'say x' shell

# ---- judging: init.c, on this kernel ------------------------------------------------------------------------------------

cat >"$tmp/judge.c" <<EOF
#define main init
#include "$PWD/init.c"
#undef main

int main(int argc, char **argv)
{
	struct test t = { .planned = -1, .name = "x" };

	report = 2;
	if (argc > 1) {
		take_output(&t, 0);
		judge(&t, atoi(argv[1]) << 8);
	} else {
		while (fgets(t.line, sizeof(t.line), stdin))
			judge_line(strtok(t.line, "\n"));
		judge_kunit();
	}
}
EOF
gcc -Wall -Wextra -Wno-unused-result -o "$tmp/judge" "$tmp/judge.c"
judged() { printf '%s\n' "${@:2}" | "$tmp/judge" ${1:+"$1"}; }
expect 'exit status 0' 0 'ok 1 x' judged 0 1..1 'ok 1 a'
expect 'exit status 4' 0 'ok 1 x # SKIP b' judged 4 1..1 'ok 1 a # SKIP b'
expect 'exit status 4 and a failure' 0 'not ok 1 x # 1 of 2 failed' judged 4 1..2 'not ok 1 a' 'ok 2 b # SKIP c'
expect 'exit status 4 and a skip in small letters' 0 'ok 1 x # SKIP b' judged 4 1..1 'ok 1 a # skip b'
expect 'exit status 4 and a skip without a reason' 0 'ok 1 x # SKIP no reason given' judged 4 1..1 'ok 1 a # SKIP'
expect 'KUnit' 0 'ok 1 kunit' judged '' '# Totals: pass:2 fail:0 skip:0 total:2'
expect 'KUnit skips' 0 'ok 1 kunit # SKIP 1 of 3 skipped' judged '' '# Totals: pass:2 fail:0 skip:1 total:3'
expect 'KUnit fails' 0 'not ok 1 kunit # 1 of 3 failed' judged '' '# Totals: pass:2 fail:1 skip:1 total:4'

splat() { grep -qEf <(grep -v '^#' splats) <<<"$1"; }
for line in 'mm/pgtable-generic.c:53: bad pmd (____ptrval____)(8000000012345067)' 'swap_dup: Bad swap file entry 7c00000000000001' \
    'get_swap_device: Unused swap offset entry 00000001' 'unrecognized swap entry 0x1' \
    'sysctl table check failed: vm/x No proc_handler' 'kobject_add_internal failed for x (error: -12 parent: mm)' \
    'Initramfs unpacking failed: junk within compressed archive'; do
    verdict "a splat: $line" splat "$line"
done

# ---- what uses tamk: a program in its place -----------------------------------------------------------------------------

cp check-mutants.sh "$small/kernel/qemu"
mkdir "$small/tests"
cp ../../tests/guest.sh "$small/tests"
cat >"$small/kernel/qemu/tamk" <<'EOF'
#!/bin/bash
eval "$GUEST"
EOF
instead() { GUEST=$1 bash "$small/$2" x 9.9 syscall </dev/null >&2; }   # OF_TAMK SCRIPT
echo 't|mm/a.c|s/a/b/|fault' >"$small/kernel/qemu/mutants"
expect 'a mutant is noticed' 0 '1 passed, 0 failed' instead 'echo "tamk: failed tests: 1 of 3"; exit 1' kernel/qemu/check-mutants.sh
expect 'a mutant, but tamk breaks off' 1 '0 passed, 1 failed' instead 'exit 1' kernel/qemu/check-mutants.sh
: >"$small/kernel/qemu/mutants"
expect 'no mutant' 1 '0 passed, 0 failed' instead 'exit 1' kernel/qemu/check-mutants.sh
expect 'unit tests' 0 'test cases: 1' instead 'echo "test cases: 1"' tests/guest.sh
expect 'unit tests: none' 1 'no test was run' instead 'echo "test cases: 0"' tests/guest.sh
expect 'unit tests: no swap space' 1 'has no swap space' instead 'echo "test cases: 1"; echo "nothing is swapped out"' tests/guest.sh
expect 'unit tests: no QEMU' 77 'SKIPPED: x' instead 'echo "tamk: SKIPPED: x" >&2; exit 77' tests/guest.sh

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
