#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Judges what module_test wrote in the guest: its own verdicts, and its documents, which are JSON that a strict parser
takes, agree with what /proc said of the same processes, and give every name back.
Usage: judge.py FILE; the last line counts, exit status 1: something failed."""
import json
import re
import sys

RECORD = {
    "pid": int, "parent": int, "uid": int, "comm": str, "threads": int, "start_ns": int, "reserved": int, "committed": int,
    "peak_reserved": int, "peak": int, "swap": int, "page_tables": int, "oom_score": (int, type(None)), "oom_score_adj": int,
}
TIMES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"]
SIZES = ["total", "used", "free", "available"]
TICK_NS = 10_000_000

failures = []
count = 0


def check(good, sentence):
    global count
    count += 1
    if not good:
        failures.append(sentence)
        print("not ok - " + sentence)


def split(data):
    """The lines and the documents in their midst, as (name, bytes)."""
    lines, documents = [], []
    while data:
        line, _, data = data.partition(b"\n")
        match = re.fullmatch(rb"document (.*) (\d+)", line)
        if match:
            length = int(match[2])
            documents.append((match[1].decode(), data[:length]))
            data = data[length + 1:]
        else:
            lines.append(line.decode("utf-8", "replace"))
    return lines, documents


def parse(text):
    """What RFC 8259 allows, and no key twice: Python alone would take NaN, and the last of two equal keys."""
    def refuse(constant):
        raise ValueError("not JSON: " + constant)

    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError("a key stands twice")
        return dict(pairs)

    return json.loads(text.decode("utf-8", "strict"), strict=True, parse_constant=refuse, object_pairs_hook=unique)


def check_record(name, record):
    check(list(record) == list(RECORD), f"{name}: keys {list(record)}")
    wrong = [key for key, kind in RECORD.items() if not isinstance(record.get(key), kind) or isinstance(record[key], bool)]
    check(not wrong, f"{name}: {wrong} of {record}")
    check(record["committed"] <= record["peak"] and record["reserved"] <= record["peak_reserved"],
          f"{name}: more than ever: {record}")


def check_processes(name, listing):
    check(list(listing) == ["processes", "totals"], f"{name}: keys {list(listing)}")
    processes = listing["processes"]
    for record in processes:
        check_record(name, record)
    pids = [record["pid"] for record in processes]
    check(all(a < b for a, b in zip(pids, pids[1:])), f"{name}: pids are not in order: {pids}")
    sums = {
        "processes": sum(record["reserved"] + record["committed"] != 0 for record in processes),
        "reserved": sum(record["reserved"] for record in processes),
        "committed": sum(record["committed"] for record in processes),
    }
    check(listing["totals"] == sums, f"{name}: totals {listing['totals']}, and the sums are {sums}")


def find(listing, pid):
    return next((record for record in listing["processes"] if record["pid"] == pid), None)


def kib(status, key):
    match = re.search(rf"^{key}:\s+(\d+)", status, re.M)
    return int(match[1]) * (1024 if key.startswith("Vm") else 1) if match else 0


def check_against_proc(what, pid, record, told, has_score):
    """`told` is what /proc/PID/* said; the process slept meanwhile."""
    status, stat = told["status"], told["stat"]
    expected = {key: kib(status, line) for key, line in [
        ("reserved", "VmSize"), ("committed", "VmRSS"), ("peak_reserved", "VmPeak"), ("peak", "VmHWM"), ("swap", "VmSwap"),
        ("page_tables", "VmPTE"), ("parent", "PPid"), ("uid", "Uid"), ("threads", "Threads")]}
    expected["oom_score_adj"] = int(told["oom_score_adj"])
    expected["oom_score"] = int(told["oom_score"]) if has_score else None
    expected["comm"] = stat[stat.index("(") + 1:stat.rindex(")")]
    ticks = int(stat[stat.rindex(")") + 2:].split()[19])
    if record is None:
        check(False, f"{what}: {pid} is not listed")
        return
    for key, value in expected.items():
        check(record[key] == value, f"{what} {pid}: {key} is {record[key]}, and /proc says {value}")
    check(record["start_ns"] // TICK_NS == ticks, f"{what} {pid}: starts at {record['start_ns']} ns, /proc: tick {ticks}")
    check((record["reserved"] == 0) == (what == "zombie"), f"{what} {pid}: reserved {record['reserved']}")
    if what in ("plain", "threads", "headless"):
        check(record["peak"] > record["committed"] + (1 << 20), f"{what} {pid}: no peak in {record}")


def decode(name):
    """UTF-8, each byte that is none as U+FFFD."""
    text, at = "", 0
    while at < len(name):
        for length in range(1, 5):
            try:
                text += name[at:at + length].decode("utf-8", "strict")
                at += length
                break
            except UnicodeDecodeError:
                pass
        else:
            text += "\ufffd"
            at += 1
    return text


def check_names(listing, expected):
    for line in expected.decode().splitlines():
        pid, _, name = line.partition(" ")
        name = decode(bytes.fromhex(name)[:15])
        record = find(listing, int(pid))
        got = record["comm"] if record else None
        check(got == name, f"the name of {pid} is {got!r} and not {name!r}")


def table(text):
    return {key: int(value) for key, value in re.findall(r"^(\w+):\s+(\d+) (?:kB|ms)$", text, re.M)}


def cpu_line(stat, cpu):
    line = next(line for line in stat.splitlines() if line.startswith(cpu + " "))
    return [int(tick) for tick in line.split()[1:11]]


def check_between(name, ns, before, after):
    """Ticks are rounded down, and what idle processors have counted may go back by a tick."""
    for key, value, low, high in zip(TIMES, ns, before, after):
        good = (low - 2) * TICK_NS <= value <= (high + 2) * TICK_NS
        check(good, f"{name}: {key} is {value} ns, and /proc says {low} to {high} ticks")


def check_memory(name, memory, before, after):
    check(memory["total"] == before["MemTotal"], f"{name}: total {memory['total']}, /proc says {before['MemTotal']}")
    check(memory["used"] == memory["total"] - memory["available"], f"{name}: used {memory}")
    for key, line in [("free", "MemFree"), ("available", "MemAvailable")]:
        slack = 4 << 20
        low, high = sorted([before[line], after[line]])
        check(low - slack <= memory[key] <= high + slack, f"{name}: {key} is {memory[key]}, /proc says {low} to {high}")


def check_system(documents):
    meminfo = [{key: value * 1024 for key, value in table(documents[f"/proc/meminfo {when}"].decode()).items()}
               for when in ("before", "after")]
    stat = [documents[f"/proc/stat {when}"].decode() for when in ("before", "after")]
    cpus = [line.split()[0] for line in stat[0].splitlines() if re.match(r"cpu\d", line)]

    system = parse(documents["system.json between"])
    check(list(system) == ["memory", "cpu", "disk"] and list(system["memory"]) == SIZES and
          list(system["cpu"]) == ["online"] + TIMES and list(system["disk"]) == ["total", "free", "available"],
          f"system.json: keys of {system}")
    check(system["cpu"]["online"] == len(cpus), f"system.json: {system['cpu']['online']} processors of {len(cpus)}")
    check_memory("system.json", system["memory"], *meminfo)
    check_between("system.json", [system["cpu"][key] for key in TIMES], *[cpu_line(text, "cpu") for text in stat])

    lines = table(documents["system between"].decode())
    check_memory("system", {key: lines["Mem" + key.capitalize()] * 1024 for key in SIZES}, *meminfo)
    names = ["Cpu" + "".join(part.capitalize() for part in key.split("_")) for key in TIMES]
    check_between("system", [lines[name] * 1_000_000 for name in names], *[cpu_line(text, "cpu") for text in stat])
    check(all("Disk" + key in lines for key in ("Total", "Free", "Available")), f"system: {lines}")

    rows = [line.split() for line in documents["cpu between"].decode().splitlines()]
    check(rows[0] == ["ms"] + TIMES, f"cpu: header {rows[0]}")
    check([row[0] for row in rows[1:]] == ["all"] + cpus, f"cpu: rows {[row[0] for row in rows]}")
    for row in rows[1:]:
        key = "cpu" if row[0] == "all" else row[0]
        check_between(f"cpu, {row[0]}", [int(ms) * 1_000_000 for ms in row[1:]], *[cpu_line(text, key) for text in stat])

    disk = parse(documents["system.json below-a-root"])["disk"]
    check(disk["total"] == int(documents["disk expected"]) > 0, f"system.json: the disk of the reader: {disk}")


def judge(data):
    lines, documents = split(data)
    own = [line for line in lines if re.match(r"(not )?ok \d+ - ", line)]
    for line in lines:
        if line.startswith(("not ok", "#")):
            print(line)
    check(f"1..{len(own)}" in lines, f"{len(own)} results, and the plan is {[x for x in lines if x.startswith('1..')]}")

    if not documents:
        print("there is no document: the tests did not run")
        return 1
    parsed = []
    for name, text in documents:
        if not name.startswith(("processes ", "watch ", "system.json ")):
            continue
        try:
            parsed.append((name, parse(text)))
        except ValueError as error:
            check(False, f"{name} is no JSON: {error}: {text[:300]!r}")
    for name, content in parsed:
        if name.startswith("processes "):
            check_processes(name, content)
        if name.startswith("watch "):
            check_record(name, content)

    named = dict(documents)
    if failures:
        return 1   # what is compared below may be missing
    records = dict(parsed)["processes records"]
    has_score = "# this kernel has no vm.tamstat_scope" not in lines   # the patched one, which tells a module
    compared = [line.split()[1:] for line in lines if line.startswith("process ")]
    check(len(compared) == 4, f"compared are {compared}")
    for what, pid in compared:
        told = {key: named[f"{key} {pid}"].decode() for key in ("status", "stat", "oom_score", "oom_score_adj")}
        check_against_proc(what, int(pid), find(records, int(pid)), told, has_score)
    check_names(dict(parsed)["processes names"], named["names expected"])
    check_system(named)
    listings = sum(name.startswith("processes ") for name, _ in parsed)
    bad = sum(line.startswith("not ok") for line in own)
    print(f"{len(own) - bad} passed, {bad} failed in the guest; {count} checks of {len(parsed)} JSON documents "
          f"({listings} listings), {len(failures)} failed")
    return 1 if bad or failures or not own else 0


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        sys.exit(judge(file.read()))
