#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a command that has to fail in exactly one way. Usage: expect_failure.sh STATUS REGEX COMMAND [ARGUMENT...]
# Passes when COMMAND exits with STATUS and a line of its output matches the extended regular expression REGEX.
# REGEX may be @FILE: then it is what follows "// expect-error: " in FILE.
status=$1 regex=$2
shift 2
case $regex in @*) regex=$(sed -n 's|^// expect-error: ||p' "${regex#@}") ;; esac
if [ -z "$regex" ]; then echo "no expected message is given"; exit 2; fi

output=$("$@" 2>&1)
actual=$?
if [ "$actual" -ne "$status" ]; then
    verdict="expected exit status $status, got $actual"
elif ! printf '%s\n' "$output" | grep -Eq -e "$regex"; then
    verdict="exit status $status as expected, but no line of the output matches: $regex"
else
    exit 0
fi
printf '%s\n%s\n' "$verdict" "$output"
exit 1
