#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the results of bench/run into tables and plots, what tamalloc loses first, and holds them against what is promised.

Usage: report.py DIR [FILE.md]...
Reads the JSON files of DIR, writes table.md, summary.md and plots there, and puts them between the markers of the files:
<!-- summary --> ... <!-- /summary -->, and so of "tables" and "disturbance".
"""
import collections
import dataclasses
import functools
import json
import math
import os
import pathlib
import re
import statistics
import sys

import plot

NOT_INSTALLED = "not installed"
CALLOC = "calloc"   # the contender that is each peer in turn
PEERS = ("glibc", "jemalloc", "tcmalloc", "mimalloc")
OURS = "tamalloc"
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

# What a contender is called in the names of the benchmarks.
CONTENDERS = {"Calloc": CALLOC, "Tamalloc": OURS, "standard": "std", "Standard": "std", "lazy": OURS, "Lazy": OURS,
              "Eager": "PageAllocator", "Sparse": "SparseVector", "sparse_vector": OURS, "mmap_pair": "mmap and munmap",
              "MmapPair": "mmap and munmap",
              "never": "4 KiB pages", "prefer": "huge pages", "scan": OURS, "read_pagemap": "pagemap", "mincore": "mincore",
              "give_back": "give back"}
CONTENDER = re.compile(r"\b(" + "|".join(CONTENDERS) + r")\b")


def split_name(name):
    """The cell, which is the same for all contenders, and the contender."""
    name = re.sub(r"/(min_time|iterations|real_time|manual_time).*", "", name)
    return CONTENDER.sub("*", name), CONTENDERS[CONTENDER.search(name)[0]]


def size(number):
    for unit, name in ((1 << 40, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if number >= unit:
            return f"{number / unit:g} {name}"
    return f"{number} bytes"


def digits(value):
    """Three of them."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if value else "0"


def duration(nanoseconds):
    if nanoseconds is None:
        return "–"
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if nanoseconds >= unit:
            return f"{digits(nanoseconds / unit)} {name}"
    return f"{digits(nanoseconds)} ns"


def mebibytes(value):
    return "–" if value is None else f"{value / MIB:.1f}"


