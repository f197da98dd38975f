#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hazard: a link to a page, or to a heading in one, that is no longer there; a page that no other leads to; a header or a
macro that docs/reference/library.md does not name; an option or a component of CMake that docs/reference/cmake.md does not.

Looks at the links in every Markdown file of the tree, and at the paths in its text. Links to the network are not followed.
Usage: links.py
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:docs|examples|include|kernel|scripts|tests|tools|bench)/[A-Za-z0-9_./-]+)`")
ELSEWHERE = ("include/uapi/", "tools/testing/")   # in the kernel's tree


def anchors(page):
    """As GitHub makes them of headings."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        repeated = sum(1 for known in found if re.fullmatch(re.escape(slug) + r"(-\d+)?", known))
        found.add(f"{slug}-{repeated}" if repeated else slug)
    return found


def dead(page, target):
    """\\returns why the link leads nowhere, or nothing"""
    path, _, anchor = target.partition("#")
    to = (page.parent / path).resolve() if path else page
    if not to.exists():
        return "there is no such file"
    if anchor and (to.suffix != ".md" or anchor not in anchors(to)):
        return "there is no such heading"
    return ""


def cmake_differences():
    """\\returns the options of CMake, and the components, that are not in both"""
    scripts = [ROOT / "CMakeLists.txt", ROOT / "tests/CMakeLists.txt", ROOT / "tools/tamstat/install.cmake"]
    names = re.findall(r"(?m)^\s*(?:option\((\w+)|set\((TAMALLOC_\w+) .*CACHE|set\(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME (\w+)\))",
                       "".join(script.read_text("utf-8") for script in scripts))
    rows = re.findall(r"(?m)^\| `(tamalloc_\w+)`", (ROOT / "docs/reference/cmake.md").read_text("utf-8"), re.IGNORECASE)
    return sorted({"".join(name) for name in names} ^ set(rows))


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], check=True, cwd=ROOT, text=True,
                            stdout=subprocess.PIPE).stdout.split()
    pages = [ROOT / name for name in listed if (ROOT / name).exists()]
    faults, count, reached = [], 0, {ROOT / "README.md"}
    for page in pages:
        text = FENCED.sub("", page.read_text("utf-8"))
        name = page.relative_to(ROOT)
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            reached.add((page.parent / target.partition("#")[0]).resolve())
            if why := dead(page, target):
                faults.append(f"{name}: {target}: {why}")
        for path in PATH.findall(text):
            count += 1
            if not any((folder / path).exists() for folder in (ROOT, page.parent)) and not path.startswith(ELSEWHERE):
                faults.append(f"{name}: `{path}`: there is no such file")
    faults += [f"{page.relative_to(ROOT)}: no page leads there" for page in pages
               if page not in reached and not page.is_relative_to(ROOT / "docs/bench")]
    library = (ROOT / "docs/reference/library.md").read_text("utf-8")
    faults += [f"docs/reference/library.md does not name {header.name}" for header in (ROOT / "include/tamalloc").glob("*.hpp")
               if not re.search(rf"[`/]{header.name}`", library)]
    macros = re.findall(r"(?m)^//   (TAMALLOC_\w+)", (ROOT / "include/tamalloc/config.hpp").read_text("utf-8"))
    faults += [f"docs/reference/library.md does not name {macro}" for macro in macros if f"`{macro}" not in library]
    faults += [f"docs/reference/cmake.md and CMakeLists.txt differ in {name}" for name in cmake_differences()]
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(pages)} pages, {count} links and paths, {len(faults)} faults")
    return 1 if faults or count < 50 else 0


sys.exit(main())
