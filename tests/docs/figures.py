#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hazard: a figure that somebody measured once and typed, so that nobody can make it again or sees when it is no longer true; a
constant of the code that has another value in a page.

Looks in README.md and docs for what only a measurement gives: times and rates, ratios of them, and sizes that are no whole number.
They may stand between markers, where a script puts them from the data kept beside it, and in blocks, each of which has a test
(blocks.py). A figure behind ≥, ≤, "at most" or "at least" is a bound. What else a page says is below, with the line of the code or of the
data that has it. Usage: figures.py
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATED = re.compile(r"^<!-- (\w+) -->$.*?^<!-- /\1 -->$|^```.*?^```$|`[^`\n]+`|\]\([^)]*\)", re.DOTALL | re.MULTILINE)
MEASURED = re.compile(r"""
    (?<!≥\s)(?<!≤\s)(?<!at\smost\s)(?<!at\sleast\s)(?<![\w.,])(?:\d[\d.,]*|half\san?\b)\s?
        (?:(?:ns|[µμ]s|us|ms|s|(?:nano|micro|milli)?seconds?|[kKMGT]i?B/s)\b
         | ×(?!\s?\d) | times\s(?:as|slower|faster|longer|less|more|the)\b | %\s(?:slower|faster|longer)\b)
    | (?<![\w.,])\d+\.\d+\s?[kKMGT]i?B\b""", re.VERBOSE)

# Who writes between which markers, from data in the tree, and the only pages where he does.
PLACES = {"bench/report.py": r"README|docs/performance", "bench/tool.py": "docs/reference/tamstat",
          "docs/explanation/figures/draw.py": r"README|docs/explanation/\w[\w-]*", "tests/external/programs.py": "docs/external"}
MARKS = {"summary": "bench/report.py", "tables": "bench/report.py", "disturbance": "bench/report.py", "cost": "bench/tool.py",
         "compared": "docs/explanation/figures/draw.py", "construct": "docs/explanation/figures/draw.py",
         "charge": "docs/explanation/figures/draw.py", "fork": "docs/explanation/figures/draw.py",
         "reuse": "docs/explanation/figures/draw.py", "programs": "tests/external/programs.py"}

