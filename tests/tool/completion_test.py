#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: a completion script that offers what the program does not know, misses what it does, or is an error in the shell. Each shell is
asked itself. And the manual page: each option that --help has must be in it, and no other."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from tool import SOURCE, main, tamstat

COMMANDS = re.findall(r"(?m)^  ([a-z]+)  ", tamstat("--help").split("Subcommands:\n")[1])
OPTION = r"(?<![\w-])--?[a-zA-Z][a-z-]*"


def options(command):
    """Those that --help of a command names, at the beginning of a line."""
    page = tamstat(command, "--help") if command else tamstat("--help")
    return {option for line in re.findall(r"(?m)^  (-\S+)", page) for option in line.split(",")}


def offered_by_bash(*words):
    """What bash offers where the last word is completed."""
    script = """source /dev/stdin; compopt() { :; }
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tamstat; printf "%s\\n" "${COMPREPLY[@]}" """
    done = subprocess.run(["bash", "-c", script, "bash", *words], input=tamstat("completion", "bash"), capture_output=True,
                          text=True, check=True)
    return done.stdout.split()


class Bash(unittest.TestCase):
    def test_commands_options_and_values(self):
        self.assertEqual(set(offered_by_bash("tamstat", "")), set(COMMANDS))
        self.assertEqual(offered_by_bash("tamstat", "sn"), ["snapshot"])
        for command in COMMANDS:
            self.assertEqual(set(offered_by_bash("tamstat", command, "-")), options(command) | options(""))
        self.assertEqual(offered_by_bash("tamstat", "--color", "al"), ["always"])
        self.assertEqual(offered_by_bash("tamstat", "--color", "=", "n"), ["never"])
        self.assertEqual(set(offered_by_bash("tamstat", "export", "--format", "")), {"prometheus", "openmetrics"})
        self.assertEqual(set(offered_by_bash("tamstat", "ps", "--format", "")), {"table", "plain", "csv", "json"})
        self.assertEqual(offered_by_bash("tamstat", "ps", "--sort", "comm,-reser"), ["comm,-reserved"])
        self.assertIn(str(os.getpid()), offered_by_bash("tamstat", "show", ""))
        self.assertEqual(offered_by_bash("tamstat", "--procfs", "/pro"), ["/proc"])

    def test_topics_of_help(self):
        self.assertEqual(set(offered_by_bash("tamstat", "help", "")), {"terms", "columns", "exit-codes", "json", *COMMANDS})

    def test_behind_run_stands_another_command(self):
        self.assertIn("python3", offered_by_bash("tamstat", "run", "--", "pytho"))
        self.assertEqual(offered_by_bash("tamstat", "run", "--", "ls", "--"), [])
        self.assertEqual(offered_by_bash("tamstat", "run", "--", "ls", "/pro"), ["/proc"])

    def test_it_is_clean(self):
        if shutil.which("shellcheck") is None:
            self.skipTest("SKIPPED: shellcheck is not installed")
        subprocess.run(["shellcheck", "-s", "bash", "-"], input=tamstat("completion", "bash"), text=True, check=True)


class Help(unittest.TestCase):
    def test_the_page_of_a_command_says_where_the_other_options_are(self):
        for command in COMMANDS:
            self.assertTrue(tamstat("help", command).endswith("Options it shares with other commands: tamstat --help\n"))


class Fish(unittest.TestCase):
    def offered(self, line):
        with tempfile.TemporaryDirectory() as home:
            script = Path(home, "tamstat.fish")
            script.write_text(tamstat("completion", "fish"))
            done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], capture_output=True, text=True,
                                  env={**os.environ, "HOME": home}, check=True)
        self.assertEqual(done.stderr, "")
        return {offer.split("\t")[0] for offer in done.stdout.splitlines()}

    def test_commands_options_and_values(self):
        if shutil.which("fish") is None:
            self.skipTest("SKIPPED: fish is not installed")
        self.assertEqual(self.offered("tamstat "), set(COMMANDS))
        for command in ("ps", "export", "top"):
            self.assertEqual(self.offered(f"tamstat {command} --"), {o for o in options(command) | options("") if o.startswith("--")})
        self.assertEqual(self.offered("tamstat export --format "), {"prometheus", "openmetrics"})
        self.assertEqual(self.offered("tamstat --color "), {"auto", "always", "never"})
        self.assertIn("comm,reserved", self.offered("tamstat ps --columns comm,reser"))


class Zsh(unittest.TestCase):
    def offered(self, line):
        """Types the line and a TAB in a zsh of its own terminal, and lists what is offered."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "_tamstat").write_text(tamstat("completion", "zsh"))
            script = f"""
                zmodload zsh/zpty
                zpty z 'zsh -f -i'
                zpty -w z 'PS1=; fpath=({directory} $fpath); autoload -Uz compinit; compinit -u -D; bindkey "^I" complete-word
                    zstyle ":completion:*" list-prompt ""; zstyle ":completion:*" menu no; LISTMAX=0; stty cols 60 rows 300
                    compadd() {{ builtin compadd -O offers "$@"; print -rl -- "<"${{^offers}}">"; builtin compadd "$@" }}; print "re"ady'
                zpty -r z answer '*ready*'
                zpty -w -n z '{line}'$'\\t'
                sleep 1
                zpty -w z $'\\x15print "do"ne'
                zpty -r z answer '*done*'
                print -r -- "$answer"
            """
            done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        self.assertNotIn("_arguments:", done.stdout + done.stderr)
        return set(re.findall(r"<([^<>\s]+)>", done.stdout))

    def test_commands_options_and_values(self):
        if shutil.which("zsh") is None:
            self.skipTest("SKIPPED: zsh is not installed")
        self.assertLessEqual(set(COMMANDS), self.offered("tamstat "))
        self.assertLessEqual({"prometheus", "openmetrics"}, self.offered("tamstat export --format "))
        self.assertLessEqual({"--detail", "--min", "--kind"}, {o.split("=")[0] for o in self.offered("tamstat maps --")})


class Manual(unittest.TestCase):
    page = SOURCE / "tools/tamstat/tamstat.1"

    def test_it_has_the_options_that_the_program_has_and_no_other(self):
        text = self.page.read_text().replace("\\-", "-").replace("\\fR", " ").replace("\\fB", " ").replace("\\~", " ")
        documented = {option for line in re.findall(r"(?m)^\.(?:BI?R?|BR) (-.*)$", text) for option in re.findall(OPTION, line)}
        known = set().union(*(options(command) for command in ["", *COMMANDS]))
        self.assertEqual(documented, known)
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^\.(B|BI|BR) {command}\b")

    def test_version(self):
        self.assertIn(f'"tamalloc {tamstat("--version").split()[1]}"', self.page.read_text())

    def test_form(self):
        for judge in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-z"]):
            if shutil.which(judge[0]) is None:
                self.skipTest(f"SKIPPED: {judge[0]} is not installed")
            done = subprocess.run([*judge, self.page], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


if __name__ == "__main__":
    main()
