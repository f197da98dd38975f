#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hazard: a library that is used by many does something with its containers that makes ours give other results, or makes them cost more.

Builds the programs of programs/, each of which does real work with one well-known C++ library, runs each with std::allocator and with
ours, and compares what they print. Makes the table of docs/external.md from docs/external/programs.json.
Usage: programs.py             fails where results differ, or the table is not what the data give
       programs.py --measure   measures before, seven times, and makes the table; on a machine that does nothing else
"""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True
import report   # noqa: E402

WORK = ROOT / "build" / "external" / "programs"
DATA = ROOT / "docs" / "external" / "programs.json"
PAGE = ROOT / "docs" / "external.md"
# What a program needs beside the headers of /usr/include.
LIBRARIES = {"abseil": ["-Wl,--start-group", *sorted(map(str, pathlib.Path("/usr/lib/x86_64-linux-gnu").glob("libabsl_*.a"))),
                        "-Wl,--end-group"],
             "foonathan_memory": ["-lfoonathan_memory"],
             "onetbb": ["-ltbb"]}
INCLUDES = {"eigen": ["-I/usr/include/eigen3"],
            "foonathan_memory": ["-I/usr/include/foonathan_memory", "-I/usr/include/x86_64-linux-gnu/foonathan_memory"]}
KINDS = ("std", "tamalloc")
REPETITIONS = 7
LIMIT = 120   # seconds for one run


def build(name):
    source, program = HERE / "programs" / f"{name}.cpp", WORK / name
    return subprocess.Popen(["g++-12", "-std=c++20", "-O2", "-DNDEBUG", "-pthread", "-I", ROOT / "include", *INCLUDES.get(name, []), source,
                             *LIBRARIES.get(name, []), "-o", program])


def is_built(name):
    program = WORK / name
    sources = [pathlib.Path(__file__), HERE / "programs" / f"{name}.cpp", HERE / "programs" / "work.hpp", *(ROOT / "include").rglob("*.hpp")]
    return program.exists() and all(program.stat().st_mtime > source.stat().st_mtime for source in sources)


def build_all(names):
    WORK.mkdir(parents=True, exist_ok=True)
    waiting = [name for name in names if not is_built(name)]
    while waiting:   # two at a time
        some, waiting = waiting[:2], waiting[2:]
        if any([compiler.wait() for compiler in [build(name) for name in some]]):
            sys.exit("a program does not compile")


def run(name, kind):
    """\\returns what it prints, and what it took"""
    start = time.monotonic()
    with subprocess.Popen([WORK / name, kind], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        limit = threading.Timer(LIMIT, process.kill)
        limit.start()
        printed, peak = process.stdout.read(), process.stderr.read()
        limit.cancel()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{name} {kind}: exit status {process.returncode}: {peak}")
    return printed, {"program": name, "allocator": kind, "seconds": time.monotonic() - start,
                     "cpu": usage.ru_utime + usage.ru_stime, "resident": int(peak), "faults": usage.ru_minflt}


def compare(names, repetitions):
    """\\returns all runs; the programs whose output depends on the allocator"""
    runs, differing = [], []
    for repetition in range(repetitions):
        for name in names:
            printed = {}
            for kind in KINDS:
                printed[kind], measured = run(name, kind)
                runs.append(measured)
            if len(set(printed.values())) != 1 or not re.fullmatch(r"checksum [0-9a-f]{16}\n", printed["std"]):
                differing.append(name)
                print(f"{name}: the results differ: {printed}")
            elif repetition == 0:
                print(f"{name}: {printed['std'].strip()}, with both")
    return runs, differing


def table(runs):
    def median(name, kind, key):
        return statistics.median(run[key] for run in runs if run["program"] == name and run["allocator"] == kind)

    def ratio(name, key):
        return median(name, "std", key) / median(name, "tamalloc", key)

    names = sorted({run["program"] for run in runs}, key=lambda name: min(ratio(name, "cpu"), ratio(name, "resident")))
    count = sum(run["program"] == names[0] and run["allocator"] == "std" for run in runs)
    return f"Runs of each: {count}, medians.\n\n" + report.table(
        ["program", "peak MiB, std", "tamalloc", "ratio", "CPU time, std", "tamalloc", "ratio", "faults, std", "tamalloc"],
        [[name, *(f"{median(name, kind, 'resident') / report.MIB:.1f}" for kind in KINDS), report.digits(ratio(name, "resident")),
          *(report.duration(median(name, kind, "cpu") * 1e9) for kind in KINDS), report.digits(ratio(name, "cpu")),
          *(str(round(median(name, kind, "faults"))) for kind in KINDS)] for name in names])


def save(runs):
    machine = subprocess.run(["bash", "-c", ". scripts/machine.sh; machine"], check=True, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    lines = ",\n".join(json.dumps(run) for run in runs)
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(f'{{"machine": {json.dumps(machine.stdout.splitlines(), indent=1)},\n"runs": [\n{lines}\n]}}\n', "utf-8")


def main():
    measure = sys.argv[1:] == ["--measure"]
    if sys.argv[1:] and not measure:
        sys.exit(__doc__)
    names = sorted(path.stem for path in (HERE / "programs").glob("*.cpp"))
    build_all(names)
    runs, differing = compare(names, REPETITIONS if measure else 1)
    if measure:
        save(runs)
    before = PAGE.read_text("utf-8")
    report.replace(PAGE, "programs", table(json.loads(DATA.read_text("utf-8"))["runs"]))
    stale = not measure and PAGE.read_text("utf-8") != before
    if stale:
        PAGE.write_text(before, "utf-8")
        print("docs/external.md is not what docs/external/programs.json gives")
    print(f"{len(names) - len(differing)} passed, {len(differing) + stale} failed, 0 skipped")
    return 1 if differing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
