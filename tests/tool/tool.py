# SPDX-License-Identifier: MIT
"""What the tests of the program share: running it, and processes with known answers."""
import contextlib
import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).resolve().parent / "fixtures"
TAMSTAT = os.environ["TAMSTAT"]
KNOWN = os.environ.get("KNOWN", "")
MIB = 1 << 20


def run(*arguments, **keywords):
    """tamstat with these arguments, its output as bytes."""
    return subprocess.run([TAMSTAT, *map(str, arguments)], capture_output=True, timeout=60, check=False, **keywords)


def on_a_terminal(columns, *arguments):
    """What it prints on a terminal of so many columns, without colour."""
    master, slave = pty.openpty()
    with open(master, "rb", buffering=0) as screen:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen([TAMSTAT, "--color", "never", *map(str, arguments)], stdout=slave) as process:
            os.close(slave)
            text = b""
            with contextlib.suppress(OSError):   # EIO: the end
                while part := screen.read(65536):
                    text += part
        assert process.returncode == 0, process.returncode
    return text.decode().replace("\r\n", "\n")


def run_as_nobody(*arguments):
    """The same as a user to whom process 1 does not show its mappings; from a folder that this user may enter."""
    if os.geteuid() != 0:
        return run(*arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(TAMSTAT, folder)
        return subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=60, check=False, cwd="/", user=65534,
                              group=65534, extra_groups=[])


def tamstat(*arguments, status=0):
    """What it prints; ends with another status: an error."""
    done = run(*arguments)
    assert done.returncode == status, f"{arguments}: status {done.returncode}, not {status}\n{done.stderr.decode(errors='replace')}"
    return done.stdout.decode()


def tamstat_json(*arguments, status=0):
    return json.loads(tamstat(*arguments, "--json", status=status))


@contextlib.contextmanager
def known(name, *areas):
    """A process of known.cpp, which ends with the block."""
    with subprocess.Popen([KNOWN, name, *areas], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.stdin.close()


def grow(process):
    """Writes 8 MiB more of its last area."""
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"ready\n"


def main():
    """The tests of the script that calls it. Says what was left out and why, and ends with 77 then, unless something failed."""
    result = unittest.main(exit=False).result
    print(*(reason for _, reason in result.skipped), sep="\n")
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
