"""Benches on the real testbed: the daemon at rest, how fast it notices, what a migration through it costs, and how fast
a host is emptied. Each leaves the cluster down."""

import os
import statistics
import time

import cluster
import guest
import network
from ballast import Ballast, wait_until
from base import Problem
from host import all_hosts, named
from sampling_bench import cpu_of, row

QUIET = """mode: automatic
overload: {enabled: false}
reserve: {cpu: 0%, memory: 0%, memory_min: 0B}
cooldown: {vm: 0s, after_failure: 0s, by_hand: 0s}
"""
RUNS = 10
REST_S = 60


def cluster_of(number, **settings):
    """A fresh cluster."""
    cluster.down()
    cluster.up(number, settings, False)


def create(name, host, cpu=0, dirty=0):
    """A small guest."""
    import argparse
    guest.create(argparse.Namespace(name=name, memory=96 << 20, vcpus=1, cpu=cpu, dirty=dirty, working_set=16, disk="none",
                                    network="none", transient=False, autostart=False, metadata=None), named(host))


def daemon(build, policy, **options):
    """A fresh ballastd in host1."""
    ballast = Ballast(build)
    ballast.install()
    ballast.configure(policy, **options)
    ballast.start(fresh=True)
    ballast.wait_watching()
    return ballast


def outer_pid(ballast):
    """The daemon's pid as this machine has it."""
    inner = ballast.main_pid()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                text = status.read()
        except OSError:
            continue
        if text.startswith("Name:\tballastd") and f"NSpid:\t{pid}\t{inner}\n" in text:
            return int(pid)
    raise Problem("ballastd is not running")


def rest(build):
    """30 guests on 3 hosts, nothing to do, 10 s interval."""
    cluster_of(3, cpu=0.6, memory=4 << 30)
    for i in range(30):
        create(f"r{i:02}", f"host{i % 3 + 1}")
    ballast = daemon(build, QUIET, interval="10s", stale_after="30s", call_deadline="10s", log_level="info")
    wait_until("30 VMs", lambda: len(ballast.ctl("vms")["vms"]), lambda n: n == 30, 120)
    time.sleep(20)
    pid = outer_pid(ballast)
    before = cpu_of(pid)
    time.sleep(REST_S)
    share = (cpu_of(pid) - before) / REST_S * 100
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024
    cluster.down()
    case = "3 hosts, 30 VMs, 10 s"
    return [row(case, "CPU of one core", round(share, 3), "%", None, "< 0.5", share < 0.5),
            row(case, "resident memory", round(rss, 1), "MiB", None, "< 40", rss < 40)]


def detection(build):
    """From the load to the start of the first migration, less the persistence."""
    interval, persistence = 3, 9
    policy = f"""mode: automatic
overload:
  cpu: {{above: 70%, below: 60%, for: {persistence}s}}
  ready_time: {{above: 100%, below: 99%, for: 1h}}
reserve: {{cpu: 0%, memory: 0%, memory_min: 0B}}
"""
    cluster_of(3, cpu=0.6, memory=1 << 30)
    for name in ("d1", "d2"):
        create(name, "host2")
    late = []
    ballast = daemon(build, policy, interval=f"{interval}s", stale_after="12s")
    for attempt in range(3):
        ballast.stop()
        for name in ("d1", "d2"):
            guest.change(name, cpu=0)
        time.sleep(2 * interval + attempt)  # another phase of the cadence each time
        ballast.start(fresh=True)
        ballast.wait_watching()
        time.sleep(2 * interval)
        loaded = time.time()
        for name in ("d1", "d2"):
            guest.change(name, cpu=30)  # both are 100 % of the host, one is 50 %
        first = wait_until("a migration", lambda: [o for o in ballast.operations() if o["started_at"]], timeout=90, step=0.1)[0]
        late.append(time.time() - first["elapsed_ms"] / 1000 - loaded - persistence)
        wait_until("its end", lambda: not ballast.ctl("history")["active"], timeout=90)
        for name in ("d1", "d2"):
            if guest.running_on(name).name != "host2":
                ballast.ctl("pause")
                identity = ballast.migrate(name, "host2", "--force")
                ballast.wait_for_end(identity)
    cluster.down()
    return [row(f"{interval} s interval, {len(late)} runs", "worst start beyond the persistence", round(max(late), 2), "s", None,
                f"<= {interval + 1}", max(late) <= interval + 1)]


