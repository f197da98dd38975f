# SPDX-License-Identifier: MIT
# Sourced: what programs that are not static need in the guest of kernel/qemu/tamk, in a folder for its option --files.
# shellcheck shell=bash

# Usage: add_programs FOLDER PROGRAM...: to its /bin, with the libraries that they were linked with
add_programs() {
    local folder=$1 program library
    shift
    for program in "$@"; do
        install -D "$program" "$folder/bin/${program##*/}"
        { ldd "$program" 2>/dev/null || true; } | { grep -oE '/[^ ]+' || true; } | while IFS= read -r library; do
            install -D "$library" "$folder$library"
        done
    done
}

# Usage: add_shell FOLDER: busybox, which does what sh and others do
add_shell() {
    local busybox name
    busybox=$(command -v busybox) || {
        echo "SKIPPED: there is no busybox; the package that has it: busybox-static"
        exit 77
    }
    add_programs "$1" "$busybox"
    for name in $("$busybox" --list); do
        [[ $name == busybox || -e $1/bin/$name ]] || ln -s busybox "$1/bin/$name"
    done
}
