#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: a page or a completion script that is installed where nobody looks for it, or a program of another version.
# Usage: installed.sh BUILD_DIRECTORY
set -euo pipefail

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cmake --install "$1" --component tamalloc_Tools --prefix "$stage" >/dev/null
golden=$(dirname "$0")/../packaging/installed_files.txt
diff <(sed -n 's|^tamalloc_Tools/||p' "$golden") <(cd "$stage" && find . -type f -printf '%P\n' | LC_ALL=C sort)
"$stage/bin/tamstat" --version |
    diff <(sed -n 's/^#define TAMALLOC_VERSION_STRING "\(.*\)"$/tamstat \1/p' "$(dirname "$0")/../../include/tamalloc/version.hpp") -
# Each is whole, and what the program writes now.
for shell in bash zsh fish; do
    "$stage/bin/tamstat" completion "$shell" | diff -q - "$(find "$stage/share" -path "*$shell*" -name '*tamstat*')"
done