def count(value):
    return "–" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def calm(runs):
    """Of each contender the runs up to that disturbance at which every one has a third of his, and at least three: the same
    bound for all, and set by the yardstick, not by what comes out."""
    def bound(some):
        disturbances = sorted(run.get("slowdown", 1) for run in some)
        return max(disturbances[:max(3, len(some) // 3)], default=1)
    most = max(map(bound, runs.values()), default=1)
    return {contender: [run for run in some if run.get("slowdown", 1) <= most] for contender, some in runs.items()}


@dataclasses.dataclass
class Cell:
    """One row: the medians of every contender, and what is promised."""
    promise: str               # P1 ... P8
    work: str
    runs: dict                 # by contender
    rivals: list               # whom the ratio is taken against: the best of them
    bar: float | None = None   # the ratio to reach
    most: float = math.inf     # and nanoseconds not to exceed
    extra: str = ""            # and something else,
    extra_met: bool = True     # reached or not
    ours: str = OURS
    clock: str = "cpu_time"    # of the thread that measures

    def median(self, contender, key):
        values = [run[key] for run in self.runs.get(contender, []) if key in run]
        return statistics.median(values) if values else None

    @functools.cached_property
    def timed(self):
        return calm({contender: [run for run in runs if self.clock in run] for contender, runs in self.runs.items()})

    def time(self, contender):
        units = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
        runs = self.timed.get(contender)
        return statistics.median(run[self.clock] * units[run["time_unit"]] for run in runs) if runs else None

    @functools.cached_property
    def best(self):
        known = [rival for rival in self.rivals if self.time(rival)]
        return min(known, key=self.time, default=None)

    @functools.cached_property
    def ratio(self):
        mine = self.time(self.ours)
        return self.time(self.best) / mine if self.best and mine else None

    @property
    def met(self):
        if self.bar is None or self.ratio is None:
            return None
        return self.ratio >= self.bar and self.time(self.ours) <= self.most and self.extra_met

    @property
    def loses(self):
        return self.met is False or (self.bar is None and self.ratio is not None and self.ratio < 1)

    @property
    def rank(self):
        """Losing cells first, the worst of them first of all."""
        return (not self.loses, self.met is not False, math.inf if self.ratio is None else self.ratio / (self.bar or 1))

    def verdict(self):
        if self.ratio is None:
            errors = [run["error"] for runs in self.runs.values() for run in runs if "error" in run]
            return "no figure" + (f": {errors[0]}" if errors else "")
        return {None: "–", True: "yes", False: "**no**"}[self.met]

    def bar_text(self):
        if self.bar is None:
            return "–"
        return f"≥ {self.bar:g}" + (f", ≤ {duration(self.most)}" if self.most < math.inf else "") + self.extra

    def ratio_text(self):
        return "–" if self.ratio is None else digits(self.ratio)


def arguments(cell):
    """bytes and permille of a cell's name, and what stands before them."""
    name, *rest = cell.split("/")
    return name, *(int(part.split(":")[-1]) for part in rest)


def touched(permille):
    return "untouched" if permille == 0 else f"{permille / 10:g} %"


def zeroed_cycle(cell, runs, budget):
    name, n, permille = arguments(cell)
    row = Cell("P1", f"{size(n)}, {touched(permille)}", runs, list(PEERS))
    if name.startswith("other"):
        row.promise, row.work = "P1, other pages", row.work + ", other pages each time"
    elif n < 128 * KIB:
        row.promise, row.bar, row.rivals = "P1s", 0.95, ["glibc"]   # whose calloc it is
    elif permille == 0:
        row.bar, row.most = 0.5, 5000
    elif permille == 1000 and n > budget:
        ours = row.median(OURS, "resident") or 0
        row.bar = 0.9
        row.rivals = [peer for peer in PEERS if (row.median(peer, "resident") or 0) <= 1.05 * ours + MIB]
        kept = ", ".join(f"{contender} {(row.median(contender, 'resident') or 0) / MIB:.0f}" for contender in (*PEERS, OURS)
                         if contender in runs)
        row.work += f", over the budget; MiB kept: {kept}"
    elif permille == 1000:
        row.bar = 0.95
    elif permille == 100:
        row.bar = 3 if n >= 4 * MIB else None
    elif n >= MIB:
        row.bar = 8 if n >= 4 * MIB else 4
    return row


def threads(cell, runs, _):
    name, n, permille = arguments(cell)
    how = "two threads at once" if name.startswith("at_once") else "freed by another thread"
    return Cell("P2", f"{size(n)}, {touched(permille)}, {how}", runs, list(PEERS), 0.9, clock="real_time")


def mixed_sizes(cell, runs, _):
    where = "the front" if cell.startswith("front") else "scattered pages"
    return Cell("P3", f"256 blocks of mixed sizes, 5 %, {where}", runs, list(PEERS), 2)


def vector_value_init(cell, runs, _):
    element, write, n = re.match(r"\*<(.+), (\w+)>/(\d+)", cell).groups()
    element = re.sub(r"Element<(\d+)>", r"\1-byte struct", element)
    row = Cell("P4", f"v(n), {size(int(n))} of {element}{', then write all' if write == 'true' else ''}", runs, ["std"])
    if write == "false" and int(n) == GIB:
        row.bar = {"char": 0.9, "int": 4, "double": 7}.get(element, 20)
        row.extra, row.extra_met = ", no page", (row.median(OURS, "committed_MiB") or 0) < 0.01
    return row


def vector_refill(cell, runs, _):
    what, element = re.match(r"(assign|regrow)<\*<(\w+)>>", cell).groups()
    return Cell("dense", f"{what} 256 KiB of {element}, warm", runs, ["std"])


def sparse_vector_construct(cell, runs, _):
    return Cell("P5", f"SparseVector of {size(arguments(cell)[1])}", runs, ["mmap and munmap"], 0.2)


def first_cycle(cell, runs, _):
    return Cell("first", f"first cycle of {size(arguments(cell)[1])}, untouched", runs, ["mmap and munmap"],
                0.95 if arguments(cell)[1] > 1 << 30 else 1, clock="real_time")   # see docs/performance.md: the same calls


def append(_, runs, __):
    row = Cell("P6", "append 1 GiB, SparseVector", runs, ["std"], 2, ours="SparseVector")
    growth = (row.median(row.ours, "peak") or math.inf) / GIB
    row.extra, row.extra_met = f", peak {growth:.2f} × final size ≤ 1.05", growth <= 1.05
    return [row, Cell("P6", "append 1 GiB, tamalloc::vector", runs, ["std"])]


def dense_first_touch(_, runs, __):
    return Cell("P7", "write 1 GiB of fresh memory, huge pages", runs, ["4 KiB pages"], 4, ours="huge pages")


def clearing(cell, runs, _):
    _, n, permille = arguments(cell)
    return Cell("ways", f"{size(n)}, {touched(permille)}", runs, ["pagemap", "mincore", "give back"])


def states(runs, budget):
    """P8: what is in memory, of whom, and whether that is as promised."""
    def row(text, key, bar, met):
        figures = {contender: statistics.median(run[key] for run in some) if all(key in run for run in some) else None
                   for contender, some in runs.items()}
        return text, figures, bar, met(figures.get(OURS))
    written = runs[OURS][0]["written"]
    return [row("256 MiB allocated", "allocated", "0", lambda x: x <= 0),
            row("1 % touched", "touched", f"≤ {written / MIB:.2f} MiB + 1 %", lambda x: x <= 1.01 * written),
            row("freed", "freed", f"≤ budget, {budget / MIB:.0f} MiB", lambda x: x <= budget),
            row("trim()", "trimmed", "0 ± 1 MiB", lambda x: abs(x) <= MIB)]


def load(folder):
    """Every cell and what is in memory in P8's states."""
    runs = {}
    for path in sorted(folder.glob("*.json")):
        cells = runs.setdefault(path.stem, {})
        for run in json.loads(path.read_text("utf-8"))["runs"]:
            cells.setdefault(run["cell"], {}).setdefault(run["contender"], []).append(run)
    resident = next(iter(runs.pop("resident").values()))
    budget = resident[OURS][0]["budget"]
    rows = []
    for question, cells in runs.items():
        for cell, contenders in cells.items():
            row = globals()[question](cell, contenders, budget)
            rows += row if isinstance(row, list) else [row]
    return rows, states(resident, budget)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def peers_table(rows, missing):
    def line(row):
        times = [NOT_INSTALLED if peer in missing else duration(row.time(peer)) for peer in PEERS]
        return [row.promise, row.work, *times, duration(row.time(OURS)), row.ratio_text(), row.bar_text(), row.verdict(),
                *(mebibytes(row.median(who, "peak")) for who in (OURS, row.best)),
                *(count(row.median(who, "faults")) for who in (OURS, row.best))]
    return table(["", "work", *PEERS, OURS, "best peer / ours", "bar", "met", "peak MiB, ours", "best peer",
                  "faults a cycle, ours", "best peer"], map(line, rows))


def others_table(rows):
    def memory(row, who):
        peak = row.median(who, "peak")
        committed = row.median(who, "committed_MiB")
        return mebibytes(peak) if committed is None else f"{committed:.1f}"

    def line(row):
        return [row.promise, row.work, row.best or "–", duration(row.time(row.best)), duration(row.time(row.ours)),
                row.ratio_text(), row.bar_text(), row.verdict(), *(memory(row, who) for who in (row.best, row.ours)),
                *(count(row.median(who, "faults")) for who in (row.best, row.ours))]
    return table(["", "work", "against", "its time", "ours", "ratio", "bar", "met", "its MiB", "ours", "its faults", "ours"],
                 map(line, rows))


def ways_table(rows):
    ways = rows[0].rivals if rows else []
    return table(["work", "PAGEMAP_SCAN", *ways], [[row.work, duration(row.time(OURS)), *(duration(row.time(way)) for way in ways)]
                                                   for row in rows])


def states_table(rows):
    contenders = list(rows[0][1])
    return table(["", "after", *(f"{contender}, MiB" for contender in contenders), "bar", "met"],
                 [["P8", text, *("–" if figures[c] is None else f"{figures[c] / MIB:.2f}" for c in contenders), bar,
                   "yes" if met else "**no**"] for text, figures, bar, met in rows])


def same_pages(rows):
    return [row for row in rows if row.promise == "P1" and row.ratio]


def named(rows):
    """Those that bench/run runs more often."""
    return [row for row in rows if row.promise == "P1" and row.ratio and re.match("(16|64|256) MiB, 1 %", row.work)]


def mean_line(rows):
    ratios = [row.ratio for row in same_pages(rows)]
    mean = statistics.geometric_mean(ratios)
    return (f"Geometric mean of the {len(ratios)} cells of P1: {digits(mean)} times as fast as the best peer of each cell; "
            f"bar 2.5: {'met' if mean >= 2.5 else '**not met**'}.\n")


def constant_line(rows):
    times = [row.time(OURS) for row in rows if row.promise == "P5"]
    spread = max(times) / min(times)
    return (f"P5, slowest size / fastest size: {digits(spread)}; bar 2 for constant time: "
            f"{'met' if spread <= 2 else '**not met**'}.\n")


def disturbance(rows):
    """How much choosing runs changes: for the cells whose bar leaves no room for chance."""
    def of_all(row):
        medians = {who: row.median(who, row.clock) for who in (*row.rivals, row.ours)}
        return min(medians[rival] for rival in row.rivals if medians[rival]) / medians[row.ours]
    slowdown = statistics.median(run.get("slowdown", 1) for row in rows for some in row.runs.values() for run in some)
    return (f"Median slowdown of all runs: {digits(slowdown)}.\n\n" +
            table(["best peer / ours", "of the runs that count", "of all runs, disturbed or not"],
                  [[row.work, row.ratio_text(), digits(of_all(row))] for row in named(rows)]))


def verdicts(rows, state_rows):
    met = collections.defaultdict(list)
    for row in rows:
        if row.bar is not None:
            met[row.promise].append(bool(row.met))
    met["P8"] = [row[-1] for row in state_rows]
    return ", ".join(f"{promise} {sum(some)} of {len(some)}" for promise, some in sorted(met.items()))


def summary(rows, state_rows):
    """Some dozen rows for README.md."""
    compared = [row for row in rows if row.promise in ("P1", "P1s", "P2", "P3") and row.ratio]
    worst = sorted(compared, key=lambda row: row.rank)[:5]
    one_each = [sorted((row for row in rows if row.promise == promise and row.bar is not None), key=lambda row: row.rank)[:1]
                for promise in ("P3", "P4", "P5", "P6", "P7")]
    shown = worst + [row for row in sum([named(rows), *one_each], []) if row not in worst]
    lines = [[row.promise, row.work, f"{row.best or '–'}: {duration(row.time(row.best))}", duration(row.time(row.ours)),
              row.ratio_text(), row.bar_text(), row.verdict()] for row in shown]
    kept = "; ".join(f"{text} {figures[OURS] / MIB:.1f} MiB" for text, figures, _, _ in state_rows)
    lines.append(["P8", kept, "–", "–", "–", "see there", "yes" if all(row[-1] for row in state_rows) else "**no**"])
    return (table(["", "work", "best peer", "ours", "ratio", "bar", "met"], lines) + "\n" + mean_line(rows) +
            f"Bars met: {verdicts(rows, state_rows)}.\n")


def draw(folder, rows):
    cells = [(row, *re.match(r"([\d.]+ [KMG]iB), (untouched|[\d.]+ %)", row.work).groups()) for row in rows
             if row.promise in ("P1", "P1s")]
    units = {"KiB": KIB, "MiB": MIB, "GiB": GIB}

    def series(share, figure):
        lines = {who: [] for who in (*PEERS, OURS)}
        for row, text, fraction in cells:
            x = float(text.split()[0]) * units[text.split()[1]]
            for who, points in lines.items():
                if fraction == share and figure(row, who) is not None:
                    points.append((x, figure(row, who)))
        return {who: sorted(points) for who, points in lines.items() if points}

    def time(row, who):
        return row.time(who)

    def memory(key):
        def figure(row, who):
            value = row.median(who, key)
            return None if value is None else max(value, 64 * KIB)   # the scale is logarithmic
        return figure
    shares = ("0.1 %", "1 %", "10 %", "100 %")
    plot.write(folder / "cycle.svg", "Time per cycle: ask for a zeroed block, write one byte in some of its pages, free it",
               [(f"{share} of the pages written", series(share, time)) for share in shares], size,
               lambda nanoseconds: re.sub(r"\.0+ ", " ", duration(nanoseconds)))
    plot.write(folder / "memory.svg", "Resident memory that cycles with 1 % of the pages written add (64 KiB: that or less)",
               [("at the peak", series("1 %", memory("peak"))), ("after the last block is freed", series("1 %", memory("resident")))],
               size, size)


def replace(path, mark, text):
    """Puts the text between the markers of the file, where it has them."""
    page = path.read_text("utf-8")
    marked = re.compile(f"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    if marked.search(page):
        path.write_text(marked.sub(lambda match: match[1] + text + match[2], page), "utf-8")


def write(folder, pages):
    """\\returns the verdicts and what is below its bar, for the screen"""
    rows, state_rows = load(folder)
    ways = [row for row in rows if row.promise == "ways"]
    rows = sorted((row for row in rows if row not in ways), key=lambda row: row.rank)
    missing = [peer for peer in PEERS if not any(peer in row.runs for row in rows)]
    peers = [row for row in rows if row.promise.startswith(("P1", "P2", "P3"))]
    others = [row for row in rows if row not in peers]
    lost = [row for row in peers if row.loses]
    text = ("### Against other allocators: cells that are lost\n\n" + (peers_table(lost, missing) if lost else "None.\n") +
            "\n### Against the standard library and the kernel, lost cells first\n\n" + others_table(others) + "\n" + constant_line(rows) +
            "\n### Memory\n\n" + states_table(state_rows) +
            "\n### Against other allocators: all other cells\n\n" +
            peers_table([row for row in peers if not row.loses], missing) + "\n" + mean_line(rows) +
            "\n### Other ways to bring a block back to zero\n\nWriting to some pages and clearing them, or giving the block back "
            "and faulting them in again.\n\n" + ways_table(ways))
    brief = summary(rows, state_rows)
    (folder / "table.md").write_text(text, "utf-8")
    (folder / "summary.md").write_text(brief, "utf-8")
    draw(folder, rows)
    machine = (folder / "machine.txt").read_text("utf-8")
    for page in pages:
        to_plots = os.path.relpath(folder, page.parent)
        replace(page, "summary", brief)
        replace(page, "disturbance", disturbance(rows))
        replace(page, "tables", f"![time per cycle]({to_plots}/cycle.svg)\n\n![resident memory]({to_plots}/memory.svg)\n\n"
                f"```text\n{machine}```\n\n{text}")
    below = [row for row in rows if row.met is False]
    short = table(["", "work", "best peer", "ours", "ratio", "bar"],
                  [[row.promise, row.work, f"{row.best} {duration(row.time(row.best))}", duration(row.time(row.ours)),
                    row.ratio_text(), row.bar_text()] for row in below])
    return "\n".join([short, mean_line(rows) + constant_line(rows) + f"Bars met: {verdicts(rows, state_rows)}.",
                      f"Everything: {os.path.relpath(folder)}"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(write(pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]]))
