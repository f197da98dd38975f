# SPDX-License-Identifier: MIT
"""What the tests of the program share: running it, and processes with known answers."""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).resolve().parent / "fixtures"
TAMSTAT = os.environ["TAMSTAT"]
KNOWN = os.environ.get("KNOWN", "")
MIB = 1 << 20


def run(*arguments, **keywords):
    """tamstat with these arguments, its output as bytes."""
    return subprocess.run([TAMSTAT, *map(str, arguments)], capture_output=True, timeout=60, check=False, **keywords)


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
