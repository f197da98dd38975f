#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hazard: a function whose comment does not say what it makes resident is used where memory must not be touched.

Reads what Doxygen understood of the headers, and wants of every public function, in its own description or in that of a class
around it: which pages it touches, its errors, its complexity, and from which threads it may be called; and of every enumerator a word.
Usage: statements.py [FOLDER of Doxygen's XML]
"""
import pathlib
import re
import sys
import xml.etree.ElementTree

SAID = {
    "pages": re.compile(r"\bPages\b"),                     # \commits
    "errors": re.compile(r"\b(Errors|Throws)\b"),           # \errors, \throws
    "complexity": re.compile(r"\b(constant time|linear|proportional|costs?)\b", re.IGNORECASE),
    "threads": re.compile(r"\b(any thread|threads:|thread-safe|one thread|several threads|no other thread)", re.IGNORECASE),
}


def text_of(element):
    """What is said of a member or a class."""
    return " ".join(text for part in ("briefdescription", "detaileddescription") for text in element.find(part).itertext())


def has_no_errors(member):
    """By its signature: noexcept, or never called, and no result that could hold one. A destructor is noexcept."""
    arguments = "".join(member.find("argsstring").itertext())
    if member.find("name").text.startswith("~"):
        return True
    answer = "".join(member.find("type").itertext())
    return ("noexcept" in arguments or "=default" in arguments or "=delete" in arguments) and "result<" not in answer.replace(" ", "")


def missing(member, around):
    said = text_of(member) + " " + around
    return [name for name, words in SAID.items()
            if not words.search(said) and not (name == "errors" and has_no_errors(member))]


def check(folder):
    """\\returns the number of functions, and a line for each that does not say enough"""
    compounds, parents = {}, {}
    for listed in xml.etree.ElementTree.parse(folder / "index.xml").iter("compound"):
        for compound in xml.etree.ElementTree.parse(folder / f"{listed.get('refid')}.xml").iter("compounddef"):
            if compound.get("kind") in ("class", "struct", "namespace") and compound.get("prot") != "private":
                compounds[compound.get("id")] = compound
                for inner in compound.iter("innerclass"):
                    parents[inner.get("refid")] = compound.get("id")

    def around(key):
        if key not in compounds or compounds[key].get("kind") == "namespace":
            return ""
        return text_of(compounds[key]) + " " + around(parents.get(key))

    functions, faults = set(), []
    for key, compound in compounds.items():
        for value in compound.iter("enumvalue"):   # of which Doxygen 1.9.4 does not warn
            if not text_of(value).strip():
                faults.append(f"{compound.find('compoundname').text}: nothing is said of the enumerator {value.find('name').text}")
        for member in compound.iter("memberdef"):
            if member.get("kind") not in ("function", "friend") or member.get("prot") == "private":
                continue
            name = f"{compound.find('compoundname').text}::{member.find('name').text}"
            if member.find("argsstring").text is None or "->" in (member.find("argsstring").text or ""):
                continue   # a friend class; a deduction guide
            place = member.find("location")
            functions.add(member.get("id"))
            if lacks := missing(member, around(key)):
                faults.append(f"{place.get('file')}:{place.get('line')}: {name} does not say: {', '.join(lacks)}")
    return len(functions), sorted(set(faults))


count, faults = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/doxygen-xml"))
print(*faults, sep="\n", end="\n" if faults else "")
print(f"{count} public functions, {len(faults)} do not say enough")
if faults or count < 200:   # fewer: Doxygen has not read what it should
    sys.exit(1)
