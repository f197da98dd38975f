#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hazard: figures that nobody can make again, or that are no longer true.

Makes the plots and tables of docs/explanation, and one table of README.md, from measured.json, which has what measure.cpp printed, and on which machine.
Usage: draw.py             draws, and puts the tables between the markers of the pages
       draw.py --measure   measures before
       draw.py --check     fails where drawing would change something, or a measurement of now differs
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True
import plot     # noqa: E402
import report   # noqa: E402

PAGES = [ROOT / "README.md", *sorted(HERE.parent.glob("*.md"))]
LEAST = 4096   # shown for less: the scale is logarithmic
SLACK = 256 << 10


def load():
    return json.loads((HERE / "measured.json").read_text("utf-8"))["runs"]


def save(runs):
    machine = subprocess.run(["bash", "-c", ". scripts/machine.sh; machine"], check=True, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    lines = ",\n".join(json.dumps(run) for run in runs)
    (HERE / "measured.json").write_text(f'{{"machine": {json.dumps(machine.stdout.splitlines(), indent=1)},\n"runs": [\n{lines}\n]}}\n', "utf-8")


def measure():
    """\\returns what measure.cpp prints, a dictionary for each line"""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/measure"
        subprocess.run(["g++-12", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
                        "-I", ROOT / "include", HERE / "measure.cpp", "-o", program], check=True)
        printed = subprocess.run([program], check=True, text=True, stdout=subprocess.PIPE).stdout
        return [json.loads(line) for line in printed.splitlines()]


def size(number):
    return report.size(number) if number else "0"


def rows(data, about):
    return [row for row in data if row["about"] == about]


def line(data, about, who, key):
    return [(row["x"], max(row[key], LEAST)) for row in rows(data, about) if row["who"] == who]


def draw(data, folder):
    plot.write(folder / "requested-and-used.svg", "Asked for and used: bytes resident (4 KiB: that or less)",
               [("after asking for so many bytes", {"std::vector": line(data, "asked", "std::vector", "resident"),
                                                    "tamalloc": line(data, "asked", "tamalloc::vector", "resident"),
                                                    "SparseVector": line(data, "asked", "SparseVector", "resident")}),
                ("of 256 MiB, after writing to so many bytes of pages",
                 {who: line(data, "touched", who, "resident") for who in ("std::vector", "4 KiB pages", "huge pages")})],
               report.size, report.size)
    plot.write(folder / "read-and-written.svg", "Of 256 MiB, after reading or writing one byte in each of so many bytes of pages",
               [(title, {"written": line(data, "touched", "4 KiB pages", key), "read": line(data, "read", "read", key)})
                for title, key in (("bytes resident (4 KiB: that or less)", "resident"), ("bytes of page tables", "page_tables"))],
               report.size, report.size)


def tables(data):
    stale = {row["who"]: row["value"] for row in rows(data, "stale")}
    stages = ("asked", "read", "written", "freed")
    return {
        "compared": report.table(
            ["MiB resident, of 256", "asked for", "all read", "1 % of the pages written", "freed"],
            [[row["who"], *(report.mebibytes(row[stage]) for stage in stages)] for row in rows(data, "compared")]),
        "construct": report.table(
            ["`std::vector<int>` of 64 MiB with", "resident", "page tables", "page faults", "0 written over 7 by `resize`"],
            [[row["who"], size(row["resident"] >> 20 << 20), size(row["page_tables"]), str(row["faults"]),
              "yes" if stale[row["who"]] == 0 else f"**no**: reads {stale[row['who']]}"] for row in rows(data, "construct")]),
        "charge": report.table(
            ["256 MiB from", "reserved", "charged", "resident"],
            [[row["who"], *(size(row[key] >> 20 << 20) for key in ("reserved", "charged", "resident"))]
             for row in rows(data, "charge")]),
        "fork": report.table(
            ["`OnFork`", "of 64 MiB, resident in the child", "first byte, 7 in the parent", "private to the child after it wrote 16 MiB"],
            [[row["who"], size(row["resident"]), "no mapping" if row["reads"] < 0 else str(row["reads"]),
              "–" if row["reads"] < 0 else size(row["copied"] >> 20 << 20)] for row in rows(data, "fork")]),
        "reuse": report.table(
            ["64 MiB from", "page faults in a cycle", "kept in memory after it"],
            [[row["who"], str(row["faults"]), size(row["kept"] >> 12 << 12)] for row in rows(data, "reuse")]),
    }


def make(data, folder, pages):
    draw(data, folder)
    for page in pages:
        for mark, text in tables(data).items():
            report.replace(page, mark, text)


def setting(path):
    return pathlib.Path(path).read_text("utf-8")


def differs(now, then):
    """Whether a figure is another one than chance and the machine's pages can make it."""
    if then["about"] in ("asked", "charge", "compared", "reuse") and "[always]" in setting("/sys/kernel/mm/transparent_hugepage/enabled"):
        return   # the others say which pages they want
    for key in then:
        if isinstance(then[key], str) or key == "x":
            continue
        if key in ("value", "reads"):
            wrong = now[key] != then[key]
        elif key in ("page_tables", "faults") or then["who"] == "huge pages":   # fewer where the system has huge pages, or has none
            wrong = now[key] > 1.1 * then[key] + (SLACK if key != "faults" else 64)
        else:
            wrong = abs(now[key] - then[key]) > SLACK + then[key] // 20
        if wrong:
            yield f"{then['about']}, {then['who']}, {then.get('x', '')}: {key} is {now[key]}, was {then[key]}"


def check():
    data, wrong = load(), []
    with tempfile.TemporaryDirectory() as folder:
        copies = [pathlib.Path(shutil.copy(page, folder)) for page in PAGES]
        make(data, pathlib.Path(folder), copies)
        drawn = [*zip(PAGES, copies), *((HERE / new.name, new) for new in pathlib.Path(folder).glob("*.svg"))]
        wrong += [f"{old.relative_to(ROOT)} is not what draw.py makes" for old, new in drawn
                  if not old.exists() or old.read_text("utf-8") != new.read_text("utf-8")]
    if strict := setting("/proc/sys/vm/overcommit_memory").strip() == "2":
        print("SKIPPED: with vm.overcommit_memory 2 as much is not to be had")
    now = data if strict else measure()
    names = [[(row["about"], row["who"], row.get("x")) for row in some] for some in (now, data)]
    wrong += ["measure.cpp measures something else than measured.json has"] if names[0] != names[1] else [
        difference for pair in zip(now, data) for difference in differs(*pair)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(data)} measurements, {len(drawn)} pages and plots: {len(wrong)} differ")
    return 1 if wrong else 77 if strict else 0


def main(arguments):
    if arguments == ["--check"]:
        return check()
    if arguments == ["--measure"]:
        save(measure())
    elif arguments:
        sys.exit(__doc__)
    make(load(), HERE, PAGES)
    return 0


sys.exit(main(sys.argv[1:]))
