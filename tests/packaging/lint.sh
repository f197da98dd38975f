#!/bin/bash
# SPDX-License-Identifier: MIT
# Rules that hold for every file. Usage: lint.sh RULE, where RULE is a function below.
set -euo pipefail
cd "$(dirname "$0")/../.."

# From the bottom up: a header may include only headers that stand before it here, and detail/. The headers of a folder
# have the layer of the header that is named like the folder.
layers="version config expected error zero_init page_source discovery mmap_source kernel_source system_source residency recycling_source
    default_source fresh_run allocator memory_resource zeroed_array sparse_vector
    stats mappings format zero_init_atomic range_v3 testing tamalloc"

includes() {
    (cd include && grep -rn '^ *# *include' tamalloc) | awk -v layers="$layers" '
        function bad(why) { print $0 ": " why; failed = 1 }
        function layer(path) { sub(/^tamalloc\//, "", path); sub(/(\/.*|\.hpp)$/, "", path); return height[path] }
        BEGIN { count = split(layers, names); for (i = 1; i <= count; ++i) height[names[i]] = i }
        {
            file = $0; sub(/:.*/, "", file)
            name = $0; sub(/^[^:]*:[^:]*: *# *include */, "", name)
            own = name ~ /^"/
            sub(/^[<"]/, "", name); sub(/[>"].*$/, "", name)
            detail = file ~ /^tamalloc\/detail\//
            system_calls = detail || file ~ /^tamalloc\/testing\//

            if (!detail && !layer(file)) bad("a header without a place in the list of layers")
            else if (own && name ~ /^tamalloc\/detail\//) ;
            else if (own && !layer(name)) bad("no such layer")
            else if (own && !detail && layer(name) >= layer(file) && !(name ~ /\/.*\//)) bad("not below this header")
            else if (own && !detail && layer(name) > layer(file)) bad("not below this header")
            else if (own) ;
            else if (name ~ /^range\/v3\//) { if (file != "tamalloc/range_v3.hpp") bad("only through range_v3.hpp") }
            else if (name == "tl/expected.hpp") { if (file != "tamalloc/expected.hpp") bad("only through expected.hpp") }
            else if (name ~ /\// && name !~ /^(sys|linux|asm|sanitizer)\//) bad("the header of another project")
            else if (name ~ /[.\/]/ && !system_calls) bad("outside detail/ only the standard library")
        }
        END { exit failed }'
    # What the order of layers does not rule out: a header of detail/ or of a folder that comes back to itself.
    (cd include && grep -rHo '^ *# *include *"[^"]*' tamalloc) | sed 's/:.*"/ /' | tsort > /dev/null
}

licences() {
    if ! git rev-parse --show-toplevel > /dev/null 2>&1; then echo "SKIPPED: not a git work tree"; exit 77; fi
    if ! command -v reuse > /dev/null; then echo "SKIPPED: reuse is not installed"; exit 77; fi
    reuse lint
    # .reuse/dep5 covers every file, so reuse alone would not miss the line in a file that can hold one. What a program
    # wrote does not.
    local missing
    missing=$(git ls-files -z --cached --others --exclude-standard -- ':!LICENSE*' ':!*.json' ':!.reuse' ':!docs/bench' ':!docs/test-logs' ':!kernel/patches' \
        ':!packaging/vcpkg/ports/*/usage' ':!tests/tool/fixtures' ':!tests/tool/golden' ':!tests/tool/fuzz/corpus' |
        xargs -0 awk 'FNR > 3 { nextfile } /SPDX-License-Identifier[:] / { found[FILENAME] }
            FNR == 1 { all[FILENAME] } END { for (f in all) if (!(f in found)) print f }')
    if [ -n "$missing" ]; then printf 'no SPDX line at the top:\n%s\n' "$missing"; exit 1; fi
}

"$1"
