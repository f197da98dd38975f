#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tamstat costs beside ps, from start to exit, among as many processes as are named here. Usage: bench/tool.py TAMSTAT

Asserts what does not depend on the clock, peak memory and instructions (valgrind), and a coarse guard of time; reports the rest. The
runs of the two are interleaved; the median of their ratios counts, and the times are those of the faster half.
"""
import contextlib
import os
import re
import statistics
import subprocess
import sys
import time

MIB = 1 << 20
REPETITIONS = 21
GUARD = 1.5   # of time, on a machine that may do something else


@contextlib.contextmanager
def sleepers(count):
    """Until there are `count` processes; the listing has those of others as well."""
    there = sum(name.isdigit() and os.path.exists(f"/proc/{name}/exe") for name in os.listdir("/proc"))
    started = [subprocess.Popen(["sleep", "inf"]) for _ in range(max(0, count - there))]
    try:
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def seconds_of(command):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def peak_of(command):
    """Resident bytes. By time(1), which is small: what starts a program counts as its peak as well."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr) * 1024


def instructions(command):
    done = subprocess.run(["valgrind", "--tool=none", "--quiet", "--", *command], capture_output=True, check=False)
    if done.returncode != 0:
        return None
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--", *command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def compare(name, ours, theirs, most_mib):
    """Prints a line; returns what is too much."""
    pairs = [(seconds_of(ours), seconds_of(theirs)) for _ in range(REPETITIONS)]
    ratio = statistics.median(a / b for a, b in pairs)
    fast = [statistics.median(sorted(pair[i] for pair in pairs)[: REPETITIONS // 2]) * 1e3 for i in (0, 1)]
    memory = [peak_of(command) / MIB for command in (ours, theirs)]
    counts = [instructions(ours), instructions(theirs)]
    print(f"{name}: {fast[0]:.1f} ms against {fast[1]:.1f} ms of {' '.join(theirs)}, ratio {ratio:.2f}; "
          f"{memory[0]:.1f} MiB against {memory[1]:.1f} MiB")
    problems = []
    if None not in counts:
        print(f"    {counts[0] / 1e6:.1f} M instructions against {counts[1] / 1e6:.1f} M, ratio {counts[0] / counts[1]:.2f}")
        if counts[0] > counts[1]:
            problems.append(f"{name}: more instructions than {theirs[0]}")
    if memory[0] > most_mib:
        problems.append(f"{name}: {memory[0]:.1f} MiB, more than {most_mib}")
    if ratio > GUARD:
        problems.append(f"{name}: {ratio:.2f} times as long as {theirs[0]}")
    return problems


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tamstat = os.path.abspath(sys.argv[1])
    problems = []
    with sleepers(200):
        problems += compare("P10, 200 processes", [tamstat, "ps"], ["ps", "aux"], 6)
    with sleepers(500):
        problems += compare("P9, 500 processes", [tamstat, "ps", "--columns", "pid,reserved,committed"],
                            ["ps", "-eo", "pid,vsz,rss"], 8)
    for problem in problems:
        print(f"TOO MUCH: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
