# SPDX-License-Identifier: MIT
# How Doxygen reads a header: the namespace without the tag of the ABI, and a comment behind an enumerator or a member, but not
# one behind a statement, as the description of all that is declared on its line. A line that begins with what something costs is a
# paragraph of its own, as it is no error and no result. Specialisations of std's are left out.
{ sub(/^namespace tamalloc::inline TAMALLOC_ABI/, "namespace tamalloc") }

/^ *\/\/\/ (Constant time[,;. ]|Costs|From \/proc some|Linear|Proportional) / && block { sub(/\/\/\/ /, "/// \\par Cost\n/// ") }
{ block = /^ *\/\/\/ / }

/^template<.*> (inline constexpr bool (std::)?ranges::|struct std::)/ { print ""; next }

/^#/ || /\(.*\/\/ / && !/= (default|delete);/ || !match($0, /[,;] +\/\/ /) { print; next }

{
    code = substr($0, 1, RSTART)
    doc = " /**< " substr($0, RSTART + RLENGTH) " */"
    if (code !~ /^ +[a-z0-9_:]+ [a-z_]+( = 0)?(, [a-z_]+( = 0)?)+;$/) { print code doc; next }
    match(code, /^ +[a-z0-9_:]+ /)
    type = substr(code, 1, RLENGTH)
    n = split(substr(code, RLENGTH + 1, length(code) - RLENGTH - 1), names, ", ")
    for (i = 1; i <= n; ++i) printf "%s%s;%s", type, names[i], doc
    print ""
}
