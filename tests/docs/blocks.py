#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hazard: a block of code in a page that no test runs, compiles or prints again.

Programs are README.md's and docs' (tests/readme/check.sh), and so is the text behind one, which is what it prints. Text behind a comment
"sample: ..." is what tamstat prints (tests/tool/samples_test.py). All others stand here, with the test that has them.
Usage: blocks.py
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTE = "tests/readme/route.sh"
PROMETHEUS = "tests/tool/prometheus_page_test.py"
TESTS = {
    ("README.md", "tamalloc", "sh"): "scripts/test",   # its two commands: the steps demo-small and demo-big, and what runs them
    ("CONTRIBUTING.md", "Contributing", "sh"): "scripts/test",
    ("README.md", "Installed", "cmake"): ROUTE,
    ("README.md", "Installed", "sh"): ROUTE,
    ("README.md", "A folder of your project", "cmake"): ROUTE,
    ("README.md", "A folder of your project", "sh"): ROUTE,
    ("README.md", "Without CMake", "sh"): ROUTE,
    ("README.md", "One header", "sh"): ROUTE,
    ("README.md", "Conan or vcpkg", "ini"): ROUTE,
    ("README.md", "Conan or vcpkg", "sh"): ROUTE,
    ("docs/reference/tamstat.md", "Installation", "sh"): "tests/readme/tamstat.sh",
    ("docs/reference/cmake.md", "FetchContent", "cmake"): "tests/packaging/routes.sh",
    ("docs/performance.md", "What came out", "text"): "tests/readme/check.sh",   # bench/report.py writes it
    ("docs/howto/prometheus.md", "1. Have the metrics written", "sh"): PROMETHEUS,
    ("docs/howto/prometheus.md", "2. Have them scraped, and the rules evaluated", "sh"): PROMETHEUS,
}


def blocks(page):
    """Each as (line, heading above it, language, what stands before it): the line before, or the language of the block before where
    there is nothing between."""
    heading = before = inside = ""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if inside:
            if line == "```":
                before, inside = inside, ""
        elif fence := re.fullmatch(r"```(\S*)", line):
            inside = fence[1] or "none"
            yield number, heading, inside, before
        elif line:
            before = line
            heading = line.lstrip("#").strip() if line.startswith("#") else heading


def test_of(page, heading, language, before):
    """\\returns what runs, compiles or prints the block, or nothing"""
    if language == "cpp" or (language == "text" and before == "cpp"):
        return "tests/readme/check.sh" if page == "README.md" or page.startswith("docs/") else None
    if before.startswith("<!-- sample: "):
        return "tests/tool/samples_test.py"
    if page == "docs/howto/find-sparse-processes.md" and language == "sh":
        return "tests/tool/questions_test.py"
    return TESTS.get((page, heading, language))


def main():
    pages = [*ROOT.glob("*.md"), *(page for page in (ROOT / "docs").rglob("*.md") if "bench" not in page.parts)]
    faults, seen, count = [], set(), 0
    for page in pages:
        name = str(page.relative_to(ROOT))
        for number, heading, language, before in blocks(page):
            count += 1
            seen.add((name, heading, language))
            test = test_of(name, heading, language, before)
            if test is None or not (ROOT / test).exists():
                faults.append(f"{name}:{number}: no test has this block of '{language}'")
    faults += [f"{page} has no block of '{language}' below '{heading}'" for page, heading, language in TESTS.keys() - seen]
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(pages)} pages, {count} blocks, {len(faults)} faults")
    return 1 if faults or count < 60 else 0


sys.exit(main())
