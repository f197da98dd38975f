#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Hazard: a module that builds and runs only with the kernel of whoever wrote it. Builds it with the headers of Debian's kernels
# 6.1 and 6.12, alone and through DKMS, and tests it in these very kernels.
# Usage: check.sh releases | build | stock [CYCLES] | library PROGRAM | patched [CYCLES [--debug]]
#   releases  those kernels: the newest of each series for which headers are installed
#   build     warnings, sparse, checkpatch, DKMS
#   stock     what `build` has built, in the kernels that fetch_kernels of scripts/packages.sh has unpacked
#   library   its unit tests in such a kernel with the module; PROGRAM is their static build
#   patched   the same as stock in the kernel of `tamk build 6.12`
set -euo pipefail
export LC_ALL=C
module=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=${module%/kernel/module}
work=$root/build/kernel/module
kernels=$root/build/kernel/debian   # boot/ and lib/ of Debian's images
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$module/dkms.conf")

die() {
    echo "$*" >&2
    exit 1
}

# /usr/src/linux-headers-RELEASE, not of the variants for clouds and realtime.
headers() {
    local series found
    for series in 6.1 6.12; do
        found=$(find /usr/src -maxdepth 1 -regextype posix-extended -regex ".*/linux-headers-${series/./\\.}\.[0-9][^-]*(-[0-9]+)?-amd64" |
            sort -V | tail -n 1)
        [[ -n $found ]] || die "there are no headers of Linux $series; scripts/test installs them"
        echo "$found"
    done
}

# ---- build ---------------------------------------------------------------------------------------------------------

# Builds a copy, as an M= build writes where the sources are. Warnings of the kernel's own headers are not ours.
build() {   # NAME KDIR [ARGUMENT of make]...
    local copy=$work/$1 log=$work/$1.log
    rm -rf "$copy"
    mkdir -p "$copy"
    cp -r "$module"/{Kbuild,Makefile,dkms.conf,probe,*.[ch]} "$copy"
    make -C "$copy" KDIR="$2" "${@:3}" modules >"$log" 2>&1 || {
        grep -E 'error|undefined' "$log" >&2 || tail -n 20 "$log" >&2
        die "the module does not build with $2; log: $log"
    }
    if grep -E 'warning:|error:|WARNING' "$log" | grep -vE '^/?[^ ]*/include/'; then die "warnings with $2; log: $log"; fi
    check_probe "$copy" "$2"
}

# The fallback of a probe works as well, so that nobody would notice one that always fails.
check_probe() {   # DIRECTORY KDIR
    local has=no uses=no
    if grep -rqs 'get_mm_counter_sum' "$2/include/linux/mm.h" "$(common "$2")/include/linux/mm.h"; then has=yes; fi
    if nm -u "$1/tamalloc_stats.ko" | grep -q '__percpu_counter_sum'; then uses=yes; fi
    [[ $has == "$uses" ]] || die "get_mm_counter_sum with $2: there $has, used $uses"
    echo "$(basename "$2"): get_mm_counter_sum: $has"
}
common() { sed -n 's|^include \(.*\)/Makefile$|\1|p' "$1/Makefile" | head -n 1; }

check_style() {
    local checkpatch=$root/build/kernel/6.12/src/scripts/checkpatch.pl
    [[ -e $checkpatch ]] || die "there is no $checkpatch; tamk build 6.12 unpacks it"
    (cd "$module" && perl "$checkpatch" --no-tree --strict --terse --show-types -f -- *.[ch] probe/*.c) || die "checkpatch"
}

check_version() {
    grep -qF "#define TAMALLOC_VERSION_STRING \"$version\"" "$root/include/tamalloc/version.hpp" ||
        die "dkms.conf says $version, and include/tamalloc/version.hpp something else"
}

check_dkms() {   # KDIR
    local tree=$work/dkms kernel=${1##*linux-headers-}
    rm -rf "$tree"
    mkdir -p "$tree/tree"
    cmake -S "$root" -B "$tree/build" -DTAMALLOC_BUILD_TESTS=OFF -DTAMALLOC_BUILD_TOOLS=OFF -DTAMALLOC_BUILD_EXAMPLES=OFF >"$work/dkms.log"
    cmake --install "$tree/build" --component tamalloc_Kernel --prefix "$tree" >>"$work/dkms.log"   # into $tree/src
    dkms build -m tamalloc-stats -v "$version" -k "$kernel" --kernelsourcedir "$1" --dkmstree "$tree/tree" \
        --sourcetree "$tree/src" >"$work/dkms.log" 2>&1 || {
        cat "$work/dkms.log" "$tree"/tree/tamalloc-stats/*/build/make.log >&2 2>/dev/null
        die "dkms build for $kernel"
    }
    find "$tree/tree/tamalloc-stats/$version/$kernel" -name 'tamalloc_stats.ko*' | grep . || die "dkms built no module"
}

