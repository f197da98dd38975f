# SPDX-License-Identifier: MIT
# What DejaGnu's directives say of tests of libstdc++, a line for each: "TEST run STANDARD OPTION...", "TEST skip REASON"
# or "TEST stale TEXT".
# libstdc++ 12 runs a test in C++17 unless it says otherwise; what asks for a later standard is run in that one.
# -v group=GROUP -v skips=FILE, with lines GROUP TEST TEXT: a TEST that says TEXT is skipped; one that does not say it is stale.
BEGIN {
    while ((getline line < skips) > 0) {
        split(line, words, " ")
        if (words[1] == group) known[words[2]] = substr(line, length(words[1] " " words[2] " ") + 1)
    }
}
function verdict(    given) {
    if (test in known) {
        print test, said ? "skip it says:" : "stale", known[test]
        return
    }
    if (options ~ /\.so/) reason("dg-options: it wants a shared library")
    given = "-std=gnu++" standard
    if (match(options, /-std=(gnu|c)\+\+[0-9][0-9a-z]/)) {
        given = substr(options, RSTART, RLENGTH)
        sub(/-std=(gnu|c)\+\+[0-9][0-9a-z]/, "", options)
    }
    sub(/2a$/, "20", given)   # the same
    if (why != "") print test, "skip", why
    else print test, "run", given, options
}
function reason(text) { if (why == "") why = text }
function string(line,    words) { split(line, words, "\""); return words[2] }   # the first one of a directive
FNR == 1 {
    if (test != "") verdict()
    test = FILENAME
    why = options = said = ""
    standard = 17
}
test in known && index($0, known[test]) { said = 1 }
/dg-do +(compile|preprocess|assemble|link)/ { match($0, /dg-do +[a-z]+/); reason(substr($0, RSTART, RLENGTH)) }
/dg-do +run.*xfail/ { reason("dg-do run, xfail: it has to fail") }
/dg-do +run.*target.*_only/ { reason("dg-do run: for one standard, and not the default") }
/dg-(error|warning|bogus)/ { reason("dg-error: it must not compile") }
/dg-require-(debug|parallel|profile)-mode/ { match($0, /dg-require-[a-z]+-mode/); reason(substr($0, RSTART, RLENGTH)) }
/dg-(do +run|require-effective-target)/ && match($0, /c\+\+[0-9][0-9]/) && !/!/ {
    wanted = substr($0, RSTART + 3, 2)
    if (wanted != "98" && wanted + 0 > standard + 0) standard = wanted
}
group == "new" && /^void *\* *operator new|^#include <replacement_memory_operators/ { reason("it has an operator new of its own: " $0) }
/dg-options/ { options = string($0) }
/dg-additional-options/ && !/simulator/ && !/target +[a-z*-]*(aix|darwin|mingw|vxworks|hpux)/ { options = options " " string($0) }
END { if (test != "") verdict() }
