# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# To be sourced: what a figure depends on beside the code. Says nothing that names the machine.
machine() {
    date -u '+%Y-%m-%d %H:%M UTC'
    echo "commit $(git rev-parse --short HEAD)$(git diff --quiet HEAD -- . ':!docs' ':!*.md' || echo ', with changes')"
    lscpu | grep -E '^(Architecture|CPU\(s\)|Model name|Hypervisor vendor)'
    grep MemTotal /proc/meminfo
    echo "Linux $(uname -r | grep -oE '^[0-9.]+') $(uname -m), load average $(cut -d ' ' -f 1-3 /proc/loadavg)"
    echo "transparent huge pages: $(cat /sys/kernel/mm/transparent_hugepage/enabled)"
    echo "vm.overcommit_memory: $(cat /proc/sys/vm/overcommit_memory)"
    g++-12 --version | head -n 1
    clang++-19 --version | head -n 1
}
