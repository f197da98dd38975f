#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: what a user sees of a /proc changes, or is wrong for another kernel's, for strange names, for files that are cut off or are
missing. The trees of fixtures/ are printed in every format and compared with golden/. Usage with WRITE_GOLDEN=1: writes them anew."""
import csv
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from tool import FIXTURES, main, on_a_terminal, run, tamstat, tamstat_json

GOLDEN = Path(__file__).resolve().parent / "golden"


def in_tree(tree, *arguments, status=0):
    no_limit = [] if arguments[:1] == ("maps",) else ["--budget", "0"]
    return tamstat(*arguments, "--procfs", FIXTURES / tree, *no_limit, status=status)


def without_time(text):
    document = json.loads(text)
    del document["time"], document["tool"]
    for process in document.get("processes", []):
        process.pop("user", None)   # the name is this machine's
    return json.dumps(document, indent=1) + "\n"


class Golden(unittest.TestCase):
    maxDiff = None

    def check(self, name, text):
        path = GOLDEN / name
        if os.environ.get("WRITE_GOLDEN"):
            path.write_text(text)
        self.assertEqual(text, path.read_text(), name)

    def test_tables(self):
        for tree in ("proc-6.1", "proc-6.12", "proc-names", "proc-broken"):
            for detail in ("basic", "rollup", "maps"):
                with self.subTest(tree=tree, detail=detail):
                    self.check(f"{tree}-{detail}.txt", in_tree(tree, "ps", "--detail", detail))

    def test_mappings_on_a_terminal_keep_what_they_are_sorted_by_and_addresses(self):
        of_node = ("--procfs", FIXTURES / "proc-sample", "maps", 6713)
        for columns in (60, 80, 100):
            for sort in ("untouched", "swap"):
                header, first, *_ = on_a_terminal(columns, *of_node, "--sort", f"-{sort}").splitlines()
                self.assertIn(sort.upper(), header.split())
                self.assertLessEqual(max(len(header), len(first)), columns)
                self.assertIn("3a5c10000000" if sort == "untouched" else "400000", first)
        lines = on_a_terminal(80, *of_node).splitlines()
        self.assertEqual(lines[0].split(), "SIZE RESIDENT FILL UNTOUCHED KIND START WHERE …".split())
        self.assertTrue(any(" noreserve  3a5c00000000" in line for line in lines))

    def test_plain_is_ascii(self):
        text = in_tree("proc-names", "--format", "plain")
        self.assertTrue(text.isascii())
        self.check("proc-names-plain.txt", text)

    def test_csv(self):
        for tree in ("proc-6.12", "proc-names", "proc-broken"):
            text = in_tree(tree, "ps", "--detail", "maps", "--format", "csv", "--columns", "+zero,vmas,cgroup,limit")
            self.check(f"{tree}.csv", text)
            rows = list(csv.reader(io.StringIO(text)))
            self.assertEqual({len(row) for row in rows}, {len(rows[0])})

    def test_json(self):
        for tree in ("proc-6.1", "proc-6.12", "proc-names", "proc-broken"):
            with self.subTest(tree=tree):
                self.check(f"{tree}.json", without_time(in_tree(tree, "ps", "--detail", "maps", "--json", "--columns", "+vmas,limit,minflt")))

    def test_metrics(self):
        text = in_tree("proc-6.12", "export", "--format", "openmetrics")
        self.check("proc-6.12.om", "".join(line + "\n" for line in text.splitlines() if "duration_seconds " not in line))

    def test_maps_show_and_oom(self):
        self.check("proc-6.12-maps-700.txt", in_tree("proc-6.12", "maps", 700))
        self.check("proc-6.12-oom.txt", in_tree("proc-6.12", "oom", "--columns", "pid,comm,oom,adj,oomshare,committed,swap,pte"))
        shown = in_tree("proc-6.12", "show", 420)
        self.check("proc-6.12-show-420.txt", shown)
        self.assertIn("systemd", in_tree("proc-6.12", "show", 1))

    def test_both_kernels_have_the_same_figures(self):
        old, new = (in_tree(tree, "ps", "--detail", "maps", "--format", "csv") for tree in ("proc-6.1", "proc-6.12"))
        self.assertEqual(old, new)

    def test_what_is_unreadable_is_never_zero(self):
        for process in json.loads(in_tree("proc-broken", "ps", "--detail", "maps", "--json"))["processes"]:
            if "reserved_error" in process:
                self.assertIsNone(process["reserved"])
                self.assertIsNone(process["fill"])

    def test_command_lines_only_when_asked_for(self):
        self.assertNotIn("hunter2", in_tree("proc-6.12", "ps", "--json"))
        self.assertIn("hunter2", in_tree("proc-6.12", "ps", "--json", "--cmdline"))
        self.assertIn("hunter2", in_tree("proc-6.12", "ps", "--columns", "pid,cmdline"))


class Changed(unittest.TestCase):
    """A tree in which something is missing, or different."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tree = shutil.copytree(FIXTURES / "proc-6.12", Path(directory.name, "proc"), symlinks=True)

    def write(self, file, text):
        (self.tree / file).write_text(text)

    def replace(self, file, *changes):
        text = (self.tree / file).read_text()
        for key, kib in changes:
            text, count = re.subn(rf"(?m)^{key}:.*$", f"{key}:\t{kib} kB", text)
            self.assertEqual(count, 1)
        self.write(file, text)

    def run_in(self, *arguments, status=0):
        return tamstat(*arguments, "--procfs", self.tree, status=status)

    def json_in(self, *arguments):
        return tamstat_json(*arguments, "--procfs", self.tree)

    def test_a_process_whose_files_are_missing_has_not_ended(self):
        for file in ("stat", "status"):
            with self.subTest(file):
                (self.tree / "700" / file).rename(self.tree / "away")
                document = self.json_in("ps")
                self.assertEqual((document["totals"]["exited"], document["totals"]["unreadable"]), (0, 1))
                row = next(p for p in document["processes"] if p["pid"] == 700)
                self.assertEqual((row["reserved"], row["reserved_error"]), (None, "ENOENT"))
                self.assertIn("1 of 1 processes could not be read in full", self.run_in("ps", 700))
                (self.tree / "away").rename(self.tree / "700" / file)

    def test_an_adjustment_that_cannot_be_read_does_not_hide_the_score(self):
        for text in (None, "", "x\n"):
            with self.subTest(text):
                (self.tree / "700/oom_score_adj").unlink() if text is None else self.write("700/oom_score_adj", text)
                oom = self.json_in("ps", 700)["processes"][0]["oom"]
                self.assertEqual((oom["score"], oom["adj"], oom["adj_error"]), (671, None, "ENOENT" if text is None else "EBADMSG"))
                self.assertIn("1 of 1 processes could not be read in full", self.run_in("ps", 700))
        self.write("700/oom_score_adj", "7\n")
        self.write("700/oom_score", "")
        oom = self.json_in("ps", 700)["processes"][0]["oom"]
        self.assertEqual((oom["score"], oom["adj"]), (None, 7))

    def test_process_1_of_a_container_may_be_ended(self):
        victims = lambda: [p["pid"] for p in self.json_in("oom")["processes"]]
        self.assertEqual((self.tree / "1/oom_score").read_text(), "0\n")   # init: the kernel spares it
        self.assertNotIn(1, victims())
        self.write("1/oom_score", "700\n")
        self.assertEqual(victims()[0], 1)

    def test_the_rank_of_a_victim_does_not_depend_on_what_is_shown(self):
        ranks = lambda *arguments: {p["pid"]: p["oom"]["rank"] for p in self.json_in("oom", *arguments)["processes"]}
        self.assertEqual(ranks(), {700: 1, 701: 2})
        self.assertEqual(ranks("--sort", "-pid"), {700: 1, 701: 2})
        self.assertEqual(ranks("--filter", "pid = 701"), {701: 2})

    def test_among_equal_scores_the_adjustment_counts_as_well(self):
        # 10 GB: a thousandth is 10 MB. 2.5 thousandths in memory, against 3 of adjustment and hardly any memory.
        self.replace("meminfo", ("MemTotal", 9765625), ("SwapTotal", 0))
        for pid, kib, adj in ((700, 24400, 0), (701, 400, 3)):
            self.replace(f"{pid}/status", ("VmRSS", kib), ("VmSwap", 0), ("VmPTE", 0))
            self.write(f"{pid}/oom_score", "668\n")
            self.write(f"{pid}/oom_score_adj", f"{adj}\n")
        self.assertEqual([p["pid"] for p in self.json_in("oom")["processes"]], [701, 700])
        self.write("701/oom_score_adj", "2\n")
        self.assertEqual([p["pid"] for p in self.json_in("oom")["processes"]], [700, 701])

    def test_soon_too_many_mappings(self):
        count = self.json_in("ps", 700, "--detail", "maps", "--columns", "+vmas")["processes"][0]["vmas"]
        self.write("sys/vm/max_map_count", f"{count * 5 // 4}\n")
        self.assertIn("1 of 1 processes have nearly as many mappings as vm.max_map_count allows", self.run_in("ps", 700, "--detail", "maps"))
        for arguments in ([], ["--kind", "none"]):
            self.assertIn(f"{count} mappings of {count * 5 // 4} (vm.max_map_count), SOON TOO MANY", self.run_in("maps", 700, *arguments))
        self.write("sys/vm/max_map_count", f"{count * 2}\n")
        for arguments in (["ps", "--detail", "maps"], ["maps", 700]):
            self.assertNotIn("max_map_count", self.run_in(*arguments))

    def test_no_second_walk_where_the_budget_is_spent(self):
        walked = self.run_in("show", 700)
        self.assertIn("PROT_NONE\n", walked)   # the legend of the picture
        cut = self.run_in("show", 700, "--budget", "1us")
        self.assertNotIn("PROT_NONE\n", cut)
        self.assertIn("cut off by the budget: --budget 0 lifts it\n", cut)