# What a page says, the page, and what the code or the data say: regular expressions.
MEASUREMENTS = "docs/explanation/figures/measured.json"
SUITES, LIBSTDCXX = "docs/external.md", "tests/external/libstdcxx.sh"
CLAIMS = [
    ("256 pages, spread over 256 MiB, commits 1 MiB with small pages", "docs/explanation/huge-pages.md", MEASUREMENTS,
     r'"4 KiB pages", "x": 1048576, "reserved": 268435456, .*"resident": 1048576,'),
    ("all 256 MiB with huge ones", "docs/explanation/huge-pages.md", MEASUREMENTS, r'"huge pages", "x": 1048576, .*"resident": 268435456,'),
    ("nothing, up to 4 GiB of the one", "docs/explanation/requested-and-used.md", MEASUREMENTS,
     r'"tamalloc::vector", "x": 4294967296, .*"resident": (0|4096),'),
    ("and 1 TiB of the other", "docs/explanation/requested-and-used.md", MEASUREMENTS, r'"SparseVector", "x": 1099511627776, .*"resident": 0,'),
    ("all of 256 MiB leaves nothing resident", "docs/explanation/requested-and-used.md", MEASUREMENTS,
     r'"read", "x": 268435456, .*"resident": 0,'),
    ("address space for 64 GiB", "docs/tour.md", "include/tamalloc/sparse_vector.hpp", r"reserve = std::size_t\{64\} << 30;"),
    ("and 256 blocks beside", "docs/tour.md", "include/tamalloc/recycling_source/options.hpp", "max_blocks = 256;"),
    ("larger than 256 KiB of which", "docs/tour.md", "include/tamalloc/detail/recycler.hpp", r"too_small_to_judge = 256 \* 1024;"),
    ("up to 1 %: ≥ 8 from 4 MiB, ≥ 4 at 1 MiB", "docs/performance.md", "bench/report.py", r"row.bar = 8 if n >= 4 \* MIB else 4"),
    ("10 %: ≥ 3 from 4 MiB", "docs/performance.md", "bench/report.py", r"row.bar = 3 if n >= 4 \* MIB else None"),
    ("none: ≥ 0.5 and ≤ 5 µs", "docs/performance.md", "bench/report.py", "row.bar, row.most = 0.5, 5000"),
    ("geometric mean ≥ 2.5", "docs/performance.md", "bench/report.py", "mean >= 2.5"),
    ("frees \\| ≥ 0.9 \\|", "docs/performance.md", "bench/report.py", r'"P2", .* 0\.9, clock="real_time"'),
    ("log-uniform, 5 % written \\| ≥ 2 \\|", "docs/performance.md", "bench/report.py", r'"P3", .* list\(PEERS\), 2\)'),
    ("≥ 0.9 for 1 byte, 4 for 4, 7 for 8, 20 from 16 on", "docs/performance.md", "bench/report.py",
     r'\{"char": 0.9, "int": 4, "double": 7\}.get\(element, 20\)'),
    ("less than five pairs of mmap and munmap", "docs/performance.md", "bench/report.py", r'"P5", .*"mmap and munmap"\], 0\.2\)'),
    ("peak ≤ 1.05 × final size", "docs/performance.md", "bench/report.py", "growth <= 1.05"),
    ("≥ 4 × the time with 4 KiB pages", "docs/performance.md", "bench/report.py", r'"P7", .*\["4 KiB pages"\], 4,'),
    ("from 128 KiB on", "README.md", "include/tamalloc/page_source.hpp", r"page_threshold = 128 \* 1024;"),
    ("Below 128 KiB memory comes from", "README.md", "include/tamalloc/page_source.hpp", r"page_threshold = 128 \* 1024;"),
    ("no more than fit into (0.1 s)", "docs/performance.md", "bench/cell.hpp", r"milliseconds\(100\)"),
    ("nobody wanted for (1 s) goes", "docs/performance.md", "include/tamalloc/recycling_source/options.hpp", "decay_ms = 1000;"),
    ("same up to 16 MiB", "docs/performance.md", "include/tamalloc/recycling_source/options.hpp", "memset_limit = 16 << 20;"),
    ("A block up to 16 MiB", "docs/explanation/recycling.md", "include/tamalloc/recycling_source/options.hpp", "memset_limit = 16 << 20;"),
    ("1/32 of the RAM, or .* at least 64 MiB, or an eighth", "docs/performance.md", "include/tamalloc/detail/memory_limit.hpp",
     r"std::max\(limit / 32, std::min\(std::size_t\{64\} << 20, limit / 8\)\)"),
    ("1/32 of the limit, at least 64 MiB, or an eighth", "docs/howto/run-in-a-container.md", "include/tamalloc/detail/memory_limit.hpp",
     r"std::max\(limit / 32, std::min\(std::size_t\{64\} << 20, limit / 8\)\)"),
    ("at most 32 times the budget", "docs/performance.md", "include/tamalloc/detail/memory_limit.hpp", r"budget \* 32;"),
    ("SparseVector. reserves 64 GiB", "docs/explanation/overcommit.md", "include/tamalloc/sparse_vector.hpp",
     r"reserve = std::size_t\{64\} << 30;"),
    ("SparseVector. takes 64 GiB", "docs/howto/run-in-a-container.md", "include/tamalloc/sparse_vector.hpp",
     r"reserve = std::size_t\{64\} << 30;"),
    ("a descriptor from 100 on", "docs/tour.md", "include/tamalloc/detail/page_scan.hpp", r"F_DUPFD_CLOEXEC, 100\)"),
    ("looks every (20 ms) at first", "docs/reference/tamstat.md", "tools/tamstat/run.cpp", r"first = std::chrono::milliseconds\(20\);"),
    ("unless you say otherwise (5 s)", "docs/reference/tamstat.md", "tools/tamstat/collect.cpp", r"usual_budget = std::chrono::seconds\(5\);"),
    (r"MemoryResource<>. \| 26 of 26 \| 26 \|", SUITES, LIBSTDCXX, r"pmr=26 "),
    (r"pages \| 26 of 26 \| 26 \|", SUITES, LIBSTDCXX, r"pmr_pages=26 "),
    (r"operator new \| 111 of 111 \| 111 \|", SUITES, LIBSTDCXX, r"new/23_containers/vector=111 "),
    (r"test allocators over ours \| 1 of 1 \| 1 \|", SUITES, LIBSTDCXX, r"conformance=1\)"),
    (r"zeroing \| 51 of 51 \| 51 \|", SUITES, "tests/external/mimalloc.sh", r"zeroing/pages=17 zeroing/resource-large=17 zeroing/pages-large=17"),
    (r"stress \| 2 of 2 \| 2 \|", SUITES, "tests/external/mimalloc.sh", r"stress=2$"),
    (r"Boost.Container \| 18 of 18 \| 18 \|", SUITES, "tests/external/boost_container.sh", r"finish boost=18 "),
    (r"`deque` \| 52 of 52 \| 52 of 52 \|", SUITES, LIBSTDCXX, r"new/.*[{,]deque=52[,}](?s:.*)allocator/.*[{,]deque=52[,}]"),
    (r"`list` \| 62 of 62 \| 62 of 62 \|", SUITES, LIBSTDCXX, r"new/.*[{,]list=62[,}](?s:.*)allocator/.*[{,]list=62[,}]"),
    (r"`map` \| 49 of 49 \| 51 of 51 \|", SUITES, LIBSTDCXX, r"new/.*[{,]map=49[,}](?s:.*)allocator/.*[{,]map=51[,}]"),
    (r"`unordered_map` \| 49 of 49 \| 49 of 49 \|", SUITES, LIBSTDCXX, r"new/.*[{,]unordered_map=49[,}](?s:.*)allocator/.*[{,]unordered_map=49[,}]"),
    (r"`vector` \| 111 of 111 \| 111 of 111 \|", SUITES, LIBSTDCXX, r"allocator/23_containers/\{vector=111,"),
    (r"`basic_string` \| 227 of 227 \|", SUITES, LIBSTDCXX, r"basic_string=227$"),
]


