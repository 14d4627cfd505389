"""A daemon under clients that ask too much, too slowly, or not at all: `load`. Two hosts of libvirt's test driver with 200 domains
each. What counts is that it goes on with its work meanwhile, answers others, and has nothing left of it afterwards."""

import os
import re
import resource
import selectors
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from sampling_bench import row, test_host

SECONDS = 15
OFFERED = 10_000  # requests a second
IDLE = 10_000     # connections
FAST = 12         # connections of the 16 that the daemon has for administrators
SCRAPERS = 12      # of the 32 connections that the metrics have
CLOSE = re.compile(rb"(?i)connection: close")
LENGTH = re.compile(rb"(?i)content-length: (\d+)")
PAGE, METRICS = 19478, 19479


def host_of(folder, name):
    """The URI of a host of its own."""
    os.mkdir(os.path.join(folder, name))
    return test_host(os.path.join(folder, name))


class Daemon:
    """ballastd on this machine, with its socket, page and metrics."""

    def __init__(self, build, folder):
        self.socket = os.path.join(folder, "ballast.sock")
        self.ctl = os.path.join(build, "bin", "ballastctl")
        for name in ("policy.d", "state"):
            os.mkdir(os.path.join(folder, name))
        path = os.path.join(folder, "ballast.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"state_dir: {folder}/state\nsocket: {self.socket}\npolicy_dir: {folder}/policy.d\ninterval: 1s\n"
                      f"metrics: {{listen: '127.0.0.1:{METRICS}', per_vm: true}}\npage: {{listen: '127.0.0.1:{PAGE}'}}\nhealth: {{probe: []}}\n"
                      f"power: {{broker: {folder}/none.sock}}\nhosts:\n"
                      + "".join(f"  - {{name: {name}, uri: '{host_of(folder, name)}'}}\n" for name in ("h1", "h2")))
        self.log = open(os.path.join(folder, "log"), "w", encoding="utf-8")
        self.process = subprocess.Popen([os.path.join(build, "bin", "ballastd"), "-c", path], stdout=self.log, stderr=self.log)
        self.wait_cycles(3)

    def proc(self, name):
        with open(f"/proc/{self.process.pid}/{name}", encoding="utf-8") as file:
            return file.read()

    def rss(self):
        """MiB."""
        return int(re.search(r"VmRSS:\s+(\d+)", self.proc("status"))[1]) / 1024

    def threads(self):
        return int(re.search(r"Threads:\s+(\d+)", self.proc("status"))[1])

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cycles(self):
        """How many cycles it has planned, as its metrics say."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=30).read().decode()
        return float(re.search(r"^ballast_cycles_total (\S+)", text, re.MULTILINE)[1])

    def wait_cycles(self, count):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if self.cycles() >= count:
                    return
            except (urllib.error.URLError, TypeError, ConnectionError):
                pass
            time.sleep(0.2)
        self.log.flush()
        raise SystemExit("the daemon does not plan: " + open(self.log.name, encoding="utf-8").read()[-3000:])

    def status_takes(self):
        """Seconds that an administrator waits for `ballastctl status`."""
        began = time.monotonic()
        subprocess.run([self.ctl, "--socket", self.socket, "status"], check=True, capture_output=True, timeout=60)
        return time.monotonic() - began

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def connect(path):
    """An administrator's connection, as the bench is run by root."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(path)
    return connection


REQUEST = b"GET /v1/hosts/h1 HTTP/1.1\r\nHost: b\r\n\r\n"


SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: b\r\n\r\n"


def ask_fast(opened, connections, request, results):
    """(status, seconds) of each request of several connections that together offer OFFERED a second: each asks again as soon
    as it is answered and it is time, and is opened again when it was closed."""
    ready, asked, data = selectors.DefaultSelector(), {}, {}
    idle = [opened() for _ in range(connections)]
    for connection in idle:
        ready.register(connection, selectors.EVENT_READ)
    began = time.monotonic()
    count = 0
    while (now := time.monotonic()) < began + SECONDS:
        while idle and count < (now - began) * OFFERED:
            connection = idle.pop()
            connection.sendall(request)
            asked[connection], data[connection] = now, b""
            count += 1
        for key, _ in ready.select(0.001):
            connection = key.fileobj
            got = connection.recv(1 << 16)
            data[connection] += got
            end = data[connection].find(b"\r\n\r\n")
            if got and (end < 0 or len(data[connection]) < end + 4 + int(LENGTH.search(data[connection])[1])):
                continue
            status = int(data[connection][9:12] or 0)  # 0: it was closed without an answer
            results.append((status, time.monotonic() - asked[connection]))
            if not got or CLOSE.search(data[connection][:end]):
                ready.unregister(connection)
                connection.close()
                connection = opened()
                ready.register(connection, selectors.EVENT_READ)
            idle.append(connection)
    for key in list(ready.get_map().values()):
        key.fileobj.close()


