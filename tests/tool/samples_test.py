#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a sample in the documentation shows what the program printed once. Here each is printed anew: a block that follows the
comment "sample: WHAT" begins with "$ tamstat ..." and must be what that prints. WHAT says with what: "none"; "ps", the processes of
fixtures/proc-sample; "diff", two snapshots made of those; "live", this machine, where only the first words of the lines are
compared; then perhaps status=N. Usage: samples_test.py [--update]"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tool import FIXTURES, MIB, SOURCE, TAMSTAT

PAGES = [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*/*.md"))]
SAMPLE = re.compile(r"(<!-- sample: ([^>]*?) -->\n```text\n)(\$ tamstat ([^\n]*)\n)(.*?)(```\n)", re.DOTALL)


def snapshots(directory):
    """Two of them, of processes of the fixture that grew, ended and began."""
    subprocess.run([TAMSTAT, "--procfs", FIXTURES / "proc-sample", "snapshot", "--detail", "maps", "-o", directory + "/before.json"],
                   check=True)
    document = json.loads(Path(directory, "before.json").read_text())
    document["time"] = "2026-11-20T17:33:02Z"
    Path(directory, "before.json").write_text(json.dumps(document))
    document["time"] = "2026-11-20T18:33:02Z"
    document["processes"].sort(key=lambda process: -(process["reserved"] or 0))
    grown, ended = document["processes"][0], document["processes"].pop()
    mapping = max((m for m in grown["mappings"] if m["kind"] == "noreserve"), key=lambda m: m["size"])
    for figures, key in ((grown, "committed"), (mapping, "resident")):
        figures[key] += 2 * MIB
    document["processes"].append({**ended, "pid": ended["pid"] + 100, "start_ns": ended["start_ns"] + 10**9, "comm": "newcomer"})
    Path(directory, "after.json").write_text(json.dumps(document))


def output(what, command, directory):
    """What the program prints, errors as well."""
    arguments = ["--procfs", FIXTURES / "proc-sample"] if what[0] == "ps" else []
    status = int(dict(word.split("=") for word in what if "=" in word).get("status", 0))
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run([TAMSTAT, *arguments, *shlex.split(command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd=directory, env=environment, check=False)
    if done.returncode != status:
        sys.exit(f"tamstat {command}: status {done.returncode}, not {status}\n{done.stdout}")
    return steady(done.stdout)


def steady(text):
    """Without what differs from time to time."""
    text = re.sub(r'"time":"[^"]*"', '"time":"2026-11-20T17:33:02Z"', text)
    return re.sub(r"(?m)^(tamstat_scrape_duration_seconds) .*", r"\1 0.0004", text)


def labels(text):
    """The first words of the lines, without what differs from machine to machine."""
    return set(re.findall(r"(?m)^[ !]{0,2}([A-Za-z_]+)", text))


def main(update):
    wrong = count = 0
    with tempfile.TemporaryDirectory() as directory:
        snapshots(directory)
        for page in PAGES:
            text = page.read_text()

            def anew(match):
                nonlocal wrong, count
                count += 1
                what = match[2].split()
                now = output(what, match[4], directory)
                same = labels(now) == labels(match[5]) if what[0] == "live" else now == match[5]
                if not same and not update:
                    wrong += 1
                    print(f"{page}: {match[3]}<<< documented\n{match[5]}>>> printed\n{now}")
                return match[0] if same else match[1] + match[3] + now + match[6]

            new = SAMPLE.sub(anew, text)
            if update and new != text:
                page.write_text(new)
    if count < 10 or "<!-- sample" in "".join(SAMPLE.sub("", page.read_text()) for page in PAGES):
        sys.exit("a sample has another form than this test knows")
    print(f"{count} samples, {wrong} of them out of date; samples_test.py --update")
    sys.exit(wrong != 0)


if __name__ == "__main__":
    main(sys.argv[1:] == ["--update"])
