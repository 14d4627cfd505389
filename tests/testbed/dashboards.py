"""Every query of the dashboards and alerts, asked of a real Prometheus that scrapes the daemons of a test."""

import os
import re
import subprocess
import sys

import prometheus
from support import SOURCE, wait_until

# For the daemons: each where Prometheus reaches it, with series of the VMs.
METRICS = f'{{listen: "0.0.0.0:{prometheus.PORT}", per_vm: true}}'
# Nobody measured how fast guests change their memory, no test lasts long enough for an account of energy, and there is no rolling run.
NOT_HERE = {"ballast-vm.json: Dirtied", "ballast-host.json: VMs", "ballast-energy.json: Energy, an hour", "ballast-energy.json: Energy in this range",
            "ballast-energy.json: Rolling run"}


class Scraped:
    """For a test: Prometheus from here on, until it ends."""

    def __init__(self, test, hosts):
        self.test = test
        self.prometheus = prometheus.Prometheus(hosts)
        test.addCleanup(self.prometheus.close)

    def assert_every_query_answers(self, nothing_of):
        """dashboards/verify finds nothing missing, and no panel empty but NOT_HERE and these. A migration that has just ended is
        counted by the next scrapes."""
        seen = wait_until("every query to answer", lambda: self.verify(NOT_HERE | nothing_of), lambda seen: not seen[0])
        self.test.figures.append(seen[1])

    def verify(self, expected):
        """What dashboards/verify finds missing, and empty without being expected; and its last line."""
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "dashboards", "verify"), "--range", "2m", self.prometheus.url],
                              capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines() or [done.stderr]
        empty = [line for line in lines if line.startswith("empty") and re.match(r"empty +([^:]+: .*?): 0 series", line)[1] not in expected]
        return [line for line in lines if line.startswith("MISSING")] + empty + ([done.stderr] if done.returncode > 1 else []), lines[-1]