class HidePid(unittest.TestCase):
    def test_a_hidden_process_is_a_row_of_dashes(self):
        if os.geteuid() != 0:
            self.skipTest("SKIPPED: needs root, to become somebody else")
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o755)
            tree = Path(directory) / "proc"
            shutil.copytree(FIXTURES / "proc-6.12", tree, symlinks=True)
            (tree / "700").chmod(0)
            as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", os.environ["TAMSTAT"]]
            probe = subprocess.run([*as_nobody, "-V"], capture_output=True, check=False)
            if probe.returncode != 0:
                self.skipTest("SKIPPED: nobody may not run the program where it is built")
            done = subprocess.run([*as_nobody, "ps", "--procfs", tree], capture_output=True, text=True, check=True)
            of_one = {command: subprocess.run([*as_nobody, command, "700", "--procfs", tree, *more], capture_output=True, text=True, check=False)
                      for command, more in (("maps", []), ("show", []), ("ps", ["--json", "--detail", "maps", "--columns", "+cgroup,anon"]))}
        line = next(line for line in done.stdout.splitlines() if line.split()[0] == "700")
        self.assertEqual(line.split(), ["700"] + ["-"] * 9)
        self.assertIn("1 of 5 processes may not be read in full: run as root for the rest\n", done.stdout)
        self.assertEqual({command: one.returncode for command, one in of_one.items()}, {"maps": 3, "show": 3, "ps": 3})
        self.assertIn("memory.max -, RLIMIT_AS -\n", of_one["show"].stdout)   # unreadable is not none
        (process,) = json.loads(of_one["ps"].stdout)["processes"]
        for key in ("kinds", "pss", "anon", "cgroup", "vmas", "zero"):
            self.assertEqual((process[key], process[f"{key}_error"]), (None, "EACCES"))


