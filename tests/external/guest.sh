#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard: what holds over mmap does not hold over the system calls. Runs what the runners beside it built and ran on this machine
# once more, the same files, under the patched kernel in QEMU, and compares what passed. Usage: guest.sh VERSION [SUITE]...
# VERSION is that of kernel/qemu/tamk; the SUITEs, or all, are the runners' names.
# shellcheck source=tests/external/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/external/guest_files.sh
. "$here/guest_files.sh"
version=${1:?Usage: guest.sh VERSION [SUITE]...}
shift
limit=600   # the processor is emulated
cd "$externals"
rm -rf guest
mkdir -p guest/files
(($# > 0)) || set -- libstdcxx mimalloc boost_container
for suite in "$@"; do
    [[ -s $suite/runs.verdicts ]] || fail "$suite was not run here"
    (cd "$suite" && job_list "/$suite" <runs) >>guest/jobs
    cat "$suite/runs.verdicts" >>guest/host
done
mapfile -t programs < <(awk '{ print substr($3, 2) }' guest/jobs | sort -u)
cp -l --parents "${programs[@]}" guest/files
add_libraries guest/files "${programs[@]}"

status=0
TAMALLOC_BACKEND=syscall "$root/kernel/qemu/tamk" run "$version" --memory 3G --timeout 7200 --files guest/files -- \
    "$externals/libstdcxx/run_programs" <guest/jobs >guest/log || status=$?
if ((status == 77)); then exit 77; fi   # tamk has said why
if ((status > 1)); then
    tail -n 100 guest/log
    fail "exit status $status"
fi
grep -qx 'back-end: kernel' guest/log || fail "the library does not find the system calls"
verdicts guest/log >guest/verdicts
grep -a -B 20 '^FAILED ' guest/log || true
diff <(sed 's/: .*//' guest/host | sort) <(sed 's/: .*//' guest/verdicts | sort) || fail "not the same passed here and in the guest"
echo "$(grep -c '^passed ' guest/verdicts || true) passed, $(grep -c '^FAILED ' guest/verdicts || true) failed, 0 skipped"
! grep -q '^FAILED ' guest/verdicts
