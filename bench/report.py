#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns results of the benchmarks into a table in Markdown, the cells that tamalloc loses first.

Usage: report.py RESULT.json... > table.md
Every cell is the median CPU time of the repetitions; "std / ours" above 1 means that tamalloc is faster. The files lose what names
the machine and the folder they were made in.
"""
import json
import re
import statistics
import sys

VARIANT = re.compile(r"\b(standard|lazy|eager)\b", re.IGNORECASE)


def scrub(path):
    """The runs of one file, which is rewritten without host name and path."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    for key in ("host_name", "executable"):
        data["context"].pop(key, None)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
    return [run for run in data["benchmarks"] if run["run_type"] == "iteration"]


def median(runs, key):
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


def work(key):
    """What a benchmark does, in words, from its name with the variant taken out."""
    if match := re.match(r"(assign|regrow)<\*<(\w+)>>", key):
        return f"{match[1]} 256 KiB of {match[2]}, warm"
    element, write, size = re.match(r"\*<(.+), (\w+)>/(\d+)", key).groups()
    element = re.sub(r"Element<(\d+)>", r"\1-byte struct", element)
    return f"v(n), {int(size) >> 20} MiB of {element}{', then write all' if write == 'true' else ''}"


def nanoseconds(value):
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def main(paths):
    cells = {}
    for run in (run for path in paths for run in scrub(path)):
        variant = VARIANT.search(run["name"])[0].lower()
        cells.setdefault(VARIANT.sub("*", run["name"].split("/repeats")[0]), {}).setdefault(variant, []).append(run)
    rows = []
    for key, variants in cells.items():
        std, ours = variants["standard"], variants["lazy"]
        ratio = median(std, "cpu_time") / median(ours, "cpu_time")
        memory = [median(runs, "committed_MiB") for runs in (std, ours)]
        rows.append((ratio, [
            work(key),
            *(nanoseconds(median(runs, "ns/element")) for runs in (std, ours)),
            f"{ratio:.2f}",
            *("" if value is None else f"{value:.1f}" for value in memory),
        ]))
    print("| work | std, ns/element | ours, ns/element | std / ours | std, MiB committed | ours, MiB committed |")
    print("|---|---|---|---|---|---|")
    for _, row in sorted(rows, key=lambda pair: pair[0]):
        print("| " + " | ".join(row) + " |")


main(sys.argv[1:])
