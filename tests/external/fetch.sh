#!/bin/bash
# SPDX-License-Identifier: MIT
# Fetches the suites of others from Debian and unpacks what of them is run, in build/external/sources. Nothing of them is installed,
# and the machine's list of package sources stays as it is. Needs a network the first time. Usage: fetch.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
sources=build/external/sources
mkdir -p "$sources"
sources=$(realpath "$sources")
download=$(mktemp -d)
at_exit() {
    local status=$?
    rm -rf "$download"
    ((status == 0)) || echo "The tests of others could not be fetched from Debian." >&2
}
trap at_exit EXIT

apt=(apt-get -qq -o APT::Sandbox::User=root)   # or _apt, which may not write here

# What the function puts into the folder it is in becomes $sources/NAME. Usage: once NAME, which is the function
once() {
    if [[ -d $sources/$1 ]]; then return; fi
    echo "==> packages: fetching the tests of $1"
    mkdir "$download/$1"
    cd "$download/$1"
    "$1"
    mv "$download/$1" "$sources/$1"
}

# Lists of Debian's source packages of our own, beside the machine's: most machines have none.
read_lists() {
    local site
    lists=("${apt[@]}" -o Dir::Etc::SourceList="$download/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$download/lists" -o Dir::Cache="$download/cache")
    if [[ -e $download/sources.list ]]; then return; fi
    # shellcheck disable=SC2016   # for apt-get
    site=$(apt-get indextargets --format 'deb-src $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' \
        'Label: Debian' 'Codename: bookworm' 'Component: main' | head -n 1)
    if [[ ! $site ]]; then
        echo "No package source of this machine is Debian 12 (bookworm, main)." >&2
        exit 1
    fi
    mkdir -p "$download/lists/partial" "$download/cache/archives/partial"
    echo "$site" >"$download/sources.list"
    "${lists[@]}" update
}

# Of a source package. Usage: unpack PACKAGE PATTERN...
unpack() {
    read_lists
    "${lists[@]}" source --download-only "$1"
    tar -xf "$1"_*.orig.tar.* --strip-components=1 --wildcards "${@:2}"
    rm ./"$1"_*
}

libstdcxx() {
    "${apt[@]}" download gcc-12-source
    dpkg --fsys-tarfile gcc-12-source_*.deb | tar -x --wildcards --to-stdout '*/gcc-12*.tar.xz' |
        { tar -xJ --strip-components=3 --wildcards '*/libstdc++-v3/testsuite/'{20_util,21_strings,23_containers,util} && cat >/dev/null; }
    rm gcc-12-source_*.deb
}
mimalloc() { unpack mimalloc '*/test/*'; }
boost_container() { unpack boost1.74 '*/libs/container/test/*'; }

for suite in libstdcxx mimalloc boost_container; do once "$suite"; done