check_build() {
    local kdir
    check_version
    check_style
    for kdir in $(headers); do
        build "${kdir##*linux-headers-}" "$kdir" W=1 C=2
        check_dkms "$kdir"
    done
}

# ---- run -----------------------------------------------------------------------------------------------------------

# The drivers of the ports through which a guest reports, in the order in which they depend on each other.
drivers() {   # RELEASE
    local name file output=$work/drivers-$1
    mkdir -p "$output"
    for name in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console; do
        file=$(find "$kernels/lib/modules/$1" -name "$name.ko*" | head -n 1)
        case $file in
            *.xz) xz -dc "$file" >"$output/$name.ko" ;;
            *.ko) cp "$file" "$output/$name.ko" ;;
            *) continue ;;   # built in
        esac
        printf '%s\0' --load "$output/$name.ko"
    done
}

# Runs the tests of the module and judges. What takes a guest's time is the reading: its processor is emulated.
run() {   # NAME CYCLES OPTION of tamk...
    local name=$1 cycles=$2 status=0 output=$work/$1.out start=$SECONDS
    make -s -C "$module/test" OUTPUT="$work"
    "$root/kernel/qemu/tamk" run 6.12 "${@:3}" -- "$work/module_test" "$cycles" \
        <"$work/$name/tamalloc_stats.ko" >"$output" || status=$?
    echo "== $name, $cycles cycles, $((SECONDS - start)) s"
    ((status != 77)) || exit 77   # tamk has said why
    python3 "$module/test/judge.py" "$output" || status=1
    ((status == 0)) || die "$name: exit status $status; output: $output"
}

need_kernel() {   # RELEASE
    if [[ -e $kernels/boot/vmlinuz-$1 ]]; then return; fi
    echo "SKIPPED: there is no $kernels/boot/vmlinuz-$1; scripts/test fetches it"
    exit 77
}

check_stock() {   # CYCLES
    local kdir kernel loads
    for kdir in $(headers); do
        kernel=${kdir##*linux-headers-}
        need_kernel "$kernel"
        mapfile -d '' loads < <(drivers "$kernel")
        run "$kernel" "$1" --kernel "$kernels/boot/vmlinuz-$kernel" "${loads[@]}"
    done
}

# The library's tests of statistics, with the module loaded, in the newest of these kernels. PROGRAM is a static build. No process
# of a storm lives long enough to be seen by an emulated processor.
check_library() {   # PROGRAM
    local kernel loads
    kernel=$(headers | tail -n 1)
    kernel=${kernel##*linux-headers-}
    need_kernel "$kernel"
    mapfile -d '' loads < <(drivers "$kernel")
    loads+=(--load "$work/$kernel/tamalloc_stats.ko")
    "$root/kernel/qemu/tamk" run 6.12 --kernel "$kernels/boot/vmlinuz-$kernel" "${loads[@]}" -- "$1" --no-colors \
        "--source-file=*stats_test.cpp" "--test-case-exclude=*in a storm*" >"$work/library.out" || die "the library with $kernel; output: $work/library.out"
    if ! grep -E 'test cases: +[1-9]' "$work/library.out"; then die "no test was run; output: $work/library.out"; fi
    if grep 'the module tamalloc_stats is not loaded' "$work/library.out"; then die "the library does not find the module"; fi
}

check_patched() {   # CYCLES [--debug]
    local debug=${2:-}
    "$root/kernel/qemu/tamk" build 6.12 "${@:2}"
    build "patched$debug" "$root/build/kernel/6.12/out${debug#-}"
    run "patched$debug" "$@"
    if grep -a '^# this kernel has no' "$work/patched$debug.out"; then die "the tests do not find that the kernel is patched"; fi
}

mkdir -p "$work"
case ${1:-} in
    releases) headers | sed 's/.*linux-headers-//' ;;
    build) check_build ;;
    stock) check_stock "${2:-20}" ;;
    library) check_library "${2:?Usage: check.sh library PROGRAM}" ;;
    patched) check_patched "${2:-20}" "${@:3}" ;;
    *)
        sed -n '5,10s/^# //p' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
esac
