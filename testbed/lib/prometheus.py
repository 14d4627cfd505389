"""Prometheus on the machine itself: it scrapes daemons in the hosts, for the queries of dashboards and alerts."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.parse
import urllib.request

from ballast import wait_until
from base import Problem, write_text

PORT = 9477
_CONFIG = """global: {{scrape_interval: {every}, evaluation_interval: {every}}}
scrape_configs:
    - job_name: ballast
      static_configs: [{{targets: [{targets}]}}]
"""


class Prometheus:
    """Ends with `close`; what it has read goes with it, unless it has a folder of its own."""

    def __init__(self, hosts, every="1s", folder=None):
        self._kept = folder is not None
        self.folder = folder or tempfile.mkdtemp(prefix="ballast-prometheus-")
        targets = ", ".join(f'"{host.ip}:{PORT}"' for host in hosts)
        config = os.path.join(self.folder, "prometheus.yml")
        write_text(config, _CONFIG.format(every=every, targets=targets), 0o644)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{address}"
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self._server = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
                                             f"--web.listen-address={address}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until("Prometheus to have scraped every daemon", lambda: self.value("sum(up)"), lambda up: up == len(hosts), timeout=60)

    def value(self, expression):
        """What the expression is now, of its first series; None: it has none."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?query={urllib.parse.quote(expression)}", timeout=10) as reply:
                result = json.load(reply)["data"]["result"]
        except OSError as error:
            raise Problem(f"Prometheus: {error}") from None
        return float(result[0]["value"][1]) if result else None

    def close(self):
        """Ends the server."""
        self._server.terminate()
        self._server.wait(30)
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)
