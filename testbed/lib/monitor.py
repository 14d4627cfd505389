"""The background process that stamps the guests' heartbeats with this machine's clock.

Each host's folder holds one file a guest, to which the QEMU on that host appends. A record of the log is
"<receive ms> <guest> <host> <seq> <guest ms> <boot>\\n"; the receive time is the file's modification time (the kernel's
stamp of QEMU's write), so that a late poll does not blur it.
"""

import os
import re
import sys
import time

import process
from base import state

_LINE = re.compile(rb"hb (\d+) (\d+) ([0-9a-f]{8})$")
_POLL_S = 0.02
_RESCAN_S = 0.25


class Tail:
    """One heartbeat file being followed."""

    def __init__(self, path, host):
        self.guest = os.path.basename(path)[:-3]
        self.host = host
        self.handle = os.open(path, os.O_RDONLY)
        self.rest = b""

    def records(self):
        """Log lines for what was appended since the last call."""
        data = os.read(self.handle, 65536)
        if not data:
            return []
        stamp = int(os.fstat(self.handle).st_mtime_ns // 1000000)
        *lines, self.rest = (self.rest + data).split(b"\n")
        found = (_LINE.search(line.rstrip(b"\r")) for line in lines)
        return [f"{stamp} {self.guest} {self.host} {m[1].decode()} {m[2].decode()} {m[3].decode()}\n" for m in found if m]

    def deleted(self):
        """True when the file has no name any more."""
        return os.fstat(self.handle).st_nlink == 0


def _scan(tails):
    """Follows new files and leaves deleted ones."""
    for path in [path for path, tail in tails.items() if tail.deleted()]:
        os.close(tails.pop(path).handle)
    for host in os.listdir(state("heartbeat")):
        folder = state("heartbeat", host)
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name)
            if name.endswith(".hb") and path not in tails:
                tails[path] = Tail(path, host)


def follow():
    """Runs until killed or until the state folder goes away."""
    tails, scanned = {}, 0.0
    with open(state("heartbeat", "log"), "a", encoding="ascii", buffering=1 << 16) as log:
        while os.path.isdir(state("heartbeat")):
            if time.monotonic() > scanned + _RESCAN_S:
                _scan(tails)
                scanned = time.monotonic()
            lines = [line for tail in tails.values() for line in tail.records()]
            if lines:
                log.writelines(lines)
                log.flush()
            time.sleep(_POLL_S)


def start():
    """Starts the process unless it runs."""
    os.makedirs(state("heartbeat"), exist_ok=True)
    if not process.recorded(state("monitor.json")):
        process.start_daemon(["/usr/bin/python3", os.path.realpath(sys.argv[0]), "_monitor"], state("monitor.log"), state("monitor.json"))


def stop():
    """Stops it."""
    pid = process.recorded(state("monitor.json"))
    if pid:
        process.kill(pid)
