#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a program reads what the schema promises; a key that is spelled otherwise, a 0 for what could not be read, or a byte that
is no UTF-8 in the name of a stranger breaks it where nobody looks. The schema is made strict here: no key that it does not name."""
import copy
import json
import os
import tempfile
import unittest
from pathlib import Path

import jsonschema

from tool import FIXTURES, SOURCE, known, main, run, run_as_nobody, tamstat, tamstat_json

SCHEMA = json.loads((SOURCE / "docs/reference/tamstat.schema.json").read_text())


def strict(schema):
    """The same schema, but an object has no other keys than those it names."""
    result = copy.deepcopy(schema)

    def visit(node):
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object":
                node.setdefault("additionalProperties", False)
            for child in node.values():
                visit(child)
        elif isinstance(node, list):
            for child in node:
                visit(child)

    visit(result)
    return result


STRICT = jsonschema.Draft202012Validator(strict(SCHEMA))
LINE = jsonschema.Draft202012Validator({"$ref": "#/$defs/process", "$defs": strict(SCHEMA)["$defs"]})


def reasons_without_null(node):
    """The _error keys beside a value that is there."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key.endswith("_error") and node.get(key.removesuffix("_error")) is not None:
                yield key
            yield from reasons_without_null(value)
    elif isinstance(node, list):
        for child in node:
            yield from reasons_without_null(child)


class Schema(unittest.TestCase):
    def test_the_schema_is_one_and_the_program_prints_it(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        self.assertEqual(json.loads(tamstat("help", "json")), SCHEMA)

    def test_every_command(self):
        pid = os.getpid()
        with tempfile.TemporaryDirectory() as directory, known("tt-json", "noreserve:64:1"):
            snapshots = [str(Path(directory, name)) for name in "ab"]
            for path in snapshots:
                tamstat("snapshot", "--detail", "maps", "-o", path)
            with known("tt-new", "noreserve:64:1"):
                tamstat("snapshot", "--detail", "maps", "-o", snapshots[1])
            commands = [["ps"], ["ps", "--detail", "rollup"], ["ps", "--detail", "maps", "--cmdline"],
                        ["ps", "--detail", "maps", "--budget", "0.000001"],
                        ["ps", "--columns", "+growth,+limit,+minflt,+anon,+cgroup,+user"], ["show", pid], ["maps", pid], ["oom"],
                        ["sys"], ["doctor"], ["demo", "--size", "1MiB"], ["diff", *snapshots]]
            documents = [(command, tamstat_json(*command)) for command in commands]
            report = str(Path(directory, "run"))
            tamstat("run", "--json", "-o", report, "--", "true")
            documents += [(["written", path], json.loads(Path(path).read_text())) for path in (*snapshots, report)]
        for command, document in documents:
            with self.subTest(command):
                STRICT.validate(document)
                self.assertEqual(list(reasons_without_null(document)), [])

    def test_every_fixture(self):
        for root in sorted(FIXTURES.glob("proc-*")):
            for detail in ("basic", "rollup", "maps"):
                with self.subTest(root=root.name, detail=detail):
                    done = run("--procfs", root, "ps", "--detail", detail, "--json")
                    self.assertIn(done.returncode, (0, 3), done.stderr)
                    document = json.loads(done.stdout)
                    STRICT.validate(document)
                    self.assertEqual(list(reasons_without_null(document)), [])

    def test_a_line_per_process(self):
        lines = tamstat("ps", "--json-lines", "--detail", "maps").splitlines()
        self.assertGreater(len(lines), 1)
        for line in lines:
            LINE.validate(json.loads(line))

    def test_the_judge_judges(self):
        document = tamstat_json("ps")
        for spoil in (lambda d: d.update(schema="tamstat/2"), lambda d: d["processes"][0].update(reserved=-1),
                      lambda d: d.pop("totals"), lambda d: d["processes"][0].update(resreved=1),
                      lambda d: d["processes"][0].update(committed="4 KiB")):
            spoiled = copy.deepcopy(document)
            spoil(spoiled)
            with self.assertRaises(jsonschema.ValidationError):
                STRICT.validate(spoiled)


class Unreadable(unittest.TestCase):
    def test_null_and_why_not_0(self):
        done = run_as_nobody("ps", "--detail", "maps", "--json")
        document = json.loads(done.stdout)
        STRICT.validate(document)
        denied = [p for p in document["processes"] if p.get("kinds_error") == "EACCES"]
        self.assertTrue(denied)
        for process in denied:
            self.assertIsNone(process["kinds"])
        self.assertGreaterEqual(document["totals"]["unreadable"], len(denied))


if __name__ == "__main__":
    main()
