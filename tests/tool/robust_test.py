#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a program that is used when a machine is in trouble fails in trouble itself: processes that come and go while it reads, a
reader that goes away, a full disk, a terminal that can do nothing, a user who may see nothing. Then it crashes, hangs, or prints
0 for what it could not read."""
import json
import os
import pty
import re
import signal
import subprocess
import time
import unittest

import fcntl
import struct
import termios

from tool import TAMSTAT, known, main, run, run_as_nobody, tamstat


def on_terminal(*arguments, columns=80, rows=24, **environment):
    """What it sends to a terminal of that size, and its status."""
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execve(TAMSTAT, [TAMSTAT, *arguments], {"LC_ALL": "C.UTF-8", "TERM": "xterm", **environment})
    output = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:   # the other end is closed
            break
        if not piece:
            break
        output += piece
    os.close(master)
    return output.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def width(line):
    return len(re.sub(r"\x1b\[[0-9;]*m", "", line))


class Storm(unittest.TestCase):
    """Processes that start and end by the hundred while it reads."""

    def setUp(self):
        # Some of them exec, some have threads of a shell's pipeline, all are short.
        self.storm = [subprocess.Popen(["sh", "-c", "while :; do (:) & (exec true) & wait; done"], start_new_session=True) for _ in range(2)]

    def tearDown(self):
        for storm in self.storm:
            os.killpg(storm.pid, signal.SIGKILL)
            storm.wait()

    def test_neither_crash_nor_nonsense(self):
        end = time.monotonic() + 5
        rounds = exited = 0
        details = ["basic", "rollup", "maps"]
        while time.monotonic() < end or rounds < 6:   # each detail twice, however busy the machine is
            done = run("ps", "--json", "--detail", details[rounds % 3], "--columns", "+growth" if rounds % 5 == 0 else "+user")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            document = json.loads(done.stdout)
            for process in document["processes"]:
                for key, value in process.items():
                    if isinstance(value, int) and key != "growth":
                        self.assertGreaterEqual(value, 0, (key, process))
                if process.get("reserved") and process.get("committed") is not None:
                    self.assertLessEqual(process["committed"], process["reserved"] + (4 << 20), process)
            exited += document["totals"]["exited"]
            rounds += 1
        print(f"{rounds} rounds, {exited} processes ended while they were read")


class Output(unittest.TestCase):
    def test_a_reader_that_goes_away_is_no_error(self):
        shell = subprocess.run(["bash", "-c", f"{TAMSTAT} ps --json-lines | head -c 1; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True,
                               check=True)
        self.assertEqual(shell.stderr, "")
        self.assertIn(shell.stdout[1:].strip(), ("141", "0"))

    def test_a_full_disk_is_told(self):
        for arguments in (["ps"], ["ps", "--json"], ["sys"], ["doctor"], ["demo", "--size", "1MiB"], ["top", "-n", "1"], ["help", "terms"]):
            with self.subTest(arguments), open("/dev/full", "wb") as full:
                done = subprocess.run([TAMSTAT, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual(done.returncode, 5)
                self.assertIn("No space left on device", done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_nothing_is_cut_in_a_pipe(self):
        with known("tt-a-long-name", "noreserve:1:0"):
            self.assertIn("tt-a-long-name", tamstat("ps"))


class Terminal(unittest.TestCase):
    def test_colours_only_where_they_are_wanted(self):
        with known("tt-sparse", "noreserve:4096:1"):   # of low fill: shown in a colour
            self.assertIn("\x1b[", on_terminal("ps")[0])
            self.assertNotIn("\x1b[", on_terminal("ps", NO_COLOR="1")[0])
            self.assertIn("\x1b[", on_terminal("ps", NO_COLOR="")[0])
            self.assertNotIn("\x1b[", on_terminal("ps", TERM="dumb")[0])
            self.assertNotIn("\x1b[", on_terminal("ps", "--color", "never")[0])
            self.assertIn("\x1b[", on_terminal("ps", "--color", "always", NO_COLOR="1")[0])
            self.assertNotIn("\x1b[", tamstat("ps"))
            self.assertIn("\x1b[", tamstat("ps", "--color", "always"))
            forced = run("ps", env={**os.environ, "CLICOLOR_FORCE": "1"})
            self.assertIn(b"\x1b[", forced.stdout)

    def test_narrow(self):
        with known("tt-a-long-name", "noreserve:4096:1"):
            for columns in (40, 60, 80):
                for arguments in (["ps"], ["ps", "--detail", "maps"], ["sys"], ["doctor"], ["oom"], ["demo", "--size", "1MiB"], ["show", str(os.getpid())],
                                  ["maps", str(os.getpid())]):
                    with self.subTest(arguments, columns=columns):
                        text, status = on_terminal(*arguments, columns=columns)
                        self.assertEqual(status, 0, text)
                        table = [line for line in text.splitlines() if not re.search(r"[a-z]{2,},? [a-z]{2,}", line)]   # no prose
                        self.assertLessEqual(max(map(width, table)), columns, "\n".join(table))

    def test_the_name_of_a_process_cannot_reach_the_terminal(self):
        names = ["\x1b]0;owned\x07", "a\x1b[2Jb", "tt\nfake 1 row", "\u202eexe", "\x9b31m"]
        for name in names:
            with self.subTest(name), known(name, "noreserve:4096:1") as process:
                for arguments in (["ps"], ["ps", "--format", "csv"], ["ps", "--json"], ["show", process.pid], ["maps", process.pid], ["oom"],
                                  ["ps", "--comm", "owned|fake"], ["top", "-n", "1"]):
                    output = run(*arguments, "--color", "never").stdout.decode()
                    for forbidden in ("\x1b", "\x07", "\u202e", "\x9b"):
                        self.assertNotIn(forbidden, output, arguments)


@unittest.skipIf(os.geteuid() != 0, "SKIPPED: needs root to become nobody")
class Nobody(unittest.TestCase):
    def test_what_may_not_be_read_is_not_0(self):
        with known("tt-of-root", "noreserve:64:1") as process:
            done = run_as_nobody("ps", "--detail", "maps")
            text = done.stdout.decode()
            self.assertEqual(done.returncode, 0, done.stderr)
            row = next(line for line in text.splitlines() if "tt-of-root" in line)
            self.assertRegex(row, r" - +- +- +- ")
            denied = re.search(r"(\d+) of (\d+) processes may not be read in full: run as root", text)
            self.assertIsNotNone(denied, text)
            self.assertGreaterEqual(int(denied[1]), 1)
            self.assertNotIn("run as root", tamstat("ps", "--detail", "maps"))   # never said to root
            shown = run_as_nobody("show", process.pid).stdout.decode()
            self.assertIn("some of it may not be read: run as root for the rest", shown)
            alone = run_as_nobody("maps", process.pid)
            self.assertEqual((alone.returncode, alone.stdout), (3, b""))
            self.assertIn(b"Permission denied", alone.stderr)


if __name__ == "__main__":
    main()
