#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: an option that is taken and does nothing makes people believe a figure that they did not ask for; a message that is binary, or
300 digits long, tells nobody what to write instead."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from tool import FIXTURES, MIB, TAMSTAT, grow, known, main, run, tamstat, tamstat_json


def refused(*arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, b""), (arguments, done)
    return done.stderr.decode()


class Options(unittest.TestCase):
    def test_what_does_nothing_is_refused(self):
        me = os.getpid()
        for arguments in (["maps", me, "--columns", "nosuch"], ["maps", me, "--comm", "zzz"], ["maps", me, "--budget", "1s"], ["diff", "a", "b", "--comm", "x"],
                          ["diff", "a", "b", "--user", "root"], ["diff", "a", "b", "--columns", "pid"], ["sys", "-w", "-n", "1"],
                          ["demo", "--repeat", "-n", "1"], ["show", me, "--sort", "nosuch"], ["show", me, "--columns", "nosuch"],
                          ["show", me, "--comm", "zzz"], ["sys", "--filter", "reserved>1"], ["doctor", "--filter", "reserved>1"],
                          ["export", "--json"], ["run", "--format", "csv", "--", "true"], ["snapshot", "--format", "csv"],
                          ["--units", "KiB", "completion", "bash"]):
            with self.subTest(arguments):
                self.assertRegex(refused(*arguments), rf"tamstat: {arguments[0] if arguments[0] != '--units' else 'completion'} takes no -")

    def test_what_does_something_is_taken(self):
        me = os.getpid()
        for arguments in (["maps", me, "--sort", "-size", "-n", "2"], ["show", me, "--cmdline", "--json"], ["sys", "--color", "never"],
                          ["doctor", "-q"], ["--json", "run", "--", "true"], ["oom", "--columns", "pid"], ["demo", "-u", "KiB"]):
            with self.subTest(arguments):
                tamstat(*arguments)
        self.assertIn("python", tamstat_json("show", me, "--cmdline")["processes"][0]["cmdline"])

    def test_a_set_of_words(self):
        help_text = run("--help").stdout
        self.assertIn(b"{table,plain,csv,json}", help_text)
        self.assertIn(b"{auto,KiB,MiB,GiB,bytes}", help_text)
        for text in (help_text, *(refused(option, "x").encode() for option in ("--format", "--color", "--units", "--detail", "--source"))):
            self.assertRegex(text, rb"\A[\n\x20-\x7e]*\Z")
            self.assertNotIn(b"->", text)
        self.assertIn("{basic,rollup,maps}", refused("--detail", "x"))
        self.assertEqual(tamstat("ps", os.getpid(), "-q", "-u", "kib", "--columns", "reserved", "--no-header")[-4:], "KiB\n")

    def test_numbers(self):
        for arguments in (["-n", "-1"], ["-n", "x"], ["-n", "99999999999999999999"], ["top", "-n", "0"], ["show", "0"], ["show", "-5"],
                          ["show", "x"], ["sys", "--count", "0"], ["export", "--top", "-1"], ["maps", "2147483648"]):
            with self.subTest(arguments):
                text = refused(*arguments)
                self.assertLess(len(text), 120)
                self.assertIn("is no whole number of at least", text)

    def test_times(self):
        tamstat("top", "-n", "1", "-d", "100000us")
        self.assertIn("0.1 s is the least", refused("top", "-n", "1", "-d", "99999us"))

    def test_filter(self):
        self.assertIn("empty", refused("-f", ""))
        self.assertIn("empty", refused("ps", "-f", " "))
        self.assertIn("nonsense", refused("ps", "-q", "-f", "nonsense > 1"))
        tamstat("ps", "-f", "reserved > 1 GiB and fill < 5 %")


class Processes(unittest.TestCase):
    def test_who_is_not_there(self):
        with tempfile.TemporaryDirectory() as nothing:
            for command in ("ps", "show"):
                self.assertEqual(run(command, 7, "--procfs", nothing).returncode, 5)
                self.assertEqual(run(command, 4194303).returncode, 1)

    def test_sums_of_mappings_that_do_not_fit_are_marked(self):
        mapping = "{}000-{}000 rw-p 00000000 00:00 0\nRss: 18014398509481980 kB\nSwap: 18014398509481980 kB\n"
        with tempfile.TemporaryDirectory() as folder:
            tree = shutil.copytree(FIXTURES / "proc-6.12", Path(folder, "proc"), symlinks=True)
            Path(tree, "420", "smaps").write_text(mapping.format(1, 2) + mapping.format(2, 3), encoding="utf-8")
            self.assertRegex(tamstat("maps", 420, "--procfs", tree), "2 mappings, size 8 KiB, resident 16.0 EiB or more, untouched 0\n")

    def test_growth_is_per_second_however_long_the_sample_takes(self):
        with known("tt-grows", "noreserve:256:1") as process:
            with subprocess.Popen([TAMSTAT, "ps", str(process.pid), "--columns", "growth", "--format", "csv", "--no-header"],
                                  stdout=subprocess.PIPE) as sampler:
                time.sleep(0.25)
                os.kill(sampler.pid, signal.SIGSTOP)
                grow(process)
                time.sleep(1)
                os.kill(sampler.pid, signal.SIGCONT)
                growth = int(sampler.communicate()[0])
        self.assertGreater(growth, 0)
        self.assertLess(growth, 8 * MIB)   # of 500 ms they would be 16 MiB/s

    @unittest.skipIf(os.uname().machine != "x86_64", "SKIPPED: needs the number of exit(2)")
    def test_main_thread_that_has_ended(self):
        program = ("import ctypes, sys, threading, time\n"
                   "threading.Thread(target=time.sleep, args=(60,)).start()\n"
                   "print(flush=True)\n"
                   "ctypes.CDLL(None).syscall(60, 0)\n")   # exit(2): of one thread
        with subprocess.Popen(["python3", "-c", program], stdout=subprocess.PIPE) as process:
            try:
                process.stdout.readline()
                deadline = time.monotonic() + 10
                while "zombie" not in Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8") and time.monotonic() < deadline:
                    time.sleep(0.01)
                row = tamstat_json("show", process.pid, "--cmdline")["processes"][0]
                for key in ("anon", "filepages", "pss", "vmas"):
                    self.assertGreater(row[key], 0, key)
                self.assertGreater(sum(row["kinds"].values()), MIB)
                self.assertIn("threading", row["cmdline"])
                with known("tt-usual", "charged:1:1") as usual:
                    knows_zero_pages = tamstat_json("maps", usual.pid)["processes"][0]["mappings"][0]["zero"] is not None
                for mapping in tamstat_json("maps", process.pid)["processes"][0]["mappings"]:
                    self.assertEqual(mapping["zero"] is not None, knows_zero_pages, mapping)
            finally:
                process.kill()


if __name__ == "__main__":
    main()
