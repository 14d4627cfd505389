"""A daemon on simulated hosts, as a process: tests/page/cluster/main.cc."""
import os
import re
import subprocess
import tempfile
import time


class Cluster:
    """Serves from the start until stop(); start() again takes the same port."""

    def __init__(self, program, hosts=3, calm=False, power=False):
        self.folder = tempfile.TemporaryDirectory(prefix="ballast-seen-")
        self.socket = os.path.join(self.folder.name, "run", "ballast.sock")
        self.port = 0
        self.command = [program, "--hosts", str(hosts), "--socket", self.socket] + (["--calm"] if calm else []) + (["--power"] if power else [])
        self.start()

    def start(self):
        page = f"127.0.0.1:{self.port}"
        said = os.path.join(self.folder.name, "said")
        with open(said, "w") as out:
            self.process = subprocess.Popen(self.command + ["--page", page], stdout=out, stderr=subprocess.STDOUT)

        def served():
            with open(said) as file:
                text = file.read()
            if self.process.poll() is not None:
                raise RuntimeError(f"the simulated daemon ended:\n{text}")
            return re.search(r"^page on port (\d+)$", text, re.M)
        try:
            # Simulating its past takes seconds on a busy machine.
            self.port = int(eventually(served, "the simulated daemon serves its page", 120)[1])
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def close(self):
        if self.process.returncode is None:
            self.stop()
        self.folder.cleanup()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


def eventually(holds, what, within=30):
    """The first true value; a failure that says what was waited for, and what was there instead."""
    end = time.monotonic() + within
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.05)
