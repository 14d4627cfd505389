"""What the tests on the real cluster share: guests where a test wants them, faults that are healed again, assertions."""

import argparse
import contextlib
import os
import re
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "testbed", "lib"))
import agent  # noqa: E402
import ballast  # noqa: E402
import bmc  # noqa: E402
import cgroup  # noqa: E402
import cluster  # noqa: E402
import guest  # noqa: E402
import heartbeat  # noqa: E402
import kvm  # noqa: E402, F401
import network  # noqa: E402
import process  # noqa: E402
from ballast import indented, wait_until  # noqa: E402
from base import Problem  # noqa: E402
from host import all_hosts, hosts_on, named  # noqa: E402

BUILD = os.environ.get("BALLAST_BUILD", os.path.join(SOURCE, "build", "dev"))
HOSTS = 3

# Manual moves only, nothing in their way.
OBSERVE = """mode: observe
reserve: {cpu: 0%, memory: 0%, memory_min: 0B}
cooldown: {vm: 0s, after_failure: 0s, by_hand: 0s}
migration: {attempts: 1, deadline_min: 1min, retry_delay: 1s}
"""
# Slow enough to act in the middle of it: an idle guest has some 45 MiB to send.
SLOW = OBSERVE.replace("migration: {", "migration: {bandwidth: 5MiB/s, ")
# Acts within seconds, by CPU alone: what waits for a CPU depends on what else this machine does.
AUTOMATIC = """mode: automatic
overload:
  max_moves_per_cycle: 2
  cpu: {above: 90%, below: 85%, for: 3s}
  ready_time: {above: 100%, below: 99%, for: 1h}
  memory: {above: 98%, below: 97%, for: 1h}
  memory_pressure: {above: 100%, below: 99%, for: 1h}
reserve: {cpu: 0%, memory: 0%, memory_min: 0B}
cooldown: {vm: 10min, after_failure: 5s, by_hand: 0s}
migration: {attempts: 2, deadline_min: 1min, retry_delay: 1s}
"""


class DoubleRun(AssertionError):
    """A guest ran on two hosts at once: the worst there is."""


def together(*calls):
    """Runs the calls at the same time; returns their results or raises the first one's error."""
    with ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        return [running.result() for running in [pool.submit(call) for call in calls]]


@contextlib.contextmanager
def without_quotas():
    """Hosts with all of this machine's CPUs, so that guests boot in a third of the time."""
    groups = cgroup.detect()
    hosts = hosts_on()
    for host in hosts:
        groups.limit(host.name, os.cpu_count(), host.settings()["memory"])
    try:
        yield
    finally:
        for host in hosts:
            groups.limit(host.name, host.settings()["cpu"], host.settings()["memory"])


_plain = set()  # the guests that have nothing special: those of one test can serve another one


def create(name, host, **options):
    """A new guest that beats."""
    (_plain.discard if options.keys() - {"cpu"} else _plain.add)(name)
    wanted = {"memory": 96 << 20, "vcpus": 1, "cpu": 0, "dirty": 0, "working_set": 16, "disk": "none", "network": "none",
              "transient": False, "autostart": False, "metadata": None, **options}
    guest.create(argparse.Namespace(name=name, **wanted), named(host))


def rows(name):
    """What every host's libvirt knows of the guest."""
    return [row for row in guest.listing() if row["name"] == name]


def where(name):
    """The hosts on which libvirt has the guest active."""
    return [row["host"] for row in rows(name) if row["id"] is not None]


def beats(name, newer_than=0.0):
    """True when the guest's last beat is of this time (seconds since 1970) or later."""
    return any(report.guest == name and report.last_beat_ms >= newer_than * 1000 for report in heartbeat.reports(int(time.time() - 60) * 1000))


