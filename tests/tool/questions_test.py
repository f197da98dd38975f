#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a documented command that no longer answers its question. The commands of docs/howto/find-sparse-processes.md are asked about
processes that were built to have known answers; each is run as it is written there."""
import contextlib
import re
import shlex
import tempfile
import unittest
from pathlib import Path

from tool import KNOWN, MIB, SOURCE, grow, known, main, run, tamstat

PAGE = (SOURCE / "docs/howto/find-sparse-processes.md").read_text()
GIB = 1 << 30
TIB_IN_MIB = 1 << 20
MOST = 64 * TIB_IN_MIB   # more than anything else on the machine has, as a program under AddressSanitizer has 20 TiB


def commands(number):
    """Those of a question, without the leading tamstat."""
    section = re.search(rf"(?ms)^## {number}\. .*?(?=^## |\Z)", PAGE)[0]
    return [shlex.split(line)[1:] for line in re.search(r"(?s)```sh\n(.*?)```", section)[1].splitlines()]


def answer(number, pid=None):
    """What the one command of a question prints."""
    (words,) = commands(number)
    return tamstat(*(str(pid) if word == "PID" else word for word in words))


def rows(text):
    """A table as a list of dictionaries; the sizes have their unit in the same cell."""
    lines = [re.sub(r"(\d) (?=[KMGTPE]iB\b)", r"\1_", line).split() for line in text.splitlines()]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def bytes_of(cell):
    number, _, unit = cell.partition("_")
    return float(number) * {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]


class Questions(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.stack = stack
        self.pids = set()
        self.directory = stack.enter_context(tempfile.TemporaryDirectory())

    def start(self, *arguments):
        process = self.stack.enter_context(known(*arguments))
        self.pids.add(str(process.pid))
        return process

    def own(self, text):
        """The rows of what this test started: other tests have large processes, too."""
        return [row for row in rows(text) if row.get("PID") in self.pids]

    def test_there_are_ten(self):
        self.assertEqual(re.findall(r"(?m)^## (\d+)\.", PAGE), [str(n) for n in range(1, 11)])

    def test_1_which_process_wastes_most_reserve(self):
        self.start("tt-second", f"noreserve:{MOST // 2}:4")
        self.start("tt-first", f"noreserve:{MOST}:4")
        found = self.own(answer(1))
        self.assertEqual([row["COMM"] for row in found], ["tt-first", "tt-second"])
        self.assertAlmostEqual(bytes_of(found[0]["UNTOUCHED"]), MOST * MIB, delta=100 * GIB)

    def test_2_what_is_its_reserve_made_of(self):
        process = self.start("tt-made", "none:300:0", "noreserve:200:16", "charged:100:8")
        text = answer(2, process.pid)

        def value(label):
            return bytes_of("_".join(re.search(rf"(?m)^ *{label} +([\d.]+) ([KMGT]iB)", text).groups()))

        self.assertAlmostEqual(value("PROT_NONE"), 300 * MIB, delta=8 * MIB)
        self.assertAlmostEqual(value("no reserve"), 200 * MIB, delta=MIB)
        self.assertAlmostEqual(value("charged"), 100 * MIB, delta=8 * MIB)
        self.assertAlmostEqual(value("committed"), 24 * MIB, delta=8 * MIB)

    def test_3_which_of_its_mappings(self):
        process = self.start("tt-maps", "charged:64:64", "noreserve:128:1", "noreserve:512:32")
        largest, second = rows(re.sub(r"\[[^\]\n]*\]|[|█▏▎▍▌▋▊▉░·]+ *", " ", answer(3, process.pid)))[:2]
        self.assertEqual((largest["SIZE"], largest["KIND"]), ("512.0_MiB", "noreserve"))
        self.assertEqual((largest["RESIDENT"], largest["UNTOUCHED"]), ("32.0_MiB", "480.0_MiB"))
        self.assertEqual(second["SIZE"], "128.0_MiB")

    def test_4_more_than_a_gigabyte_and_less_than_5_percent(self):
        self.start("tt-yes", "noreserve:2048:10")
        self.start("tt-full", "noreserve:1100:80")   # 7 %
        self.start("tt-small", "noreserve:900:1")
        self.assertEqual([row["COMM"] for row in self.own(answer(4))], ["tt-yes"])

    def test_5_who_is_ended_first(self):
        process = self.start("tt-victim", "noreserve:64:1")
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("1000")
        self.assertEqual([row["ADJ"] for row in self.own(answer(5))], ["1000"])

    def test_6_who_could_be_written_to_until_memory_is_gone(self):
        self.start("tt-promise", f"charged:{3 * 1024}:1", f"none:{MOST}:0")
        self.start("tt-noreserve", f"noreserve:{MOST}:1")
        first = self.own(answer(6))[0]
        self.assertEqual(first["COMM"], "tt-noreserve")
        self.assertAlmostEqual(bytes_of(first["NORESERVE"]), MOST * MIB, delta=100 * GIB)

    def test_7_who_was_promised_most(self):
        self.start("tt-noreserve", f"noreserve:{MOST}:1")
        self.start("tt-promise", *["charged:1024:1"] * 4)
        text = answer(7)
        self.assertEqual([row["COMM"] for row in self.own(text)], ["tt-promise"])
        self.assertRegex(text, r"charged .* of Committed_AS ")

    def test_8_who_grows_and_where(self):
        process = self.start("tt-grows", "noreserve:512:1")
        self.start("tt-still", "noreserve:512:1")
        before, after, difference = commands(8)
        inside = lambda words: [str(Path(self.directory, w)) if w.endswith(".json") else w for w in words]
        tamstat(*inside(before))
        grow(process)
        tamstat(*inside(after))
        text = tamstat(*inside(difference))
        self.assertRegex(text, rf"(?m)^ *{process.pid} +tt-grows +changed +\S+ MiB +0 +\S+ MiB +\+8\.\d MiB ")
        self.assertEqual([row["COMM"] for row in self.own(text.split("\n\n")[0])], ["tt-grows"])
        self.assertRegex(text, rf"(?m)^ *{process.pid} +changed +[0-9a-f]+ +noreserve +512\.0 MiB +0 +9\.\d+ MiB +\+8\.\d+ MiB")

    def test_9_who_pays_for_pages_that_were_only_read(self):
        self.start("tt-reader", f"noreserve:{64 * 1024}:1:{16 * 1024}")   # 32 MiB of page tables
        (first,) = self.own(answer(9))
        self.assertAlmostEqual(bytes_of(first["PTE"]), 32 * MIB, delta=2 * MIB)
        self.assertLess(bytes_of(first["COMMITTED"]), 16 * MIB)

    def test_10_what_did_a_command_need(self):
        (words,) = commands(10)
        self.assertEqual(words.pop(), "COMMAND")
        done = run(*words, "sh", "-c", f"sleep 0.4 | {KNOWN} tt-run noreserve:2048:48; exit 7")
        self.assertEqual((done.returncode, done.stdout), (7, b"ready\n"))
        self.assertRegex(done.stderr.decode(), r"reserved +peak +2\.\d+ GiB")
        self.assertRegex(done.stderr.decode(), r"committed +peak +(4[89]|5\d)\.\d MiB")


if __name__ == "__main__":
    main()