def flat(text):
    """One line, so that it does not matter where a page breaks its lines."""
    return " ".join(text.split())


def figures(page):
    """\\returns what looks measured in a page, with its line, but for what a script puts there and what CLAIMS has"""
    text = page.read_text("utf-8")
    name = str(page.relative_to(ROOT))
    known = {found[1] for says, of, _, _ in CLAIMS if of == name and (found := re.search(says, flat(text))) and found.lastindex}
    for mark in re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE):
        if (mark not in MARKS or f'"{mark}"' not in (ROOT / MARKS[mark]).read_text("utf-8")
                or not re.fullmatch(PLACES[MARKS[mark]], name.removesuffix(".md"))):
            yield f"{name}: no script writes what stands behind <!-- {mark} -->"
    text = GENERATED.sub(lambda match: "\n" * match[0].count("\n"), text)
    for found in MEASURED.finditer(text):
        if flat(found[0]) not in known:
            yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: '{flat(found[0])}' looks measured, and no script puts it there"


def main():
    pages = [ROOT / "README.md", *(page for page in (ROOT / "docs").rglob("*.md") if "bench" not in page.parts)]
    faults = [fault for page in pages for fault in figures(page)]
    for says, page, source, code in CLAIMS:
        if not re.search(says, flat((ROOT / page).read_text("utf-8"))):
            faults.append(f"{page} does not say '{says}'")
        if not re.search(code, (ROOT / source).read_text("utf-8"), re.MULTILINE):
            faults.append(f"{source} has no '{code}', of which {page} says '{says}'")
    seen = "It takes 3.9 µs, half a nanosecond each, 7 GB/s, 1.5 times slower, 1.07 times as fast, 13.3 MiB, 5 % faster, 2 × that."
    seen += " A ratio of 2.3 ×, 2.4×, and 3.9\nµs."
    if len(MEASURED.findall(seen)) != 11 or MEASURED.search("at least 5 s, ≥ 2 × that, ≤ 5 µs, 128 KiB, 1 %, 32 times, in 64 MiB of C++20"):
        faults.append("this test does not see what it should")
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(pages)} pages, {len(CLAIMS)} claims, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
