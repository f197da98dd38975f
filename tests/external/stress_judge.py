#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Finds figures that cannot be. Usage: stress_judge.py SCHEMA SOURCE FILE: JSON documents of tamstat, one per line, which have to come
from SOURCE: procfs, module or syscall. Exit status: 0, 1 when a document is wrong, or when there is none."""
import json
import sys

import jsonschema


def problems(document, ram):
    """What is wrong in it."""
    rows = document.get("processes", [])
    for row in rows:
        name = f"process {row['pid']} {row['comm']}"
        if row["reserved"] is not None and row["reserved"] >= 1 << 57:
            yield f"{name}: reserved {row['reserved']}"
        for figure in ("committed", "swap", "pte", "peak", "pss", "uss", "thp"):
            if (row.get(figure) or 0) > ram:
                yield f"{name}: {figure} {row[figure]} of {ram}"
        for figure, peak in (("reserved", "peak_reserved"), ("committed", "peak")):
            if None not in (row.get(figure), row.get(peak)) and row[figure] > row[peak]:
                yield f"{name}: {figure} {row[figure]}, at most {row[peak]}"
        if not 0 <= row["oom"]["score"] <= 2000:
            yield f"{name}: score {row['oom']['score']}"
    if len({row["pid"] for row in rows}) != len(rows):
        yield "a process twice"
    if document["command"] == "ps" and len(rows) != document["totals"]["processes"]:
        yield f"{len(rows)} rows of {document['totals']['processes']} processes"
    if document["command"] == "sys":
        memory = document["system"]["memory"]
        if max(memory["free"], memory["available"], memory["used"]) > memory["total"]:
            yield f"memory {memory}"


def main(schema, source, file):
    with open(schema, encoding="utf-8") as text:
        validator = jsonschema.Draft202012Validator(json.load(text))
    with open(file, encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    ram = max((d["system"]["memory"]["total"] for d in documents if d["command"] == "sys"), default=0)
    wrong = 0
    for document in documents:
        found = [error.message[:200] for error in validator.iter_errors(document)] + list(problems(document, ram))
        if document["command"] != "sys" and document["source"] != source:   # which reads /proc in any case
            found.append(f"source {document['source']}, not {source}")
        for problem in found:
            print(f"tamstat {document['command']}: {problem}")
        wrong += bool(found)
    print(f"{len(documents)} documents of tamstat by {source}, {sum(len(d.get('processes', [])) for d in documents)} rows, {wrong} wrong")
    return 0 if documents and wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
