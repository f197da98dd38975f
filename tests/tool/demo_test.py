#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a demonstration that shows other figures than the kernel's, says "all zero" without having looked, keeps the memory of each
round, or brings the machine down with the size that somebody tried."""
import csv
import json
import os
import re
import signal
import subprocess
import time
import unittest

from tool import MIB, TAMSTAT, main, run, tamstat, tamstat_json

SIZE = 64 * MIB


def steps(document):
    return {step["step"]: step for step in document["demo"]["steps"]}


class Demo(unittest.TestCase):
    def test_reading_commits_nothing_and_only_writing_does(self):
        document = tamstat_json("demo", "--size", "64MiB")
        demo, step = document["demo"], steps(document)
        self.assertEqual((demo["size"], demo["mode"], demo["not_zero"], demo["lost"]), (SIZE, "mixed", 0, 0))
        self.assertEqual(demo["verified"], SIZE + SIZE // 4 + SIZE // 8)   # all, what is written, what was given back
        self.assertEqual(demo["written"], SIZE // 4)
        more = lambda a, b, figure: step[b][figure] - step[a][figure]
        self.assertEqual(more("start", "allocate", "reserved"), SIZE)
        self.assertLess(more("start", "allocate", "committed"), MIB // 4)
        self.assertLess(more("allocate", "read all", "committed"), MIB // 4)
        self.assertGreaterEqual(more("allocate", "read all", "page_tables"), SIZE // 512 - 8192)
        self.assertGreaterEqual(more("allocate", "read all", "minor_faults"), 1)
        self.assertAlmostEqual(more("read all", "write 1/4", "committed"), SIZE // 4, delta=MIB // 4)
        self.assertAlmostEqual(more("write 1/4", "discard 1/8", "committed"), -SIZE // 8, delta=MIB // 4)
        self.assertLess(more("discard 1/8", "read 1/8", "committed"), MIB // 4)
        self.assertEqual(more("start", "release", "reserved"), 0)
        self.assertLess(abs(more("start", "release", "committed")), MIB // 4)
        if step["read all"]["zero_pages"] is not None:   # Linux 6.7
            pages = SIZE // os.sysconf("SC_PAGE_SIZE")
            self.assertEqual(step["allocate"]["zero_pages"], 0)
            self.assertEqual(step["read all"]["zero_pages"], pages)
            self.assertEqual(step["write 1/4"]["zero_pages"], pages * 3 // 4)
            self.assertEqual(step["read 1/8"]["zero_pages"], pages * 7 // 8)

    def test_modes(self):
        self.assertEqual([s["step"] for s in tamstat_json("demo", "--mode", "read")["demo"]["steps"]], ["start", "allocate", "read all", "release"])
        written = tamstat_json("demo", "--mode", "write", "--size", "3MiB")
        self.assertEqual(written["demo"]["written"], 3 * MIB)
        self.assertAlmostEqual(steps(written)["write all"]["committed"] - steps(written)["allocate"]["committed"], 3 * MIB, delta=MIB // 4)

    def test_odd_sizes(self):
        for size in ("1", "4095", "4097", "1MB", "1048577"):
            with self.subTest(size):
                self.assertRegex(tamstat("demo", "--size", size), r"(?m)^verified: \d+ bytes are zero$")
        self.assertEqual(run("demo", "--size", "0").returncode, 2)
        self.assertEqual(run("demo", "--size", "lots").returncode, 2)

    def test_what_would_hurt_is_refused(self):
        for mode in ("write", "mixed", "read"):
            done = run("demo", "--size", "1000TiB", "--mode", mode)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"choose a smaller --size", done.stderr)
        done = run("demo", "--size", "15EiB", "--repeat", "--count", "1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"15\.0 EiB refused")

    def test_progress_of_each_mib(self):
        text = tamstat("demo", "--size", "3MiB", "--mode", "read", "--pace", "1ms")
        self.assertEqual(len(re.findall(r"(?m)^read +\d\.0 MiB of 3\.0 MiB: all zero, committed ", text)), 3)

    def test_rounds_keep_nothing(self):
        text = tamstat("demo", "--repeat", "--count", "20", "-d", "0.1", "--size", "64MiB", "-u", "KiB", "--no-header")
        lines = [re.fullmatch(r" *\d+ +([0-9a-f]+) +65536 KiB +([A-Z])\.\.([A-Z]) +(\d+) KiB +(\d+) KiB", line) for line in text.splitlines()]
        self.assertEqual(len(lines), 20)
        self.assertTrue(all(line[2] == line[3] for line in lines))
        self.assertEqual(lines[1][4], lines[19][4])   # reserved
        self.assertLess(abs(int(lines[19][5]) - int(lines[1][5])), 256)

    def test_csv_has_the_keys_and_figures_of_json(self):
        first, *rows = list(csv.reader(tamstat("demo", "--size", "3MiB", "--format", "csv").splitlines()))
        step = tamstat_json("demo", "--size", "3MiB")["demo"]["steps"][0]
        self.assertEqual(first, list(step))
        self.assertTrue(all(cell.isdigit() or not cell for row in rows for cell in row[1:]))
        self.assertEqual(int(rows[1][1]) - int(rows[0][1]), 3 * MIB)   # reserved by allocate
        rounds = tamstat("demo", "--repeat", "--count", "2", "-d", "0.1", "--size", "3MiB", "--format", "csv").splitlines()
        self.assertEqual(rounds[0], "round,address,size,reserved,committed")
        self.assertEqual([bool(re.fullmatch(rf"\d,0x[0-9a-f]+,{3 * MIB},\d+,\d+", line)) for line in rounds[1:]], [True, True])

    def test_addresses_of_json_are_those_of_the_schema(self):
        lines = tamstat("demo", "--repeat", "--count", "1", "--json-lines").splitlines()
        for demo in (tamstat_json("demo", "--size", "1MiB")["demo"], json.loads(lines[0])["demo"]):
            self.assertRegex(demo["address"], r"^0x[0-9a-f]+$")

    def test_control_c_ends_it(self):
        demo = subprocess.Popen([TAMSTAT, "demo", "--repeat", "-d", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        demo.stdout.readline()
        demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        _, complaints = demo.communicate(timeout=10)
        self.assertEqual((demo.returncode, complaints), (-signal.SIGINT, b""))

    def test_progress_on_a_terminal_only(self):
        start = time.monotonic()
        done = run("demo", "--size", "2GiB", "--mode", "read")
        self.assertEqual((done.returncode, done.stderr), (0, b""), time.monotonic() - start)


if __name__ == "__main__":
    main()
