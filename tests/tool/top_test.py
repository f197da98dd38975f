#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a full-screen program that ends by a signal, or stops, leaves a terminal without a cursor, without echo, or in its second
screen: the shell is unusable, and the administrator blames the machine. Driven in tmux; the screens are in the log."""
import itertools
import os
import re
import shlex
import signal
import subprocess
import time
import unittest

from tool import TAMSTAT, known, main, run, tamstat

SOCKET = ""
servers = itertools.count()


def tmux(*arguments):
    return subprocess.run(["tmux", "-L", SOCKET, "-f", "/dev/null", *arguments], capture_output=True, text=True, check=True).stdout


class Terminal:
    """A shell in a tmux of its own."""

    def __init__(self, columns=100, rows=24):
        global SOCKET
        SOCKET = f"tamstat-{os.getpid()}-{next(servers)}"   # the one before may not be gone yet
        tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "env", "PS1=ready$ ", "bash", "--norc", "--noprofile")
        tmux("set-option", "-g", "remain-on-exit", "on")
        self.wait_for(r"^ready\$")

    def close(self):
        subprocess.run(["tmux", "-L", SOCKET, "kill-server"], capture_output=True, check=False)

    def screen(self):
        return tmux("capture-pane", "-p")

    def type(self, *keys):
        tmux("send-keys", *keys)

    def command(self, text):
        tmux("send-keys", "-l", text)
        tmux("send-keys", "Enter")

    def wait_for(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if re.search(pattern, screen, re.MULTILINE):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{pattern} does not show:\n{screen}")

    def settings(self):
        """What the shell's terminal is like; the cursor and the second screen are tmux's to tell."""
        self.command("clear; stty -a; echo 'set'tings")
        screen = self.wait_for(r"^settings$")
        flags = tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}").strip()
        return re.sub(r"(?s)^.*?(speed .*?)\nsettings.*", r"\1", screen), flags

    def resize(self, columns, rows):
        tmux("resize-window", "-x", str(columns), "-y", str(rows))


class Top(unittest.TestCase):
    def setUp(self):
        self.terminal = Terminal()
        self.addCleanup(self.terminal.close)
        self.before = self.terminal.settings()
        self.assertEqual(self.before[1], "1 0")   # the cursor shows, on the first screen
        self.terminal.command("clear")

    def start(self, *arguments, wait=r"PID .*COMM"):
        self.terminal.command(shlex.join([TAMSTAT, "top", "-d", "0.2", *arguments]))
        screen = self.terminal.wait_for(wait)
        self.log("started", screen)
        self.assertEqual(tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}").strip(), "0 1")
        return screen

    def log(self, what, screen):
        print(f"--- {self.id()}: {what}\n{screen}---")

    def pid(self):
        shell = tmux("display-message", "-p", "#{pane_pid}").strip()
        return int(subprocess.run(["pgrep", "-P", shell, "-x", "tamstat"], capture_output=True, text=True, check=True).stdout)

    def check_restored(self, echo):
        self.terminal.command(f"echo status $?")
        screen = self.terminal.wait_for(echo)
        self.log("ended", screen)
        self.terminal.resize(100, 24)
        self.assertEqual(self.terminal.settings(), self.before)

    def test_quit(self):
        self.start()
        self.terminal.type("q")
        self.check_restored(r"^status 0$")

    def test_signals_restore_the_terminal_and_end_it(self):
        for name, number in (("TERM", 15), ("HUP", 1), ("QUIT", 3), ("INT", 2)):
            with self.subTest(name):
                self.start()
                os.kill(self.pid(), getattr(signal, "SIG" + name))
                self.check_restored(rf"^status {128 + number}$")
                self.terminal.command("clear; rm -f core")

    def test_control_c(self):
        self.start()
        self.terminal.type("C-c")
        self.check_restored(r"^status 130$")

    def test_a_crash_restores_the_terminal(self):
        self.start()
        os.kill(self.pid(), signal.SIGSEGV)
        self.check_restored(r"^status (139|1)$")   # 1: a sanitizer's

    def test_stop_and_go_on(self):
        self.start()
        self.terminal.type("C-z")
        self.log("stopped", self.terminal.wait_for(r"^ready\$"))
        self.assertEqual(tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}").strip(), "1 0")
        self.terminal.command("clear; stty -a | grep -o ' echo '")
        self.terminal.wait_for(r"^ echo")
        self.terminal.command("fg")
        self.log("goes on", self.terminal.wait_for(r"PID .*COMM"))
        self.terminal.type("q")
        self.check_restored(r"^status 0$")

    def test_stopped_from_outside(self):
        self.start()
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        self.terminal.wait_for(r"Stopped")
        self.terminal.command("fg")
        self.terminal.wait_for(r"PID .*COMM")
        self.terminal.type("q")
        self.check_restored(r"^status 0$")

    def test_every_size(self):
        self.start()
        for columns, rows in ((40, 10), (200, 60), (20, 3), (100, 24)):
            self.terminal.resize(columns, rows)
            screen = self.terminal.wait_for("PID" if columns >= 40 else r"memory")
            time.sleep(0.5)
            screen = self.terminal.screen()
            self.log(f"{columns} columns, {rows} rows", screen)
            lines = screen.rstrip("\n").split("\n")
            self.assertLessEqual(max(map(len, lines)), columns)
            if rows >= 10:
                self.assertRegex(screen, r"(?m)^ *PID +COMM")
                self.assertRegex(lines[-1], r"^\? help")
        self.terminal.type("q")
        self.check_restored(r"^status 0$")

    def test_keys(self):
        with known("tt-top", f"noreserve:{64 << 20}:1") as process:
            screen = self.start()
            self.assertRegex(screen.split("\n")[2], rf"{process.pid} +tt-top")   # 64 TiB untouched: the first, also beside a sanitizer
            self.terminal.type("Enter")
            screen = self.terminal.wait_for(rf"mappings of {process.pid}")
            self.log("mappings", screen)
            self.assertRegex(screen, r"64\.0 TiB .*noreser")
            self.terminal.type("Escape")
            self.terminal.wait_for(r"PID .*COMM")
            for key, columns in (("2", "NORESERVE"), ("3", "PSS"), ("4", "OOMSHARE"), ("5", "MAJFLT"), ("o", "OOMSHARE"), ("1", "UNTOUCHED"),
                                 ("d", "PSS"), ("d", "NORESERVE"), ("d", "UNTOUCHED")):
                self.terminal.type(key)
                self.terminal.wait_for(columns)
            self.terminal.type("f")
            self.terminal.type("-l", "comm = tt-top and reserved > 1GiB")
            self.terminal.wait_for(r"^filter: comm = tt-top and reserved > 1GiB_")
            self.terminal.type("Enter")
            self.log("filtered", self.terminal.wait_for(r"1 of \d+ processes"))
            self.terminal.type("f")
            self.terminal.type("-l", " and nonsense")
            self.terminal.type("Enter")
            self.log("a wrong filter", self.terminal.wait_for(r"there is no column 'nonsense'"))
            self.terminal.type("Space")
            self.terminal.wait_for(r"PAUSED")
            self.terminal.type("?")
            self.log("help", self.terminal.wait_for(r"space +pause"))
            self.terminal.type("q")   # the help
            self.terminal.wait_for(r"PID .*COMM")
            self.terminal.type("q")
            self.check_restored(r"^status 0$")

    def test_sys_too(self):
        self.terminal.command(f"{TAMSTAT} sys --watch -d 0.2")
        self.log("sys", self.terminal.wait_for(r"memory +total"))
        self.terminal.type("C-c")
        self.check_restored(r"^status 130$")


class Blocks(unittest.TestCase):
    """Where there is no terminal, or one that can do nothing."""

    def test_batch(self):
        with known("tt-batch", "noreserve:64:1") as process:
            text = tamstat("top", process.pid, "-d", "0.1", "-n", "3")
            self.assertEqual(len(re.findall(r"(?m)^ *PID +COMM", text)), 3)
            self.assertEqual(len(re.findall(r"tt-batch", text)), 3)
            self.assertNotIn("\x1b", text)
            self.assertNotIn("not be read", text)   # what nobody asked for is not missing

    def test_a_dumb_terminal_gets_blocks(self):
        done = subprocess.run(["script", "-qec", f"{TAMSTAT} top -d 0.1 -n 2", "/dev/null"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=True, env={**os.environ, "TERM": "dumb"})
        self.assertEqual(len(re.findall(r"(?m)^ *PID +COMM", done.stdout)), 2)
        self.assertNotIn("\x1b", done.stdout)

    def test_growth_between_samples(self):
        with known("tt-grows", "noreserve:512:1") as process:
            watch = subprocess.Popen([TAMSTAT, "top", str(process.pid), "-d", "1", "-n", "2", "--format", "csv", "--columns", "pid,growth"],
                                     stdout=subprocess.PIPE, text=True)
            self.assertEqual(watch.stdout.readline(), "pid,growth\n")
            self.assertEqual(watch.stdout.readline(), f"{process.pid},\n")   # the first sample knows of no growth
            process.stdin.write(b"\n")   # 8 MiB more
            process.stdin.flush()
            growth = int(watch.stdout.readline().split(",")[1])
            self.assertEqual(watch.wait(), 0)
            watch.stdout.close()
            self.assertAlmostEqual(growth / (8 << 20), 1, delta=0.3)

    def test_who_is_not_there(self):
        done = run("top", "4194305", "-d", "0.1", "-n", "2")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"4194305", done.stderr)

    def test_it_ends_with_the_process_that_it_watches(self):
        with known("tt-ends", "noreserve:1:1") as process:
            watch = subprocess.Popen([TAMSTAT, "top", str(process.pid), "-d", "0.1", "--no-header"], stdout=subprocess.PIPE, text=True)
            self.assertIn("tt-ends", watch.stdout.readline())
        self.assertEqual(watch.wait(timeout=10), 0)
        watch.stdout.close()

    def test_intervals_do_not_drift(self):
        start = time.monotonic()
        tamstat("sys", "--watch", "-d", "0.2", "--count", "11")
        self.assertLess(abs(time.monotonic() - start - 0.25 - 10 * 0.2), 0.35)


if __name__ == "__main__":
    main()
