"""Benches on the real testbed of what saves services and energy: a dead host's guests, a failing host's, hosts that are
switched off and woken. Each leaves the cluster down. They share their ways with the tests (tests/testbed/support.py)."""

import os
import random
import sys
import time

from sampling_bench import row

SOURCE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests", "testbed"))
import support  # noqa: E402
from support import PowerTest, cluster, guest, named, network, wait_until, where  # noqa: E402

RUNS = 3
CUTS = 100
# All but what is measured is off; failover has its shipped settings.
ACTS = support.OBSERVE.replace("mode: observe", "mode: automatic") + "overload: {enabled: false}\nbalance: {enabled: false}\n"


class Bench(PowerTest):
    """A cluster with a daemon and a broker on host1."""

    def runTest(self):
        """Never called: the benches drive it."""

    def __init__(self, build, hosts=3):
        super().__init__()
        cluster.down()
        cluster.up(hosts, {}, None)
        PowerTest.ballast = support.ballast.Ballast(build)
        self.ballast.install()
        self.ballast.start_broker()

    def watch(self, policy=ACTS, **options):
        """A daemon that knows its guests."""
        self.start(policy, **options)
        for listed in self.ballast.ctl("vms")["vms"]:
            wait_until(f"the definition of {listed['name']} to be kept", lambda name=listed["name"]: self.ballast.vm(name)["facts_known"])
        time.sleep(1)


def failover(build):
    """From a host's power cut to its guests running elsewhere; and short cuts of the network, which must fence nobody."""
    bench = Bench(build)
    took = []
    for _ in range(RUNS):
        bench.ballast.stop()
        bench.guests(pet="host2", web="host2")
        bench.watch()
        cut = time.monotonic()
        named("host2").kill()
        wait_until("both to run elsewhere", lambda: all(host != "host2" for vm in ("pet", "web") for host in where(vm) or ["host2"]),
                   timeout=120, step=0.1)
        took.append(time.monotonic() - cut)
        bench.assert_on("host2")
    rows = [row(f"2 guests, default settings, worst of {RUNS}", "host's power cut to its guests running elsewhere", round(max(took), 1), "s",
                None, "<= 30", max(took) <= 30)]
    bench.ballast.stop()
    bench.guests(pet="host2", web="host3")
    bench.watch()
    before = {host: named(host).boot_id() for host in ("host2", "host3")}
    dice = random.Random(1)
    for _ in range(CUTS):
        host = named(dice.choice(("host2", "host3")))
        network.cut(host)
        time.sleep(dice.uniform(0, 8))
        network.join(host)
        time.sleep(dice.uniform(0.5, 2))
    time.sleep(15)
    rebooted = sum(named(host).boot_id() != boot for host, boot in before.items())
    fenced = rebooted + sum(bench.state(host) != "on" for host in before)
    cluster.down()
    return rows + [row(f"{CUTS} random cuts of 0-8 s", "hosts fenced for nothing", fenced, "", None, "= 0", fenced == 0)]


def degraded(build):
    """From a check's verdict to the first migration."""
    interval = 2.0
    bench = Bench(build)
    path = named("host1").path("/etc/unwell")
    health = "{probe: [], interval: %gs, clear_after: 2, checks: [{name: touched, command: [/bin/sh, -c, " \
             "'if [ \"$0\" = host2 ] && [ -e /etc/unwell ]; then exit 1; fi', \"{host}\"]}]}" % interval
    took = []
    for attempt in range(RUNS):
        bench.ballast.stop()
        bench.guests(pet="host2", web="host2")
        bench.watch(ACTS + "health: {check: evacuate}\n", health=health)
        time.sleep(0.7 * attempt)  # another phase of the cadence each time
        began = time.monotonic()
        with open(path, "w", encoding="utf-8"):
            pass
        wait_until("the first migration", bench.ballast.operations, timeout=30, step=0.05)
        took.append(time.monotonic() - began)
        wait_until("host2 to be empty", lambda: not any("host2" in where(vm) for vm in ("pet", "web")), timeout=120)
        os.unlink(path)
    cluster.down()
    return [row(f"{interval:g} s interval, worst of {RUNS}", "degraded signal to first migration", round(max(took), 2), "s", None,
                f"<= {interval + 1:g}", max(took) <= interval + 1)]


def night(build):
    """A quiet cluster of four hosts ends on the fewest that the reserve allows; what a wake costs beyond the boot."""
    bench = Bench(build, 4)
    bench.guests(pet="host2", web="host3", db="host4")
    bench.watch(ACTS + "admission: {host_failures: 1}\n"
                "consolidation: {enabled: true, watch: 0s, min_hosts_on: 1, min_time_on: 0s, min_time_off: 0s}\n")
    on = lambda: sum(not bench.is_off(f"host{i}") for i in range(1, 5))  # noqa: E731
    wait_until("two hosts to be off", on, lambda hosts: hosts <= 2, timeout=600, step=2)
    time.sleep(60)
    left = on()
    for vm in ("pet", "web", "db"):
        bench.assert_runs_once(vm)
    bench.policy(ACTS)  # nothing is switched by itself any more
    late = []
    for host in [f"host{i}" for i in range(2, 5) if bench.is_off(f"host{i}")]:
        wait_until(f"{host} to be at rest", lambda host=host: bench.state(host) == "off", timeout=240)
        began = time.monotonic()
        named(host).boot()
        named(host).wait(120)
        boot = time.monotonic() - began
        bench.assert_on(host)
        bench.ballast.ctl("power", "off", host, "--force", "--wait", timeout=240)
        began = time.monotonic()
        bench.ballast.ctl("power", "on", host, "--wait", timeout=240)
        bench.ballast.wait_watching([host])
        late.append(time.monotonic() - began - boot)
    cluster.down()
    return [row("4 hosts, 3 idle guests, loss of one host kept for", "hosts on in the end", left, "", None, "= 2", left == 2),
            row(f"worst of {len(late)} wakes", "wake until usable, less the host's own boot", round(max(late, default=99), 1), "s", None, "<= 5",
                bool(late) and max(late) <= 5)]


ALL = {"failover": failover, "degraded": degraded, "night": night}
