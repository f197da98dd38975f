#!/bin/sh
# SPDX-License-Identifier: MIT
# In the guest, by busybox: runs the programs that /kselftest/list names, and says what each printed and how it ended. Usage: run SECONDS of each
# What run_vmtests.sh prepares is prepared here.
cd /kselftest || exit 2
echo 128 >/proc/sys/vm/nr_hugepages
while read -r _ directory program arguments; do
    echo "# start: $directory $program${arguments:+ $arguments}"
    start=$(date +%s)
    user=root
    if [ "$program" = on-fault-limit ]; then user=nobody; fi   # it refuses to run as root
    timeout -s KILL "$1" su -s /bin/sh "$user" -c "exec ./$program $arguments" </dev/null >output 2>&1
    status=$?
    sed 's/^/  /' output
    echo
    echo "# exit: $status"
    echo "# seconds: $(($(date +%s) - start))"
    kill -9 -1   # what it left behind; not this shell, nor the first process
done <list
