#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a wrapper that swallows a signal, changes the status that a script relies on, writes into the output of the command, or
tells a peak that the command never had."""
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
import unittest
import xml.dom.minidom
from pathlib import Path

from json_test import STRICT
from tool import KNOWN, MIB, TAMSTAT, main, run

HOLD = f"sleep 0.5 | {shlex.quote(KNOWN)} tt-run"   # a process of known memory for half a second


def report(*command, interval="0.1"):
    """What is told of a command, as JSON."""
    done = run("run", "--json", "-d", interval, "--", *command)
    document = json.loads(done.stderr)
    STRICT.validate(document)
    return document["run"]


def run_in_namespace(*arguments):
    """The same in a pid namespace of its own; None where there are none."""
    unshare = ["unshare", "--pid", "--fork"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        return None
    return subprocess.run([*unshare, TAMSTAT, *arguments], capture_output=True, check=False, timeout=60)


class Run(unittest.TestCase):
    def test_the_status_is_that_of_the_command(self):
        for status in (0, 1, 7, 100, 255):
            self.assertEqual(run("run", "--", "sh", "-c", f"exit {status}").returncode, status)
        self.assertEqual(run("run", "--", "sh", "-c", "kill -TERM $$").returncode, 128 + 15)
        self.assertEqual(run("run", "--", "sh", "-c", "kill -SEGV $$").returncode, 128 + 11)
        missing = run("run", "--", "no-such-command")
        self.assertEqual((missing.returncode, missing.stdout), (127, b""))
        self.assertIn(b"no-such-command: No such file or directory", missing.stderr)
        self.assertEqual(run("run", "--", "/etc/passwd").returncode, 126)
        self.assertEqual(run("run").returncode, 2)

    def test_a_status_above_128_is_no_signal(self):
        for script, told, words in (("exit 200", (200, None), b"exit 200"), ("kill -TERM $$", (None, 15), b"signal 15")):
            with self.subTest(script):
                ended = report("sh", "-c", script)
                self.assertEqual((ended["exit_code"], ended["signal"]), told)
                self.assertIn(words, run("run", "--", "sh", "-c", script).stderr)

    def test_input_and_output_are_the_commands(self):
        done = run("run", "--", "sh", "-c", "cat; echo err >&2; echo \"$1\"", "sh", "--json", input=b"in\n")
        self.assertEqual(done.stdout, b"in\n--json\n")
        self.assertTrue(done.stderr.startswith(b"err\n"))

    def test_peaks_of_a_command_with_known_memory(self):
        told = report("sh", "-c", f"{HOLD} noreserve:2048:48")
        self.assertGreater(told["peak_reserved"], 2048 * MIB)
        self.assertLess(told["peak_reserved"], 2148 * MIB)
        self.assertGreater(told["peak_committed"], 48 * MIB)
        self.assertLess(told["peak_committed"], 64 * MIB)
        self.assertGreaterEqual(told["most_processes"], 3)   # the shell and both ends of the pipe
        self.assertAlmostEqual(told["seconds"], 0.5, delta=0.4)
        self.assertEqual(max(s["committed"] for s in told["samples"]) // MIB, told["peak_committed"] // MIB)

    def test_children_and_orphans_count(self):
        two = report("sh", "-c", f"{HOLD} noreserve:64:32 & {HOLD} noreserve:64:32; wait")
        self.assertGreater(two["peak_committed"], 64 * MIB)
        orphan = report("sh", "-c", f"({HOLD} noreserve:64:40 &) ; sleep 0.4")   # its parent has ended
        self.assertGreater(orphan["peak_committed"], 40 * MIB)

    def test_a_peak_between_samples_is_not_missed(self):
        flash = "import mmap; m = mmap.mmap(-1, 96 << 20, flags=mmap.MAP_PRIVATE); m.write(b'x' * (96 << 20))"
        told = report("/usr/bin/python3", "-c", flash, interval="10")
        self.assertGreater(told["peak_committed"], 96 * MIB)

    def test_a_command_that_is_too_short_has_not_used_nothing(self):
        for _ in range(10):
            told = report("true")
            self.assertGreater(told["peak_committed"], MIB / 2)   # not that of a program half loaded
            self.assertLess(told["peak_committed"], 4 * MIB)      # nor that of tamstat
            self.assertGreaterEqual(told["most_processes"], 1)
            self.assertEqual(told["exit_code"], 0)
            if told["peak_reserved"] is None:
                self.assertEqual(told["peak_reserved_error"], "ESRCH")
            else:
                self.assertGreater(told["peak_reserved"], MIB)

    def test_a_script_without_an_interpreter_runs_as_in_a_shell(self):
        with tempfile.TemporaryDirectory() as directory:
            script = Path(directory, "script")
            script.write_text("exit 7\n")
            script.chmod(0o755)
            self.assertEqual(run("run", "--", script).returncode, 7)

    def test_signals_reach_the_command(self):
        with tempfile.NamedTemporaryFile("r") as file:
            script = f"trap 'echo got > {file.name}; exit 9' TERM; while :; do sleep 0.05; done"
            wrapper = subprocess.Popen([TAMSTAT, "run", "-q", "--", "bash", "-c", script])
            time.sleep(0.5)
            wrapper.send_signal(signal.SIGTERM)
            self.assertEqual(wrapper.wait(timeout=10), 9)
            self.assertEqual(file.read(), "got\n")

    def test_the_command_has_the_signals_it_would_have_without(self):
        mask = "grep SigBlk /proc/self/status"
        self.assertEqual(run("run", "-q", "--", "sh", "-c", mask).stdout, subprocess.run(["sh", "-c", mask], capture_output=True, check=True).stdout)

    def test_the_report_in_files(self):
        with tempfile.TemporaryDirectory() as directory:
            text, svg = Path(directory, "report.txt"), Path(directory, "curve.svg")
            done = run("run", "-o", text, "--svg", svg, "--", "sh", "-c", f"{HOLD} noreserve:64:8")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertRegex(text.read_text(), r"(?m)^  committed  peak +\d+\.\d MiB {2,}\S")
            drawing = xml.dom.minidom.parse(str(svg))
            self.assertEqual(len(drawing.getElementsByTagName("polygon")), 2)

    def test_a_report_that_cannot_be_written_keeps_the_command_from_running(self):
        with tempfile.TemporaryDirectory() as directory:
            ran = Path(directory, "ran")
            for option in ("-o", "--svg"):
                for path in ("/nonexistent/x", directory):
                    with self.subTest(option=option, path=path):
                        done = run("run", option, path, "--", "touch", ran)
                        self.assertEqual((done.returncode, done.stdout), (5, b""))
                        self.assertIn(path.encode(), done.stderr)
                        self.assertFalse(ran.exists())
            self.assertEqual(os.listdir(directory), [])

    def test_a_report_that_cannot_be_written_any_more_is_not_lost(self):
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory, "folder")
            folder.mkdir()
            done = run("run", "-o", folder / "x", "--svg", folder / "y", "--", "sh", "-c", f"rmdir {folder}; exit 7")
            self.assertEqual(done.returncode, 7)
            self.assertIn(b"sh: exit 7 after", done.stderr)
            self.assertEqual(done.stderr.count(b"No such file or directory"), 2)

    def test_a_report_that_nobody_reads_can_be_broken_off(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkfifo(Path(directory, "fifo"))
            wrapper = subprocess.Popen([TAMSTAT, "run", "-o", Path(directory, "fifo"), "--", "true"])
            time.sleep(0.5)
            wrapper.terminate()
            try:
                self.assertEqual(wrapper.wait(timeout=5), -signal.SIGTERM)
            finally:
                wrapper.kill()

    @unittest.skipIf(os.geteuid() != 0, "SKIPPED: needs root, for a pid namespace")
    def test_not_the_processes_of_an_outer_namespace(self):
        # Its own pid is 1 there, while /proc is still the one outside, where 1 has started everything.
        done = run_in_namespace("run", "--json", "--", "sleep", "0.3")
        if done is None:
            self.skipTest("SKIPPED: no pid namespaces here")
        told = json.loads(done.stderr)["run"]
        self.assertEqual(told["most_processes"], 1)
        self.assertLess(told["peak_committed"], 4 * MIB)

    def test_a_report_to_standard_output(self):
        with tempfile.TemporaryDirectory() as directory:
            done = run("run", "-o", "-", "--", "true", cwd=directory)
            self.assertTrue(done.stdout.startswith(b"tamstat: true: exit 0"))
            self.assertEqual((done.stderr, os.listdir(directory)), (b"", []))

    def test_a_report_for_people(self):
        done = run("run", "--format", "plain", "--", "sh", "-c", f"{HOLD} noreserve:64:8")
        text = done.stderr.decode()
        self.assertRegex(text, r"\Atamstat: sh: exit 0 after \d\.\d s, at most \d processes at once\n")
        self.assertTrue(text.isascii())
        self.assertEqual(len(re.findall(r"peak", text)), 2)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)


if __name__ == "__main__":
    main()
