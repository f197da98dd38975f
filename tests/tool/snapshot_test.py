#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: the difference of two snapshots is what somebody looks for a leak with: growth that is not shown, a new process that passes for
an old one, or a file that was cut off and is read as far as it goes, send them to the wrong place."""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from tool import MIB, TAMSTAT, grow, known, main, run, run_as_nobody, tamstat, tamstat_json


OWN = f"s{os.getpid()}-"   # names of processes: another run of this test may be under way


class Snapshots(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.a, self.b = (str(Path(directory.name, name)) for name in ("a.json", "b.json"))

    def snapshot(self, path, *arguments, status=0):
        return tamstat("snapshot", "--comm", "^" + OWN, "-o", path, *arguments, status=status)

    def test_growth_of_a_process_and_of_its_mapping(self):
        with known(OWN + "grows", "noreserve:256:1") as process, known(OWN + "still", "noreserve:256:1"):
            self.snapshot(self.a, "--detail", "maps")
            grow(process)
            self.snapshot(self.b, "--detail", "maps")
        diff = tamstat_json("diff", self.a, self.b)
        changes = {change["comm"]: change for change in diff["changes"]}
        self.assertEqual(set(changes), {OWN + "grows"})
        grown = changes[OWN + "grows"]
        self.assertEqual((grown["pid"], grown["fate"], grown["reserved"]["change"]), (process.pid, "changed", 0))
        self.assertAlmostEqual(grown["committed"]["change"], 8 * MIB, delta=MIB)
        mapping = max(grown["mappings"], key=lambda m: m["resident"]["change"])
        self.assertEqual((mapping["kind"], mapping["size"]["after"], mapping["resident"]["change"]), ("noreserve", 256 * MIB, 8 * MIB))

        text = tamstat("diff", self.a, self.b)
        self.assertRegex(text, rf"(?m)^ *{process.pid} +{OWN}grows +changed .* \+8\.0\d* MiB ")
        self.assertRegex(text, r"(?m)^.* to .*: 0 new, 0 gone, 1 unchanged, committed \+8\.")
        self.assertRegex(text, r"(?m)^ *%d +changed +[0-9a-f]+ +noreserve +256\.0 MiB +0 .*\+8" % process.pid)

    def test_threshold(self):
        with known(OWN + "grows", "noreserve:256:1") as process:
            self.snapshot(self.a)
            grow(process)
            self.snapshot(self.b)
        tamstat("diff", self.a, self.b, "--threshold", "1GiB")
        tamstat("diff", self.a, self.b, "--threshold", "1MiB", status=1)
        tamstat("diff", self.b, self.a, "--threshold", "1MiB")   # it shrank

    def test_who_began_and_who_ended(self):
        with known(OWN + "old", "noreserve:64:1") as old:
            self.snapshot(self.a)
        with known(OWN + "new", "noreserve:64:1") as new:
            self.snapshot(self.b)
        fates = {(change["pid"], change["comm"], change["fate"]) for change in tamstat_json("diff", self.a, self.b)["changes"]}
        self.assertEqual(fates, {(old.pid, OWN + "old", "gone"), (new.pid, OWN + "new", "new")})

    def test_a_pid_that_was_used_again_is_two_processes(self):
        with known(OWN + "one", "noreserve:64:1"):
            self.snapshot(self.a)
        document = json.loads(Path(self.a).read_text())
        document["processes"][0].update(start_ns=document["processes"][0]["start_ns"] + 10**9, comm=OWN + "two")
        Path(self.b).write_text(json.dumps(document))
        self.assertEqual(sorted(c["fate"] for c in tamstat_json("diff", self.a, self.b)["changes"]), ["gone", "new"])

    def test_sort_filter_and_limit_speak_of_changes(self):
        with known(OWN + "grows", "noreserve:256:1") as process:
            self.snapshot(self.a)
            grow(process)
            with known(OWN + "new", "noreserve:1024:1"):
                self.snapshot(self.b)
        names = lambda *arguments: [change["comm"] for change in tamstat_json("diff", self.a, self.b, *arguments)["changes"]]
        self.assertEqual(names(), [OWN + "grows", OWN + "new"])
        self.assertEqual(names("--sort", "-reserved_change"), [OWN + "new", OWN + "grows"])
        self.assertEqual(names("--filter", "fate = new"), [OWN + "new"])
        self.assertEqual(names("--filter", "committed_change > 4MiB"), [OWN + "grows"])
        self.assertEqual(names("-n", "1"), [OWN + "grows"])
        tamstat("diff", self.a, self.b, "--sort", "nonsense", status=2)

    def test_formats(self):
        with known(OWN + "new", "noreserve:64:1"):
            self.snapshot(self.a, "--pid-that-is-none", status=2)
            self.snapshot(self.b)
        Path(self.a).write_text(json.dumps({**json.loads(Path(self.b).read_text()), "processes": []}))
        csv = tamstat("diff", self.a, self.b, "--format", "csv").splitlines()
        self.assertTrue(csv[0].startswith("pid,comm,fate,reserved,reserved_change,committed,"), csv)
        self.assertEqual(len(csv), 2)
        self.assertRegex(csv[1], rf"^\d+,{OWN}new,new,\d{{8,}},\d{{8,}},")
        lines = tamstat("diff", self.a, self.b, "--json-lines").splitlines()
        self.assertEqual([json.loads(line)["fate"] for line in lines], ["new"])

    def test_stdout_is_the_same_document(self):
        document = json.loads(tamstat("snapshot"))
        self.assertEqual(document["schema"], "tamstat/1")
        self.assertEqual(document["totals"]["processes"], len(document["processes"]))

    def test_a_file_that_is_no_snapshot_is_named_with_what_is_wrong(self):
        self.snapshot(self.a)
        for text, why in (("", b"no JSON"), ("{}", b"schema"), (Path(self.a).read_text()[:-20], b"no JSON")):
            Path(self.b).write_text(text)
            done = run("diff", self.a, self.b)
            self.assertEqual(done.returncode, 5)
            self.assertIn(self.b.encode(), done.stderr)
            self.assertIn(why, done.stderr)
            self.assertEqual(done.stdout, b"")
        for path in ("/nonexistent", "/"):
            self.assertEqual(run("diff", self.a, path).returncode, 5)

    def test_a_snapshot_that_cannot_be_written_leaves_the_old_one(self):
        self.snapshot(self.a)
        old = Path(self.a).read_text()
        limited = subprocess.run(["sh", "-c", f'ulimit -f 1; trap "" XFSZ; exec "$0" snapshot -o {self.a}', TAMSTAT],
                                 capture_output=True, check=False)
        self.assertEqual(limited.returncode, 5, limited.stderr)
        self.assertEqual(Path(self.a).read_text(), old)
        self.assertEqual(sorted(os.listdir(Path(self.a).parent)), ["a.json"])

    def test_a_device_that_is_full(self):
        # Not as root, who would lose the device if it were replaced.
        done = run_as_nobody("snapshot", "-o", "/dev/full")
        self.assertEqual(done.returncode, 5)
        self.assertIn(b"/dev/full", done.stderr)
        self.assertEqual(run_as_nobody("snapshot", "-o", "/dev/null").returncode, 0)


if __name__ == "__main__":
    main()