class Idle:
    """Connections that are opened and say nothing; those that are closed are opened again, as a client that insists would."""

    def __init__(self, count, opened):
        self.opened = opened
        self.connections = []
        self.refused = 0
        for _ in range(count):
            self.add()

    def add(self):
        try:
            self.connections.append(self.opened())
        except OSError:
            self.refused += 1

    def end(self):
        for connection in self.connections:
            connection.close()


def open_tcp(port):
    """Opens a connection, and says nothing."""
    connection = socket.socket()
    connection.settimeout(5)
    connection.connect(("127.0.0.1", port))
    return connection


def slow_request(path):
    """One that sends a byte now and then."""
    connection = connect(path)
    connection.sendall(b"GET /v1/sta")
    return connection


def measure_phase(daemon, seconds, during):
    """Cycles a second, an administrator's wait in seconds, and the highest resident memory in MiB while `during` goes on."""
    before, began, peak = daemon.cycles(), time.monotonic(), 0.0
    thread = threading.Thread(target=during)
    thread.start()
    waits = []
    while time.monotonic() - began < seconds:
        waits.append(daemon.status_takes())
        peak = max(peak, daemon.rss())
        time.sleep(0.5)
    thread.join()
    return (daemon.cycles() - before) / (time.monotonic() - began), max(waits), peak


def load(build):
    """The rows."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(build, folder)
        try:
            rest, _, _ = measure_phase(daemon, SECONDS, lambda: None)
            rss, files, threads = daemon.rss(), daemon.files(), daemon.threads()

            def add(case, cycles, wait, peak):
                rows.append(row(case, "planning cycles a second; at rest as peer", round(cycles, 2), "1/s", round(rest, 2), ">= 0.8x",
                                cycles >= 0.8 * rest))
                rows.append(row(case, "`ballastctl status`, longest", round(wait, 2), "s", None, "<= 5", wait <= 5))
                rows.append(row(case, "highest resident memory; at rest as peer", round(peak, 1), "MiB", round(rss, 1), "<= 1.5x",
                                peak <= 1.5 * rss))

            results = []
            for case, opened, connections, request in (
                    (f"{OFFERED} requests/s offered", lambda: connect(daemon.socket), FAST, REQUEST),
                    (f"{OFFERED} scrapes/s offered", lambda: open_tcp(METRICS), SCRAPERS, SCRAPE)):
                results = []
                add(case, *measure_phase(daemon, SECONDS, lambda: ask_fast(opened, connections, request, results)))
                waits = sorted(seconds for _, seconds in results)
                rows.append(row(case, "answered", round(len(results) / SECONDS), "1/s"))
                rows.append(row(case, "99 % answered within", round(1000 * waits[int(0.99 * len(waits))], 2), "ms"))
                bad = sum(status != 200 for status, _ in results)
                rows.append(row(case, "not answered with 200", bad, "", None, "= 0", bad == 0))

            for case, opened in (("slow requests", lambda: slow_request(daemon.socket)),
                                 ("idle connections to the page", lambda: open_tcp(PAGE)),
                                 ("idle connections to the metrics", lambda: open_tcp(METRICS))):
                count = FAST if case == "slow requests" else IDLE
                held = []
                add(f"{count} {case}", *measure_phase(daemon, SECONDS, lambda: held.append(Idle(count, opened))))
                rows.append(row(f"{count} {case}", "files open", daemon.files(), "", files))
                held[0].end()
            time.sleep(15)
            rows.append(row("afterwards", "files open; before as peer", daemon.files(), "", files, "<= +8", daemon.files() <= files + 8))
            rows.append(row("afterwards", "threads; before as peer", daemon.threads(), "", threads, "= before", daemon.threads() == threads))
            rows.append(row("afterwards", "resident memory; before as peer", round(daemon.rss(), 1), "MiB", round(rss, 1), "<= 1.3x",
                            daemon.rss() <= 1.3 * rss))
        finally:
            daemon.stop()
    return rows


ALL = {"load": load}
