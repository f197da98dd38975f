#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: docs/reference/tamstat.md names a package, an option, a target or a component that tamstat does not have. Types what stands there, but for the
# compilation and the installation, which tests/tool has: the targets are only looked for. Usage: tamstat.sh
# shellcheck source=tests/packaging/common.sh
. "$(dirname "$0")/../packaging/common.sh"
page=docs/reference/tamstat.md

tamstat() {
    local lines packages targets target
    mapfile -t lines < <(section $page "## Installation" | blocks sh)
    [ ${#lines[@]} = 4 ] || fail "$page has another number of commands: ${lines[*]}"
    read -ra packages <<< "${lines[0]#apt-get install }"
    quietly dpkg-query --status "${packages[@]}"
    copy_source copy
    cd copy
    quietly bash -c "${lines[1]}"
    read -ra targets <<< "${lines[2]#cmake --build build --target }"
    quietly cmake --build build --target help
    for target in "${targets[@]}"; do grep -qx "[.][.][.] $target" log || fail "there is no target $target"; done
    cd "$work"
    rm -r copy
    local component=${lines[3]#*--component }
    grep -q "^${component%% *}/bin/tamstat$" "$here/../packaging/installed_files.txt" || fail "no program in: ${lines[3]}"
}
mutants_tamstat() {
    mutant 'no target tamstat_completion' $page 's/--target tamstat tamstat_completions/--target tamstat tamstat_completion/'
    mutant 'no program in' $page 's/--component tamalloc_Tools/--component tamalloc_Development/'
    mutant "package 'libcli-dev' is not installed" $page 's/libcli11-dev/libcli-dev/'
}

run_route tamstat