def migration(build):
    """The same guest to and fro, by turns through Ballast and by virsh."""
    cluster_of(2, cpu=1.0, memory=1 << 30)
    create("m1", "host1")
    ballast = daemon(build, QUIET, interval="10s", stale_after="30s")
    places = ["host2", "host1"]
    times = {"ballast": [], "virsh": []}
    for i in range(2 * RUNS):
        target, source = places[i % 2], places[(i + 1) % 2]
        # Both go equally often in both directions.
        way = ("ballast", "virsh")[(i // 2) % 2]
        began = time.monotonic()
        if way == "ballast":
            status, out, err = ballast.call("migrate", "m1", "--to", target, "--force", "--wait")
            if status:
                raise Problem(f"the migration failed: {out}{err}")
            times[way].append(time.monotonic() - began)
        else:
            named(source).virsh("migrate", "--live", "--p2p", "--persistent", "--undefinesource", "--auto-converge", "m1",
                                f"qemu+tcp://{named(target).ip}/system", timeout=60)
            times[way].append(time.monotonic() - began)
            wait_until("the sample that shows it", lambda t=target: ballast.vm("m1") and ballast.vm("m1")["host"] == t, timeout=40)
        time.sleep(0.5)
    cluster.down()
    mine, peer = statistics.median(times["ballast"]), statistics.median(times["virsh"])
    return [row(f"96 MiB guest, median of {RUNS}", "ballastctl migrate --wait; virsh migrate as peer", round(mine, 3), "s", round(peer, 3),
                "<= 1.10x", mine <= 1.10 * peer)]


def evacuation(build):
    """Eight guests off a host whose link carries 100 Mbit/s."""
    cluster_of(3, cpu=1.2, memory=3 << 30)
    names = [f"e{i}" for i in range(8)]
    for name in names:
        create(name, "host2")
    for host in all_hosts():
        network.limit(host, 100_000_000)
    began = time.monotonic()
    for name in names:
        named("host2").virsh("migrate", "--live", "--p2p", "--persistent", "--undefinesource", "--auto-converge", name,
                             f"qemu+tcp://{named('host3').ip}/system", timeout=300)
    one_by_one = time.monotonic() - began
    for name in names:
        named("host3").virsh("migrate", "--live", "--p2p", "--persistent", "--undefinesource", name,
                             f"qemu+tcp://{named('host2').ip}/system", timeout=300)
    ballast = daemon(build, QUIET, interval="3s", stale_after="12s")
    began = time.monotonic()
    ballast.ctl("maintenance", "enter", "host2")
    wait_until("host2 is empty", lambda: [name for name in names if guest.running_on(name).name == "host2"], lambda left: not left, 600, 0.2)
    mine = time.monotonic() - began
    sent = sum(o["outcome"]["transferred_bytes"] for o in ballast.operations() if o["outcome"] and o["outcome"].get("transferred_bytes"))
    wire = sent / (100e6 / 8)
    cluster.down()
    return [row("8 guests, 100 Mbit/s", "time to empty; virsh one by one as peer", round(mine, 1), "s", round(one_by_one, 1),
                ">= 1.5x faster, or <= 1.1x bytes/bandwidth", mine * 1.5 <= one_by_one or mine <= 1.1 * wire),
            row("8 guests, 100 Mbit/s", "share of bytes/bandwidth", round(mine / wire, 2), "x", None, "(see above)", True)]


ALL = {"rest": rest, "detection": detection, "migration": migration, "evacuation": evacuation}