class ManyMappings(unittest.TestCase):
    def test_sixty_thousand_mappings(self):
        with tempfile.TemporaryDirectory() as directory:
            tree = Path(directory) / "proc"
            shutil.copytree(FIXTURES / "proc-6.12", tree, symlinks=True)
            entry = (tree / "701/smaps").read_text().split("\n", 1)[1].split("55d0c1000000")[0]
            with (tree / "701/smaps").open("w") as smaps:
                for i in range(60000):
                    smaps.write(f"{0x100000000 + i * 8192:x}-{0x100000000 + i * 8192 + 4096:x} rw-p 00000000 00:00 0 \n{entry}")
            row = tamstat_json("ps", 701, "--detail", "maps", "--procfs", tree)["processes"][0]
            self.assertEqual(row["vmas"], 60000)
            self.assertIn("SOON TOO MANY", tamstat("show", 701, "--procfs", tree))
            cut = tamstat_json("ps", 701, "--detail", "maps", "--procfs", tree, "--budget", "0.001ms")["processes"][0]
            self.assertEqual((cut["kinds"], cut["kinds_error"]), (None, "budget"))


class CommandLine(unittest.TestCase):
    def check(self, status, *arguments, says=""):
        with self.subTest(arguments=arguments):
            done = run(*arguments)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(says, done.stderr.decode())
            if status:
                self.assertTrue(done.stderr.startswith(b"tamstat: "), done.stderr)

    def test_exit_codes(self):
        tree = ("--procfs", FIXTURES / "proc-6.12")
        self.check(0, *tree)
        self.check(0, "ps", 700, *tree)
        self.check(0, "ps", "all", *tree)
        self.check(0, "ps", "0", *tree)
        self.check(1, "ps", 700, 999, *tree, says="there is no process 999")
        self.check(1, "ps", 2, *tree, says="2 is a kernel thread")
        self.check(1, "maps", 999, *tree)
        self.check(1, "show", 999, *tree)
        for wrong in (["--sort", "size"], ["--columns", "x"], ["--filter", "reserved>"], ["--filter", "x>1"], ["--units", "pounds"],
                      ["--budget", "soon"], ["--limit", "-1"], ["--detail", "all"], ["--comm", "("], ["--no-such-option"], ["ps", "x"],
                      ["ps", "-5"], ["maps"], ["maps", "--min", "5 pounds", "1"], ["maps", "1", "--kind", "x"], ["no-command"],
                      ["top", "-d", "0"], ["--user", "nobody-has-this-name"]):
            self.check(2, *wrong, *tree)
        self.check(4, "--source", "module", *tree, says="it is not loaded")
        self.check(5, "--procfs", "/nowhere", says="/nowhere: No such file or directory")
        self.check(5, "--procfs", "/usr", says="/usr")

    def test_options_stand_before_or_behind_the_command(self):
        self.assertEqual(in_tree("proc-6.12", "-n", 1, "ps"), in_tree("proc-6.12", "ps", "-n", 1))
        self.assertEqual(in_tree("proc-6.12"), in_tree("proc-6.12", "ps"))

    def test_sort_filter_limit_header_and_units(self):
        rows = in_tree("proc-6.12", "--sort", "-reserved", "-n", 2, "--no-header", "-q", "-u", "bytes", "--columns", "pid,reserved")
        self.assertEqual(rows.split(), ["700", "684863488", "1", "72552448"])
        listed = json.loads(in_tree("proc-6.12", "--filter", "comm ~ 'sh' and fill > 5%", "--json"))["processes"]
        self.assertEqual([p["comm"] for p in listed], ["sshd", "bash"])

    def test_full_disk_and_help(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([os.environ["TAMSTAT"], "-V"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn(b"No space left", done.stderr)
        self.assertIn("--detail", tamstat("--help"))
        self.assertRegex(tamstat("--version"), r"^tamstat \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    main()
