#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: our figures are those of our own reading of /proc, and agree with nothing that anybody else shows. So: ps, pmap, psutil and
the kernel's own smaps_rollup are asked about processes that stand still."""
import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

import psutil

from tool import MIB, known, main, tamstat, tamstat_json

PAGE = os.sysconf("SC_PAGE_SIZE")
# The kernel's counters of a process lag by a batch per processor (64 pages a thread before Linux 6.2), three make up RSS;
# what walks over the pages (smaps, smaps_rollup) is exact.
LAG = 3 * max(64, 64 * os.cpu_count()) * PAGE


def rollup(pid):
    """smaps_rollup in bytes, by key."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {key: int(value.split()[0]) * 1024 for key, value in (line.split(":") for line in lines)}


def pmap(pid):
    """Size and Rss by address, in bytes, as pmap -X tells them."""
    lines = subprocess.run(["pmap", "-X", str(pid)], capture_output=True, text=True, check=True).stdout.splitlines()
    columns = lines[1].split()
    size, rss = columns.index("Size"), columns.index("Rss")
    found = {}
    for line in lines[2:]:
        fields = line.split()
        if len(fields) < len(columns) - 1 or "vsyscall" in line:
            continue
        found[int(fields[0], 16)] = (int(fields[size]) * 1024, int(fields[rss]) * 1024)
    return found


class CrossCheck(unittest.TestCase):
    def setUp(self):
        areas = ["none:300:0", "noreserve:200:20:5", "charged:64:10"]
        self.pid = self.enterContext(known("crosschecked", *areas)).pid
        os.kill(self.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.pid, signal.SIGCONT)
        self.row = tamstat_json("ps", self.pid, "--detail", "maps", "--columns", "+anon,minflt")["processes"][0]

    def assert_near(self, ours, theirs, lag=LAG):
        self.assertLessEqual(abs(ours - theirs), lag, f"{ours} against {theirs}")

    def test_ps(self):
        out = subprocess.run(["ps", "-o", "vsz=,rss=,ppid=,min_flt=,user=,comm=", "-p", str(self.pid)], capture_output=True, text=True,
                             check=True).stdout.split()
        self.assertEqual(self.row["reserved"], int(out[0]) * 1024)
        self.assert_near(self.row["committed"], int(out[1]) * 1024)
        self.assertEqual(self.row["ppid"], int(out[2]))
        self.assertEqual(self.row["minflt"], int(out[3]))
        self.assertEqual(self.row["user"], out[4])
        self.assertEqual(self.row["comm"], out[5])

    def agree(self, theirs):
        """PSS and USS. Whose page a library's is changes with everybody who maps it, tamstat as well while it looks."""
        kernel = rollup(self.pid)
        lag = kernel["Shared_Clean"] + kernel["Shared_Dirty"] + kernel["Private_Clean"]
        for detail in ("maps", "rollup"):
            row = tamstat_json("ps", self.pid, "--detail", detail)["processes"][0]
            self.assert_near(row["pss"], theirs["Pss"], lag)
            self.assert_near(row["uss"], theirs["Uss"], lag)
            self.assertEqual(row["thp"], kernel["AnonHugePages"])

    def test_smaps_rollup(self):
        kernel = rollup(self.pid)
        self.agree({"Pss": kernel["Pss"], "Uss": kernel["Private_Clean"] + kernel["Private_Dirty"]})
        self.assert_near(self.row["committed"], kernel["Rss"])

    def test_psutil(self):
        theirs = psutil.Process(self.pid).memory_full_info()
        self.assertEqual(self.row["reserved"], theirs.vms)
        self.assert_near(self.row["committed"], theirs.rss)
        self.agree({"Pss": theirs.pss, "Uss": theirs.uss})
        self.assertEqual(self.row["swap"], theirs.swap)

    def test_pmap(self):
        theirs = pmap(self.pid)
        mappings = tamstat_json("maps", self.pid)["processes"][0]["mappings"]
        ours = {int(m["start"], 16): (m["size"], m["resident"]) for m in mappings}
        self.assertEqual(ours, theirs)

    def test_kinds_are_what_was_mapped_and_sum_up(self):
        kinds = self.row["kinds"]
        self.assertEqual(sum(kinds.values()), self.row["reserved"])
        self.assertGreaterEqual(kinds["none"], 300 * MIB)
        self.assertLess(kinds["none"], 301 * MIB)
        never_overcommits = Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2"
        if not never_overcommits:
            self.assertGreaterEqual(kinds["noreserve"], 200 * MIB)
            self.assertGreaterEqual(kinds["charged"], 64 * MIB)
        self.assertGreaterEqual(self.row["anon"], 30 * MIB - LAG)

    def test_the_picture_shows_pages_where_they_are(self):
        (strip,) = re.findall(r"(?m)^ *[0-9a-f]+ +200\.0 MiB +\S+ (\S+)$", tamstat("show", self.pid, "--plain"))
        if self.row["zero"] is None:
            self.skipTest("SKIPPED: this kernel has no PAGEMAP_SCAN")
        self.assertRegex(strip, r"^####[#:+*]\.{43}$")   # 20 of 200 MiB from the start on; what was only read is none

    def test_zero_pages_are_what_was_only_read(self):
        if self.row["zero"] is None:
            self.assertEqual(self.row["zero_error"], "ENOSYS")
            self.skipTest("SKIPPED: this kernel has no PAGEMAP_SCAN")
        self.assertGreaterEqual(self.row["zero"], 5 * MIB)
        self.assertLess(self.row["zero"], 6 * MIB)

    def test_peaks_are_of_what_has_been_freed_since(self):
        program = "import mmap; m = mmap.mmap(-1, 64 << 20); m.write(bytes(64 << 20)); m.close(); print(flush=True); input()"
        with subprocess.Popen(["python3", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            row = tamstat_json("ps", process.pid, "--columns", "+peak,peak_reserved")["processes"][0]
            status = dict(re.findall(r"(?m)^(Vm\w+):\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text()))
            process.communicate(b"\n")
        for ours, theirs in (("peak", "VmHWM"), ("peak_reserved", "VmPeak")):
            self.assertEqual(row[ours], int(status[theirs]) * 1024)
        self.assertGreater(row["peak"], row["committed"] + 60 * MIB)
        self.assertGreater(row["peak_reserved"], row["reserved"] + 60 * MIB)

    def test_a_cgroup_is_that_of_the_kernel_and_groups_by_it(self):
        lines = [line.split(":", 2) for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines()]
        own = next((path for _, controllers, path in lines if "memory" in controllers.split(",")),   # version 1
                   next((path for _, controllers, path in lines if not controllers), None))
        listed = {p["pid"]: p for p in tamstat_json("ps", "--cgroup", own, "--columns", "+cgroup")["processes"]}
        self.assertEqual(listed[self.pid]["cgroup"], own)
        self.assertTrue(all((p["cgroup"] + "/").startswith(own.rstrip("/") + "/") for p in listed.values()), listed)
        groups = dict(re.findall(r'(?m)^tamstat_group_memory_bytes\{group="([^"]*)",kind="reserved"\} (\S+)$',
                                 tamstat("export", "--by", "cgroup")))
        self.assertGreaterEqual(float(groups[own]), self.row["reserved"])

    def test_oom_is_the_order_of_the_kernels_scores(self):
        with known("first-victim", "charged:64:64") as victim:
            Path(f"/proc/{victim.pid}/oom_score_adj").write_text("900")
            listed = tamstat_json("oom", "-n", "3")["processes"]
        self.assertEqual(listed[0]["pid"], victim.pid)
        self.assertEqual(listed[0]["oom"]["rank"], 1)
        self.assertEqual(listed[0]["oom"]["adj"], 900)
        scores = [process["oom"]["score"] for process in listed]
        self.assertEqual(scores, sorted(scores, reverse=True))

    def test_oom_is_the_order_of_the_kernels_rule(self):
        """mm/oom_kill.c oom_badness(), from what the kernel says: the scores, which it rounds, do not tell all."""
        def figure(file, key):
            return int(re.search(rf"(?m)^{key}: +(\d+) kB", Path(file).read_text().replace("\t", " "))[1])

        def badness(pid):
            used = sum(figure(f"/proc/{pid}/status", key) for key in ("VmRSS", "VmSwap", "VmPTE"))
            return used + int(Path(f"/proc/{pid}/oom_score_adj").read_text()) * total // 1000

        total = figure("/proc/meminfo", "MemTotal") + figure("/proc/meminfo", "SwapTotal")
        thousandth = total // 1000 // 1024   # MiB
        pids = []
        for written, adj in ((int(2.5 * thousandth), 0), (1, 3), (1, 2), (thousandth, 500), (1, 500), (1, 501)):
            process = self.enterContext(known("victim", f"charged:{written + 1}:{written}"))
            os.kill(process.pid, signal.SIGSTOP)
            self.addCleanup(os.kill, process.pid, signal.SIGCONT)
            Path(f"/proc/{process.pid}/oom_score_adj").write_text(str(adj))
            pids.append(process.pid)
        listed = [p["pid"] for p in tamstat_json("oom")["processes"] if p["pid"] in pids]
        self.assertEqual(listed, sorted(pids, key=badness, reverse=True))

    def test_the_listing_has_everybody_that_psutil_sees(self):
        def is_kernel_thread(process):
            return (process.info["ppid"] == 2 or process.info["pid"] == 2) and process.info["memory_info"].vms == 0

        before = {p.info["pid"]: p for p in psutil.process_iter(["pid", "ppid", "memory_info"]) if not is_kernel_thread(p)}
        listed = {p["pid"] for p in tamstat_json("ps")["processes"]}
        gone = {pid for pid in before if not psutil.pid_exists(pid)}
        self.assertEqual(set(before) - listed - gone, set())

    def test_the_totals_are_the_sums_of_the_rows(self):
        document = tamstat_json("ps")
        for key in ("reserved", "committed"):
            self.assertEqual(document["totals"][key], sum(p[key] for p in document["processes"]))
        self.assertEqual(document["totals"]["processes"], len(document["processes"]))


if __name__ == "__main__":
    main()
