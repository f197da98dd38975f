#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tamstat costs beside ps, from start to exit, among as many processes as are named here.

Usage: bench/tool.py TAMSTAT             fails where that is too much
       bench/tool.py --measure TAMSTAT   what --detail costs: the table of docs/reference/tamstat.md, and its data

Asserts what does not depend on the clock, peak memory and instructions (valgrind), and a coarse guard of time; reports the rest. The
runs of the two are interleaved; the median of their ratios counts, and the times are those of the faster half.
"""
import contextlib
import json
import mmap
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import report

MIB = 1 << 20
ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "reference" / "tamstat-cost.json"
PAGE = ROOT / "docs" / "reference" / "tamstat.md"
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


def cpu_of(command):
    """Seconds of processor time, user and system, of each run."""
    def once():
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{command}: exit status {process.returncode}")
        return usage.ru_utime + usage.ru_stime
    return [round(once(), 6) for _ in range(REPETITIONS)]


@contextlib.contextmanager
def child(prepare):
    """A process of Python that has called prepare; its id."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        kept = prepare()
        os.write(write, b"1")
        time.sleep(1e6)
        os._exit(len(kept))
    os.read(read, 1)
    try:
        yield str(pid)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def small_pages(size):
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, size, mmap.PAGESIZE):
        memory[at] = 1
    return [memory]


def costs(tamstat):
    """Processor time of tamstat: without and with `many` more of something."""
    def pair(what, many, fewer, more):
        return {"what": what, "many": many, "without": cpu_of([tamstat, "ps", *fewer]), "with": cpu_of([tamstat, "ps", *more])}
    rows = []
    with sleepers(500):
        running = str(os.getpid())
        count = sum(name.isdigit() for name in os.listdir("/proc")) - 1
        rows.append(pair("`basic`, for each process", count, [running], []))
    with child(list) as small:
        with child(lambda: small_pages(1 << 30)) as large:
            rows += [pair(f"`{detail}`, for each GiB committed", 1, [small, "--detail", detail], [large, "--detail", detail])
                     for detail in ("rollup", "maps")]
        with child(lambda: [mmap.mmap(-1, mmap.PAGESIZE) for _ in range(10_000)]) as mappings:
            rows.append(pair("`maps`, for each mapping", 10_000, [small, "--detail", "maps"], [mappings, "--detail", "maps"]))
    return rows


def measure(tamstat):
    machine = subprocess.run(["bash", "-c", ". scripts/machine.sh; machine"], check=True, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    lines = ",\n".join(json.dumps(row) for row in costs(tamstat))
    DATA.write_text(f'{{"machine": {json.dumps(machine.stdout.splitlines(), indent=1)},\n"runs": [\n{lines}\n]}}\n', "utf-8")
    report.replace(PAGE, "cost", cost_table())


def cost_table():
    """Of the least of all runs, since what disturbs can only add."""
    rows = json.loads(DATA.read_text("utf-8"))["runs"]
    return report.table(["`--detail`", "processor time"],
                        [[row["what"], report.duration((min(row["with"]) - min(row["without"])) / row["many"] * 1e9)] for row in rows])


def main():
    if len(sys.argv) not in (2, 3) or (len(sys.argv) == 3 and sys.argv[1] != "--measure"):
        sys.exit(__doc__)
    tamstat = os.path.abspath(sys.argv[-1])
    if len(sys.argv) == 3:
        measure(tamstat)
        return
    problems = [] if cost_table() in PAGE.read_text("utf-8") else ["docs/reference/tamstat.md is not what tamstat-cost.json gives"]
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
