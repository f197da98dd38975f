# SPDX-License-Identifier: MIT
# Sourced: what programs that are not static need in the guest of kernel/qemu/tamk, in a folder for its option --files.
# shellcheck shell=bash

# Usage: add_libraries FOLDER PROGRAM...: those that these were linked with
add_libraries() {
    local library
    { ldd "${@:2}" 2>/dev/null || true; } | { grep -oE '/[^ ]+ \(' || true; } | sort -u | while read -r library _; do
        install -D "$library" "$1$library"
    done
}

# Usage: add_programs FOLDER PROGRAM...: to its /bin, with their libraries
add_programs() {
    install -D -t "$1/bin" "${@:2}"
    add_libraries "$@"
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