def spoilt_by_emulation(since):
    """"pet hangs" or "pet rebooted": what happened to a guest that libvirt has running on one host; else nothing."""
    for name in {row["name"] for row in guest.listing()}:
        active = [row for row in rows(name) if row["id"] is not None]
        if len(active) == 1 and active[0]["state"] == "running" and not beats(name, time.time() - 5):
            return f"{name} hangs"
    for report in heartbeat.reports(int(since * 1000)):
        if any(move["restarted"] for move in report.handovers):
            return f"{report.guest} rebooted"
    return ""


def virsh(host, *words, timeout=30):
    """virsh in a host."""
    return named(host).virsh(*words, timeout=timeout)


def move_by_hand(name, source, target):
    """What an operator does behind Ballast's back."""
    virsh(source, "migrate", "--live", "--p2p", "--persistent", "--undefinesource", name, f"qemu+tcp://{target}/system", timeout=60)


def under_way(name, source):
    """True when memory of the guest travels."""
    text = named(source).virsh("domjobinfo", name, check=False)
    processed = re.search(r"Memory processed:\s+([\d.]+) (\S+)", text)
    return "Unbounded" in text and processed is not None and float(processed[1]) > 0 and processed[2] != "B"


class ClusterTest(unittest.TestCase):
    """One cluster and one daemon for all tests; each test says which guests it wants where, and heals what it broke."""

    ballast = None  # set by the runner
    began = 0.0

    def setUp(self):
        self.figures = []  # what was measured, for whoever reads the verdict
        self.began = time.time()
        self.ballast.stop()
        self.addCleanup(self.heal)

    # -- guests

    def guests(self, **wanted):
        """Guests by name: 'host2', or ('host2', CPU %). Those of earlier tests are used again when they are sound."""
        wanted = {name.replace("_", "-"): (where if isinstance(where, tuple) else (where, 0)) for name, where in wanted.items()}
        for name in {row["name"] for row in guest.listing()} - set(wanted):
            guest.destroy(name)
        with without_quotas():
            together(*[lambda name=name, host=host, cpu=cpu: self._provide(name, host, cpu) for name, (host, cpu) in wanted.items()])
        self.began = time.time()

    def _provide(self, name, host, cpu):
        known = rows(name)
        if len(known) == 1 and name in _plain and known[0]["state"] == "running" and beats(name, time.time() - 3):
            try:
                if known[0]["host"] != host:
                    move_by_hand(name, known[0]["host"], host)
                return self._steer(name, cpu, 10)
            except Problem:  # hangs after a migration of an earlier test
                known = rows(name)
        if known:
            guest.destroy(name)
        create(name, host, cpu=cpu)
        self._steer(name, cpu, 60)  # a guest that boots under a quota answers late

    def _steer(self, name, cpu, timeout):
        wait_until(f"{name} to answer", lambda: guest.change(name, cpu=cpu, dirty=0, working_set=16), timeout=timeout)
        now = time.time()
        wait_until(f"a beat of {name}", lambda: beats(name, now), timeout=timeout / 2)

    # -- the daemon

    def start(self, policy=OBSERVE, watched=None, **options):
        """A daemon without memory of earlier tests, with this policy, once it has seen all hosts."""
        self.ballast.configure(policy, **options)
        self.ballast.start(fresh=True)
        self.ballast.wait_watching(watched)

    def policy(self, text):
        """Changes the policy of the running daemon."""
        self.ballast.write_policy(text)
        self.ballast.ctl("reload")

    def migrate(self, vm, to):
        """Starts a migration; after each event a VM's definition is read again, which takes a moment."""
        wait_until(f"Ballast to know {vm}", lambda: self.ballast.vm(vm), lambda seen: seen and seen["facts_known"])
        return self.ballast.migrate(vm, to)

    def start_moving(self, vm, to, source):
        """Starts a migration and returns its id once memory travels."""
        identity = self.migrate(vm, to)
        wait_until(f"memory of {vm} to travel", lambda: under_way(vm, source), timeout=30, step=0.1)
        return identity

    def move(self, vm, to, timeout=90):
        """A migration that has to work."""
        ended = self.ballast.wait_for_end(self.migrate(vm, to), timeout)
        self.assertEqual((ended["state"], where(vm)), ("done", [to]), ended["message"])
        return ended

    # -- assertions

    def assert_runs_once(self, vm, host=None, timeout=45):
        """Active on one host (that one), beating there, and never on two since the test began."""
        def look():
            return [(row["host"], row["state"]) for row in rows(vm) if row["id"] is not None]
        wait_until(f"{vm} to run on {host or 'one host'}", look,
                   lambda seen: len(seen) == 1 and seen[0][1] == "running" and host in (None, seen[0][0]), timeout)
        self.assert_no_double_run()
        now = time.time()
        wait_until(f"a beat of {vm}", lambda: beats(vm, now), timeout=30)
        self.assert_no_double_run()

    def assert_no_double_run(self):
        """No guest beat on two hosts since the test began."""
        doubles = [f"{report.guest}: {line}" for report in heartbeat.reports(int(self.began * 1000)) for line in report.double_runs]
        if doubles:
            raise DoubleRun("; ".join(doubles))

    def assert_goes_on(self, vm, to):
        """Ballast still does its work: a migration succeeds."""
        def try_it():
            try:
                ended = self.ballast.wait_for_end(self.ballast.migrate(vm, to))
            except ballast.Refused as refusal:
                return {"state": "refused", "message": str(refusal)}
            return ended
        wait_until(f"{vm} to be moved to {to}", try_it, lambda ended: ended["state"] == "done", timeout=60, step=1)
        self.assert_runs_once(vm, to)
        self.assertTrue(self.ballast.is_active())

    def assert_stays_true(self, what, look, seconds):
        """The look is true now and whenever it is repeated within this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertTrue(look(), what)
            time.sleep(0.5)

    # -- healing

    def heal(self):
        """Takes back every fault, whatever the test left."""
        for host in all_hosts():
            host.boot()
        for host in hosts_on():
            if network.is_cut(host):
                network.join(host)
            for pid in host.libvirtd_pids():
                process.kill(pid, 18)  # SIGCONT
            cluster.kill_memhog(host)
            if host.settings()["link"]:
                host.change_settings(link=None)
                network.limit(host, None)
        for one in bmc.all_bmcs():
            one.heal()
        together(*[lambda host=host: wait_until(f"libvirtd on {host.name} to answer", lambda: self._is_up(host), timeout=90) for host in all_hosts()])

    @staticmethod
    def _is_up(host):
        """A BMC that takes its time may switch a host off that was just switched on."""
        host.boot()
        return host.answers()


class PowerTest(ClusterTest):
    """host1 runs the daemon and the broker."""

    def setUp(self):
        super().setUp()
        self.ballast.start_broker()
        self.addCleanup(self.ballast.stop_broker)

    def start(self, policy=OBSERVE, watched=None, **options):
        super().start(policy, watched, **options)
        wait_until("the broker's hosts to be known", lambda: self.ballast.power("host3")["switchable"], timeout=60)

    def is_off(self, host):
        return named(host).leader() is None

    def state(self, host):
        return self.ballast.power(host)["state"]

    def fault(self, host, **faults):
        next(one for one in bmc.all_bmcs() if one.host.name == host).break_it({name.replace("_", "-"): value for name, value in faults.items()})

    def assert_on(self, host, timeout=120):
        wait_until(f"{host} to be on again", lambda: self.state(host) == "on" and not self.is_off(host), timeout=timeout)
        self.ballast.wait_watching([host])


def link(host, rate):
    """Limits a host's link, in bit/s; None: no limit."""
    one = named(host)
    one.change_settings(link=rate)
    network.limit(one, rate)


def in_background(call):
    """Runs the call beside the test; its result() waits for it and has its error."""
    pool = ThreadPoolExecutor(max_workers=1)
    running = pool.submit(call)
    pool.shutdown(wait=False)
    return running
