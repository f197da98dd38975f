#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: one line that its reader cannot parse costs a whole scrape, and the names of processes are anybody's; a reader that comes
while the file is written takes half of it for all; a sum that lacks a process looks like a sum. Judged by promtool and by the parser of
prometheus_client, neither of which is ours."""
import ctypes
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from tool import MIB, known, main, run, run_as_nobody, tamstat, tamstat_json

OWN = f"e{os.getpid()}-"   # names of processes: another run of this test may be under way
HOSTILE = b'\x1b[2J"\\\n\xff}'   # as a name: at most 15 bytes


def promtool(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)


def samples(text, parse=prometheus):
    """{(name, labels): value}; a series that is there twice is an error."""
    result = {}
    for family in parse(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in result, f"twice: {key}"
            result[key] = sample.value
    return result


def memory(found, group, kind):
    return found.get(("tamstat_group_memory_bytes", (("group", group), ("kind", kind))))


class Formats(unittest.TestCase):
    variants = [["--by", by, "--detail", detail, *top] for by in ("comm", "cgroup", "pid") for detail in ("basic", "maps")
                for top in ([], ["--top", "2"])]

    def test_prometheus_is_accepted(self):
        for variant in self.variants:
            with self.subTest(variant):
                text = tamstat("export", *variant)
                judged = promtool(text)
                self.assertEqual((judged.returncode, judged.stderr), (0, b""))
                self.assertTrue(samples(text))

    def test_openmetrics_is_accepted_and_says_the_same(self):
        for variant in self.variants:
            with self.subTest(variant):
                text = tamstat("export", "--format", "openmetrics", *variant)
                names = {name for name, _ in samples(text, openmetrics)}
                self.assertEqual(names, {name for name, _ in samples(tamstat("export", *variant))})
                units = {family.name: family.unit for family in openmetrics(text) if family.unit}
                self.assertEqual(set(units.values()), {"bytes", "seconds"})

    def test_the_judges_do_judge(self):
        text = tamstat("export")
        self.assertNotEqual(promtool("\n".join(l for l in text.split("\n") if not l.startswith("# HELP"))).returncode, 0)
        self.assertNotEqual(promtool(text + text).returncode, 0)
        open_text = tamstat("export", "--format", "openmetrics")
        unit = "# UNIT tamstat_group_memory_bytes "
        for broken in (open_text.replace("# EOF\n", ""), open_text.replace(unit + "bytes", unit + "kib")):
            with self.assertRaises(ValueError):
                samples(broken, openmetrics)


class Figures(unittest.TestCase):
    def test_a_group_is_the_sum_of_its_processes(self):
        group = OWN + "sum"
        with known(group, "noreserve:512:16", "none:64:0"), known(group, "charged:128:32"):
            found = samples(tamstat("export", "--detail", "maps"))
            of = {kind: memory(found, group, kind) for kind in ("reserved", "committed", "noreserve", "prot_none", "charged")}
            rows = tamstat_json("ps", "--comm", f"^{group}$", "--detail", "maps")["processes"]
        self.assertEqual(found["tamstat_group_processes", (("group", group),)], 2)
        self.assertEqual(of["noreserve"], 512 * MIB)
        self.assertEqual(of["reserved"], sum(row["reserved"] for row in rows))
        self.assertEqual(of["prot_none"], sum(row["kinds"]["none"] for row in rows))
        self.assertGreaterEqual(of["prot_none"], 64 * MIB)
        self.assertGreaterEqual(of["charged"], 128 * MIB)
        self.assertAlmostEqual(of["committed"], sum(row["committed"] for row in rows), delta=MIB)
        self.assertGreaterEqual(of["committed"], 48 * MIB)

    def test_what_nobody_asked_for_is_absent(self):
        kinds = {dict(labels)["kind"] for name, labels in samples(tamstat("export")) if name == "tamstat_group_memory_bytes"}
        self.assertEqual(kinds, {"reserved", "committed", "swap", "pagetables"})

    def test_the_commit_charge_is_that_of_meminfo(self):
        meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        found = samples(tamstat("export"))
        limit = int(meminfo["CommitLimit"].split()[0]) * 1024
        self.assertEqual(found["tamstat_system_commit_bytes", (("kind", "limit"),)], limit)
        self.assertGreater(found["tamstat_system_commit_bytes", (("kind", "charged"),)], 0)

    def test_the_rest_is_one_group_and_nothing_is_lost(self):
        with known(OWN + "big", f"noreserve:{80 << 20}:1"):
            text = tamstat("export", "--top", "1")
            everything = tamstat_json("ps")["totals"]["processes"]
        groups = {dict(labels)["group"]: value for (name, labels), value in samples(text).items() if name == "tamstat_group_processes"}
        self.assertEqual(set(groups), {OWN + "big", "(rest)"})
        self.assertAlmostEqual(sum(groups.values()), everything, delta=5)


class Strangers(unittest.TestCase):
    def setUp(self):
        self.child = os.fork()
        if self.child == 0:
            ctypes.CDLL(None).prctl(15, HOSTILE, 0, 0, 0)   # PR_SET_NAME
            while True:
                signal.pause()
        while Path(f"/proc/{self.child}/comm").read_bytes() != HOSTILE + b"\n":
            pass

    def tearDown(self):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)

    def test_a_name_neither_breaks_the_text_nor_reaches_the_terminal(self):
        for form, parse in (("prometheus", prometheus), ("openmetrics", openmetrics)):
            with self.subTest(form):
                text = tamstat("export", "--format", form)
                self.assertIsNotNone(memory(samples(text, parse), '\\x1b[2J"\\\\x0a\ufffd}', "reserved"))
                self.assertFalse(set(text) & set(map(chr, (*range(10), *range(11, 32), *range(127, 160)))))
                if form == "prometheus":
                    self.assertEqual(promtool(text).returncode, 0)


class Unreadable(unittest.TestCase):
    def test_absent_and_counted_but_never_0(self):
        found = samples(run_as_nobody("export", "--detail", "maps").stdout.decode())
        self.assertGreaterEqual(found["tamstat_scrape_errors_total", (("reason", "EACCES"),)], 1)
        first = Path("/proc/1/comm").read_text().rstrip("\n")
        self.assertIsNone(memory(found, first, "noreserve"))
        self.assertGreater(memory(found, first, "reserved"), 0)


class Textfile(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.file = Path(self.directory.name, "tamstat.prom")

    def write(self, *arguments, status=0):
        return tamstat("export", "--textfile", self.directory.name, *arguments, status=status)

    def test_a_reader_sees_all_or_nothing(self):
        self.write()
        self.assertEqual(os.listdir(self.directory.name), ["tamstat.prom"])
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o644)
        loop = f'for i in 1 2 3 4 5 6 7 8 9 10; do "$TAMSTAT" export --textfile {self.directory.name}; done'
        with subprocess.Popen(["sh", "-c", loop]) as writer:
            seen = set()
            while writer.poll() is None:
                text = self.file.read_text()
                seen.add(text)
                self.assertRegex(text, r"\ntamstat_scrape_duration_seconds [0-9.e-]+\n\Z")
        self.assertEqual(writer.returncode, 0)
        self.assertGreater(len(seen), 1)
        self.assertEqual(promtool(self.file.read_text()).returncode, 0)

    def test_the_counter_of_errors_goes_on(self):
        self.write()
        now = self.file.read_text()
        self.assertIn('reason="EACCES"} ', now)
        before = samples(now)["tamstat_scrape_errors_total", (("reason", "EACCES"),)]
        self.file.write_text('tamstat_scrape_errors_total{reason="EACCES"} 1000\nnonsense{\n'
                             'tamstat_scrape_errors_total{reason="budget"} -1\n'
                             'tamstat_scrape_errors_total{reason="a\\"b"} 1\n')
        self.write()
        found = samples(self.file.read_text())
        self.assertAlmostEqual(found["tamstat_scrape_errors_total", (("reason", "EACCES"),)], 1000 + before, delta=3)
        self.assertEqual({dict(l)["reason"] for n, l in found if n == "tamstat_scrape_errors_total"} - {"EACCES", "EPERM", "budget"}, set())

    def test_openmetrics_is_refused(self):
        self.write("--format", "openmetrics", status=2)
        self.assertEqual(os.listdir(self.directory.name), [])

    def test_what_cannot_be_written(self):
        os.mkfifo(self.file)
        done = run("export", "--textfile", self.directory.name)   # which would wait for a writer
        self.assertEqual((done.returncode, done.stdout), (5, b""))
        self.assertIn(b"is no regular file", done.stderr)
        self.file.unlink()
        done = run("export", "--textfile", "/nonexistent")
        self.assertEqual(done.returncode, 5)
        self.assertIn(b"/nonexistent", done.stderr)


if __name__ == "__main__":
    main()
