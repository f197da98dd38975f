#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: files that are copied into somebody's monitoring and were never loaded by what reads them: a rule over a metric that is not
exported is silent for ever. Judged by promtool, by systemd-analyze, and by node_exporter itself."""
import json
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

from tool import SOURCE, TAMSTAT, main, tamstat

FILES = SOURCE / "docs/howto/prometheus"
RULES_TEST = Path(__file__).with_name("prometheus_rules_test.yml")


def judged(*command, **keywords):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **keywords)
    return done.returncode, done.stdout + done.stderr


class Rules(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = Path(directory.name)
        for file in (*FILES.iterdir(), RULES_TEST):
            shutil.copy(file, self.place)

    def test_the_configuration_is_accepted(self):
        status, text = judged("promtool", "check", "config", "prometheus.yml", cwd=self.place)
        self.assertEqual(status, 0, text)
        self.assertIn("3 rules found", text)

    def test_each_rule_fires_and_is_silent_below(self):
        status, text = judged("promtool", "test", "rules", RULES_TEST.name, cwd=self.place)
        self.assertEqual(status, 0, text)

    def test_a_rule_that_is_turned_round_is_noticed(self):
        rules = (self.place / "tamstat.rules.yml").read_text()
        changes = {"< 0.05": "> 0.05", "> on (job": "< on (job", "> 0.9": "> 0.96", "for: 1h": "for: 10m", "> 16 *": "> 0 *"}
        for right, wrong in changes.items():
            self.assertEqual(rules.count(right), 1)
            (self.place / "tamstat.rules.yml").write_text(rules.replace(right, wrong))
            self.assertNotEqual(judged("promtool", "test", "rules", RULES_TEST.name, cwd=self.place)[0], 0, wrong)

    def test_dashboard_and_rules_ask_for_what_is_exported(self):
        dashboard = json.loads((FILES / "dashboard.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        self.assertGreater(len(expressions), 8)
        plain = [e.replace("$instance", ".*").replace("$group", ".*") for e in expressions]
        (self.place / "expressions.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
            {"record": f"panel:{i}", "expr": expression} for i, expression in enumerate(plain)]}]}))
        status, text = judged("promtool", "check", "rules", "expressions.yml", cwd=self.place)
        self.assertEqual(status, 0, text)
        exported = tamstat("export", "--detail", "maps")
        asked = "".join(expressions) + (FILES / "tamstat.rules.yml").read_text() + json.dumps(dashboard["templating"])
        for metric in set(re.findall(r"\btamstat_\w+", asked)):
            self.assertRegex(exported, rf"(?m)^{metric}\b", metric)
        for kinds in re.findall(r'kind=~?\\?"([\w|]+)', asked):
            for kind in kinds.split("|"):
                self.assertIn(f'kind="{kind}"', exported)


class Units(unittest.TestCase):
    def test_systemd_accepts_them(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("SKIPPED: systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as directory:
            for name in ("tamstat.service", "tamstat.timer"):
                Path(directory, name).write_text((FILES / name).read_text().replace("/usr/local/bin/tamstat", TAMSTAT))
            status, text = judged("systemd-analyze", "verify", "--man=no", f"{directory}/tamstat.service",
                                  f"{directory}/tamstat.timer")
        ours = [line for line in text.splitlines() if "tamstat" in line]
        self.assertEqual((status, ours), (0, []), text)

    def test_the_command_of_the_service_is_one(self):
        (command,) = re.findall(r"(?m)^ExecStart=/usr/local/bin/tamstat (.*)$", (FILES / "tamstat.service").read_text())
        with tempfile.TemporaryDirectory() as directory:
            tamstat(*command.replace("/var/lib/prometheus/node-exporter", directory).split())
            self.assertTrue(Path(directory, "tamstat.prom").exists())


class NodeExporter(unittest.TestCase):
    def test_it_serves_the_file(self):
        if shutil.which("prometheus-node-exporter") is None:
            self.skipTest("SKIPPED: prometheus-node-exporter is not installed")
        with tempfile.TemporaryDirectory() as directory:
            tamstat("export", "--textfile", directory)
            command = ["prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
                       f"--collector.textfile.directory={directory}", "--web.listen-address=127.0.0.1:0"]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as exporter:
                try:
                    address = next(found[1] for line in exporter.stderr if (found := re.search(r"address=(127\.0\.0\.1:\d+)", line)))
                    served = self.fetch(f"http://{address}/metrics")
                finally:
                    exporter.terminate()
                    exporter.stderr.read()
        self.assertIn("node_textfile_scrape_error 0", served)
        for family in ("tamstat_group_memory_bytes", "tamstat_group_processes", "tamstat_scrape_errors_total"):
            self.assertRegex(served, rf"(?m)^{family}\b")

    @staticmethod
    def fetch(address):
        for _ in range(50):
            try:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return answer.read().decode()
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(address)


if __name__ == "__main__":
    main()
