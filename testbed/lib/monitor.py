"""The background process that stamps the guests' heartbeats with this machine's clock.

Each host's folder holds one file a guest, to which the QEMU on that host appends. A record of the log is
"<receive ms> <guest> <host> <seq> <guest ms> <boot>\\n"; the receive time is the file's modification time (the kernel's
stamp of QEMU's write), so that reading it late does not blur it.
"""

import os
import re
import time

import inotify
import process
from base import state

_LINE = re.compile(rb"hb (\d+) (\d+) ([0-9a-f]{8})$")
_TOOL = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "testbed")
# QEMU writes a beat byte by byte; gathering the events of this long makes one wake-up of it, and the stamp stays exact.
_GATHER_S = 0.03


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


def _scan(watcher, tails):
    """Watches folders and follows files that were not there before, and leaves files that are no more."""
    for path in [path for path in tails if not os.path.exists(path)]:
        os.close(tails.pop(path).handle)
    root = state("heartbeat")
    watcher.watch(root)
    for host in (name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))):
        watcher.watch(os.path.join(root, host))
        for name in os.listdir(os.path.join(root, host)):
            path = os.path.join(root, host, name)
            if name.endswith(".hb") and path not in tails:
                tails[path] = Tail(path, host)


def follow():
    """Runs until killed."""
    watcher, tails = inotify.Watcher(), {}
    _scan(watcher, tails)
    if os.path.exists(state("heartbeat", "log")):  # an earlier monitor has stamped what is there
        for tail in tails.values():
            os.lseek(tail.handle, 0, os.SEEK_END)
    changed = dict.fromkeys(tails, 0)
    with open(state("heartbeat", "log"), "a", encoding="ascii", buffering=1 << 16) as log:
        while True:
            lines = [line for path in changed if path in tails for line in tails[path].records()]
            if lines:
                log.writelines(lines)
                log.flush()
            time.sleep(_GATHER_S)
            changed = watcher.wait()
            if any(bits & (inotify.IN_CREATE | inotify.IN_DELETE) for bits in changed.values()):
                _scan(watcher, tails)
                changed = dict.fromkeys(tails, 0)


def start():
    """Starts the process unless it runs."""
    os.makedirs(state("heartbeat"), exist_ok=True)
    if not process.recorded(state("monitor.json")):
        process.start_daemon(["/usr/bin/python3", _TOOL, "_monitor"], state("monitor.log"), state("monitor.json"))


def stop():
    """Stops it."""
    pid = process.recorded(state("monitor.json"))
    if pid:
        process.kill(pid)
