#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: sys shows other figures than the kernel tells, or those of one processor for those of all; doctor says that something works
which does not, and an administrator looks for the fault elsewhere."""
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from tool import MIB, TAMSTAT, main, run, run_as_nobody, tamstat, tamstat_json


def meminfo(key):
    return int(re.search(rf"(?m)^{key}: +(\d+) kB", Path("/proc/meminfo").read_text())[1]) * 1024


class Sys(unittest.TestCase):
    def test_the_figures_are_the_kernels(self):
        system = tamstat_json("sys")["system"]
        memory = system["memory"]
        self.assertEqual(memory["total"], meminfo("MemTotal"))
        self.assertAlmostEqual(memory["available"], meminfo("MemAvailable"), delta=512 * MIB)
        self.assertEqual(memory["used"], memory["total"] - memory["available"])
        self.assertEqual(system["swap"]["total"], meminfo("SwapTotal"))
        self.assertEqual(system["commit"]["limit"], meminfo("CommitLimit"))
        self.assertGreater(system["processes"]["number"], 1)
        self.assertGreaterEqual(system["processes"]["reserved"], system["processes"]["committed"])

    def test_disks(self):
        for mount in ("/", "/proc", "/dev"):
            disk = tamstat_json("sys", "--mount", mount)["system"]["disk"]
            expected = os.statvfs(mount)
            self.assertEqual((disk["mount"], disk["total"]), (mount, expected.f_blocks * expected.f_frsize))
        self.assertEqual(run("sys", "--mount", "/nonexistent").returncode, 5)

    def test_processors_are_all_processors(self):
        burner = subprocess.Popen(["sh", "-c", "while :; do :; done"])
        try:
            cpu = tamstat_json("sys")["system"]["cpu"]
        finally:
            burner.kill()
            burner.wait()
        self.assertAlmostEqual(cpu["user"] + cpu["system"] + cpu["idle"], 1, delta=0.001)
        self.assertFalse(cpu["since_boot"])
        self.assertGreater(cpu["user"] + cpu["system"], 0.5 / os.cpu_count())

    def test_another_proc_stands_still(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("meminfo", "stat"):
                Path(root, name).write_text(Path("/proc", name).read_text())
            Path(root, "pressure").mkdir()
            Path(root, "pressure/memory").write_text("some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.25 avg60=0.00 avg300=0.00 total=1\n")
            Path(root, "pressure/io").write_text("nonsense\n")
            system = tamstat_json("--procfs", root, "sys")["system"]
            self.assertTrue(system["cpu"]["since_boot"])
            self.assertEqual(system["pressure"]["memory"], {"some": 0.125, "full": 0.0125})
            self.assertIsNone(system["pressure"]["io"])   # not 0
            self.assertIsNone(system["pressure"]["cpu"])
            self.assertEqual(system["processes"]["number"], 0)
            text = tamstat("--procfs", root, "sys")
            self.assertRegex(text, r"(?m)^memory pressure +some wait +12\.5%$")
            self.assertRegex(text, r"(?m)^io pressure +some wait +-$")
            Path(root, "meminfo").unlink()
            done = run("--procfs", root, "sys")
            self.assertEqual(done.returncode, 5)
            self.assertIn(f"{root}/meminfo: No such file or directory".encode(), done.stderr)

    def test_formats(self):
        lines = tamstat("sys", "--format", "csv").splitlines()
        self.assertEqual(lines[:2], ["what,figure,value,share", f"memory,total,{meminfo('MemTotal')},"])
        for line in lines[1:]:
            self.assertRegex(line, r"^[^,]+,[a-z ]+,\d*,([0-9.e-]+)?$")
        self.assertTrue(tamstat("sys", "--format", "plain").isascii())
        self.assertRegex(tamstat("sys", "-u", "bytes"), rf"(?m)^memory +total +{meminfo('MemTotal')}$")

    def test_again_and_again(self):
        text = tamstat("sys", "--watch", "-d", "0.1", "--count", "3")
        self.assertEqual(len(re.findall(r"(?m)^WHAT", text)), 3)
        lines = tamstat("sys", "--watch", "-d", "0.1", "--count", "3", "--json-lines").splitlines()
        self.assertEqual([json.loads(line)["command"] for line in lines], ["sys"] * 3)


class Doctor(unittest.TestCase):
    def findings(self, runner=run, **keywords):
        return {f["check"]: f for f in json.loads(runner("doctor", "--json", **keywords).stdout)["doctor"]}

    def test_what_it_says_is_so(self):
        found = self.findings()
        self.assertEqual(found["kernel"]["value"], f"{os.uname().release} {os.uname().machine}")
        self.assertTrue(found["overcommit"]["value"].startswith(Path("/proc/sys/vm/overcommit_memory").read_text().strip()))
        self.assertEqual(found["max_map_count"]["value"], Path("/proc/sys/vm/max_map_count").read_text().strip())
        self.assertEqual(found["smaps_rollup"]["value"], "yes" if Path("/proc/self/smaps_rollup").exists() else "no")
        self.assertEqual(found["PSI"]["value"], "yes" if Path("/proc/pressure/memory").exists() else "no")
        thp = Path("/sys/kernel/mm/transparent_hugepage/enabled")
        if thp.exists():
            self.assertIn(f"[{found['huge pages']['value']}]", thp.read_text())

    def test_what_is_used_and_why(self):
        env = {**os.environ, "TAMALLOC_BACKEND": "mmap"}
        told = self.findings(env=env)
        self.assertEqual(told["memory"]["value"], "mmap")
        self.assertIn("TAMALLOC_BACKEND=mmap", told["memory"]["meaning"])
        self.assertEqual(told["statistics"]["value"], "/proc")

    def test_limits_are_told(self):
        shell = f"ulimit -v 4000000; exec {TAMSTAT} doctor"
        text = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout
        self.assertRegex(text, r"(?m)^! RLIMIT_AS +3\.8 GiB$")

    @unittest.skipIf(os.geteuid() != 0, "SKIPPED: needs root to become nobody")
    def test_root_is_not_told_to_become_root(self):
        for runner in (run, run_as_nobody):
            meaning = self.findings(runner)["other users"]["meaning"]
            if "can be read" not in meaning:
                self.assertEqual("; root may" in meaning, runner is run_as_nobody, meaning)


if __name__ == "__main__":
    main()
