#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hazard: commands on a page that nobody has typed: a path that is another one from where the reader stands, a unit whose process may
not write where it should. Types what docs/howto/prometheus.md says, as it stands there, at the top of a copy of the tree, with the real
node_exporter, curl and promtool; all in name spaces of its own, so that nothing is left in the system. Only systemd is played, since it
cannot be started here: its part is to run the command of the service with the capabilities that the unit leaves it."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from tool import SOURCE, TAMSTAT, main

PAGE = (SOURCE / "docs/howto/prometheus.md").read_text()
DIRECTORY = "/var/lib/prometheus/node-exporter"   # where Debian's node_exporter looks without being told
UNSHARE = ["unshare", "--mount", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
TOOLS = ("prometheus-node-exporter", "promtool", "curl", "ip", "setpriv")

SYSTEMCTL = r"""#!/bin/bash -eu
# enable --now NAME.timer, played: both units are where systemd looks, and the timer elapses at once.
[ "$1 $2" = "enable --now" ]
cd /etc/systemd/system
test -s "$3"
service=${3%.timer}.service
capability=$(sed -n 's/^CapabilityBoundingSet=CAP_\([A-Z_]*\)$/\1/p' "$service")
read -ra command <<< "$(sed -n 's/^ExecStart=//p' "$service")"
exec setpriv --inh-caps=-all "--bounding-set=-all,+${capability,,}" --no-new-privs "${command[@]}"
"""

INSIDE = rf"""
mount -t tmpfs none /etc/systemd/system
mount -t tmpfs none /usr/local/bin
mount -t tmpfs none {DIRECTORY}
cp "$TAMSTAT" /usr/local/bin/tamstat
cp "$PLACE/systemctl" /usr/local/bin/systemctl
ip link set lo up
prometheus-node-exporter --collector.disable-defaults --collector.textfile 2> "$PLACE/exporter.log" &
trap 'kill %1' EXIT
until curl -s localhost:9100/metrics > "$PLACE/first"; do kill -0 %1; sleep 0.05; done
cd "$PLACE/tree"
PATH=/usr/local/bin:$PATH
set -x
"""


def blocks():
    """What the page says to type, one text for each block."""
    return re.findall(r"(?ms)^```sh\n(.*?)^```$", PAGE)


class Page(unittest.TestCase):
    def setUp(self):
        lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
        if lacking or subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest(f"SKIPPED: not installed: {' '.join(lacking)}" if lacking else "SKIPPED: no name spaces here")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = Path(directory.name)
        shutil.copytree(SOURCE / "docs", self.place / "tree/docs")
        Path(self.place, "systemctl").write_text(SYSTEMCTL)
        Path(self.place, "systemctl").chmod(0o755)

    def typed(self, text):
        """Exit status, and what the terminal shows."""
        done = subprocess.run([*UNSHARE, "bash", "-euo", "pipefail", "-c", INSIDE + text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, check=False, env={**os.environ, "PLACE": str(self.place), "TAMSTAT": TAMSTAT})
        return done.returncode, done.stdout

    def test_the_commands_do_what_the_page_says(self):
        status, text = self.typed("\n".join(blocks()))
        self.assertEqual(status, 0, text)
        self.assertRegex(text, r'(?m)^tamstat_group_memory_bytes\{group="[^"]+",kind="reserved"\} \d')
        self.assertIn("3 rules found", text)

    def test_there_is_something_to_type(self):
        self.assertEqual([len(block.splitlines()) for block in blocks()], [3, 1])

    def test_a_unit_that_may_not_write_is_noticed(self):
        service = self.place / "tree/docs/howto/prometheus/tamstat.service"
        service.write_text(service.read_text().replace(DIRECTORY, "/proc"))
        self.assertNotEqual(self.typed(blocks()[0])[0], 0)


if __name__ == "__main__":
    main()
