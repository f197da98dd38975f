# SPDX-License-Identifier: MIT
# Sourced by scripts/demo and scripts/test: installs the Debian packages that are missing, and Conan, and fetches kernels.
# shellcheck shell=bash

# Usage: install_packages NAME...
# One apt-get call for all of them: libc++-19-dev replaces libc++1-14, which a second call would take for a conflict.
install_packages() {
    local package as_root=() missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then
        echo "==> packages: all $# are installed"
        return
    fi
    echo "==> packages: installing ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "This is not Debian: install what these Debian 12 packages hold, or use a Debian 12 container." >&2
        exit 1
    fi
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "Packages are missing and there is no sudo. As root: apt-get install ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    if ! "${as_root[@]}" update; then
        echo "apt-get update failed: no package lists, so nothing can be installed." >&2
        exit 1
    fi
    for package in "${missing[@]}"; do
        if [[ -z $(apt-cache show --no-all-versions "$package" 2>/dev/null) ]]; then
            echo "No package source of this machine has $package; Debian 12 (bookworm, main) does." >&2
            exit 1
        fi
    done
    if ! "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null; then
        echo "apt-get could not install ${missing[*]}." >&2
        exit 1
    fi
}

# Usage: fetch_kernels FOLDER RELEASE...
# Of Debian's kernels what boots in a guest of QEMU: boot/vmlinuz-RELEASE and the drivers of virtio. They are not installed,
# as that would make them the kernels of this machine.
fetch_kernels() {
    local folder=$1 release packages
    shift
    for release in "$@"; do
        if [[ -e $folder/boot/vmlinuz-$release ]]; then continue; fi
        echo "==> packages: fetching linux-image-$release"
        packages=$(mktemp -d)
        mkdir -p "$folder"
        if ! (cd "$packages" && apt-get -qq -o APT::Sandbox::User=root download "linux-image-$release") ||
            ! dpkg --fsys-tarfile "$packages"/*.deb | tar -x -C "$folder" --wildcards '*virtio*.ko*' './boot/vmlinuz-*'; then
            echo "apt-get could not fetch linux-image-$release. Are the headers older than the package lists?" >&2
            exit 1
        fi
        rm -r "$packages"
    done
}

# Debian has no Conan. Usage: install_conan FOLDER, for a virtual environment of Python: FOLDER/bin/conan
install_conan() {
    if "$1/bin/conan" --version >/dev/null 2>&1; then return; fi
    echo "==> packages: installing Conan in $1"
    if ! python3 -m venv --clear "$1" || ! "$1/bin/pip" install -q --disable-pip-version-check 'conan>=2.9,<3'; then
        echo "pip could not install Conan." >&2
        exit 1
    fi
}
