"""What the demo shows, step by step, and whether it was true."""

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor

import ballast
import base
import cluster
import guest
import heartbeat
from ballast import FINAL, wait_until
from host import named
from show import bar, columns, milliseconds

# name: (host, CPU the guest wants in percent of one)
GUESTS = {"web1": ("host2", 22), "web2": ("host2", 22), "shop": ("host2", 16), "mail": ("host3", 4)}
POLICY = """# The demo's policy: as in production, only quicker.
mode: automatic
overload:
  max_moves_per_cycle: 2
  cpu: {above: 85%, below: 80%, for: 8s}
  # What waits for a CPU here waits for whatever else this machine does, too.
  ready_time: {above: 100%, below: 99%, for: 1h}
reserve: {cpu: 0%, memory: 5%, memory_min: 64MiB}
cooldown: {vm: 2min, after_failure: 10s, by_hand: 2min}
migration: {deadline_min: 1min}
"""
# Hours in which little is wanted: what a night's policy says, only quicker.
_NIGHT = POLICY.replace("cooldown: {vm: 2min,", "cooldown: {vm: 20s, no_return: 2min,") + """consolidation:
  {enabled: true, aggressiveness: 1, watch: 0s, min_hosts_on: 2, min_time_on: 3s, min_time_off: 75s, windows: WINDOWS}
"""
_NOW_OPEN, _NEVER_OPEN = "[]", '[{name: night, times: ["TODAY 00:00-00:01"]}]'
# The longest pause a guest may show: a TCP connection bridges it without its user's noticing more than a hiccup.
_BOUND_MS = 3000
_BEAT_MS = 100
# What Ballast promises with a BMC and its shipped settings (docs/faults.md).
_FAILOVER_BOUND_S = 30


class Story:
    """One run of the demo."""

    def __init__(self, screen, build, hosts, keep):
        self._screen = screen
        self._build = build
        self._hosts = hosts
        self._keep = keep
        self._began = time.time()
        self._told = {}   # operation -> the state that was told last
        self._verdicts = []  # (sentence, whether it is true)
        self._ballast = None
        self._was_up = base.is_up()

    def tell(self):
        """All of it; returns the exit status."""
        try:
            self._set_the_stage()
            self._acts()
            return self._verdict()
        finally:
            self._clean_up()

    def _acts(self):
        self._relieve()
        self._maintain()
        self._spend_a_night()
        self._sum_up()
        self._lose_a_host()

    # -- the stage

    def _set_the_stage(self):
        say = self._screen.say
        self._screen.heading("A cluster")
        start = time.monotonic()
        with base.exclusive():
            cluster.up(self._hosts, {}, None)
        if self._was_up:
            say("The cluster was up already; the demo uses it.")
        say(f"{self._hosts} hosts are up after {time.monotonic() - start:.0f} s, each with its own systemd, libvirtd, network and "
            f"{named('host1').settings()['cpu']:g} CPUs.")
        self._destroy_guests()
        self._create_guests()
        self._began = time.time()
        self._install()

    def _destroy_guests(self):
        for name in {row["name"] for row in guest.listing()} & set(GUESTS):
            guest.destroy(name)

    def _create_guests(self):
        others = len({row["name"] for row in guest.listing() if row["id"] is not None})
        def create(name):
            host, cpu = GUESTS[name]
            guest.create(argparse.Namespace(name=name, memory=96 << 20, vcpus=1, cpu=cpu, dirty=0, working_set=16, disk="none",
                                            network="default", transient=False, autostart=False, metadata=None), named(host))
            wait_until(f"the first beat of {name}", lambda: _last_beat(name) > self._began * 1000, timeout=90)
        with ThreadPoolExecutor(max_workers=len(GUESTS)) as pool:
            list(pool.map(create, GUESTS))
        wanted = ", ".join(f"{name} on {host} ({cpu} % of a CPU)" for name, (host, cpu) in GUESTS.items())
        self._screen.say(f"{len(GUESTS)} real QEMU guests run Linux and do work: {wanted}. Each beats ten times a second; the "
                         "beats will tell whether it ever stood still, or ran twice.")
        if others:
            self._screen.say(f"{others} more guests run on the cluster. They are not the demo's and may be moved, too.", "yellow")

    def _install(self):
        self._ballast = ballast.Ballast(self._build)
        self._ballast.install()
        self._ballast.configure(POLICY, log_level="info")
        self._ballast.start_broker()
        self._ballast.start(fresh=True)
        self._ballast.wait_watching()
        self._screen.say("ballastd runs on host1 as a systemd service, as an unprivileged user, and watches all hosts. Beside it "
                         "ballast-powerd alone knows the passwords of the hosts' BMCs.")

    # -- overload

    def _relieve(self):
        say = self._screen.say
        self._screen.heading("An overloaded host")
        say("host2 has three busy guests and not enough CPU for them. The policy: above 85 % for 8 s, a host is relieved.")
        hosts = self._watch("host2 to be overloaded", lambda hosts: hosts["host2"]["overloaded"] or self._moves("overload"), 60, False)
        if hosts["host2"]["overloaded"]:
            ratio = hosts["host2"]["cpu"]["demand_ratio"]
            say(f"host2 is overloaded: its guests want {100 * ratio:.0f} % of its CPUs. Ballast moves guests while they run.", "yellow")
        def relieved(hosts):
            moves = self._moves("overload")
            return moves and all(move["state"] in FINAL for move in moves) and not hosts["host2"]["overloaded"]
        hosts = self._watch("host2 to be relieved", relieved, 120)
        self._snapshot()
        ratio = hosts["host2"]["cpu"]["demand_ratio"]
        done = [move for move in self._moves("overload") if move["state"] == "done"]
        true = bool(done) and not hosts["host2"]["overloaded"]
        if true:
            say(f"host2 is relieved: its guests now want {100 * ratio:.0f} % of its CPUs.", "green")
        self._verdicts.append((f"the overloaded host was relieved by {_counted(len(done), 'live migration')}", true))

    def _moves(self, trigger):
        return [op for op in self._ballast.operations() if op["trigger"] == trigger]

    # -- maintenance

    def _maintain(self):
        say = self._screen.say
        self._screen.heading("Maintenance")
        host = self._host_to_empty()
        say(f"{host} needs new memory modules. The operator: ballastctl maintenance enter {host}")
        self._ballast.ctl("maintenance", "enter", host)
        def empty(hosts):
            return hosts[host]["vms"] == 0 and not self._ballast.ctl("history")["active"]
        emptied = self._watch(f"{host} to be empty", empty, 120)[host]["vms"] == 0
        self._snapshot()
        if emptied:
            say(f"{host} is empty. Nothing comes back to it, so it can be switched off: it is, now, for real.", "green")
            self._reboot(host)
        self._ballast.ctl("maintenance", "leave", host)
        back = self._watch(f"{host} to be back", lambda hosts: hosts[host]["connection"] == "up" and not hosts[host]["stale"]
                           and hosts[host]["state"] in ("ok", "hot", "overloaded"), 60)[host]
        self._snapshot()
        true = emptied and back["connection"] == "up" and not back["maintenance"]
        say(f"{host} is back: ballastctl maintenance leave {host}. It takes guests again when the others need room.", "green")
        self._verdicts.append((f"{host} was emptied for maintenance, power-cycled and brought back", true))

    def _host_to_empty(self):
        """The one with most guests; not host1, where the daemon runs."""
        hosts = self._ballast.hosts()
        return max((name for name in hosts if name != "host1"), key=lambda name: (hosts[name]["vms"], name))

    def _reboot(self, name):
        host = named(name)
        before = host.boot_id()
        with base.exclusive():
            host.off()
            self._screen.say(f"{name} is off. The guests run on, elsewhere.")
            self._watch(f"Ballast to miss {name}", lambda hosts: hosts[name]["connection"] == "down", 40)
            host.boot()
        host.wait()
        self._screen.say(f"{name} was switched on again (boot {before[:8]} became {host.boot_id()[:8]}).")

    # -- the night

    def _spend_a_night(self):
        say = self._screen.say
        self._screen.heading("A quiet night")
        say("Nobody wants anything any more, and the policy's window for quiet hours opens: VMs may be packed, hosts be off.")
        for name in GUESTS:
            guest.change(name, cpu=2, dirty=0, working_set=16)
        wait_until("the broker's hosts to be known", lambda: self._ballast.power("host2")["switchable"], timeout=60)
        self._ballast.write_policy(_NIGHT.replace("WINDOWS", _NOW_OPEN))
        self._ballast.ctl("reload")
        # When it packs them and opens a host again, they may go back only after no_return.
        self._watch("a host to be off", lambda _: self._off(), 300)
        self._snapshot()
        off = self._off()
        if not off:
            self._verdicts.append(("a host was switched off while little was wanted", False))
            return
        drilled = self._ballast.power(off)
        say(f"{off} is off for real. First Ballast proved that it comes back, by its BMC: off and on again in a drill, up in "
            f"{milliseconds(drilled['boot_ms'])}.", "green")
        say("Ballast reads from the BMCs what the hosts draw, once a minute.")
        saved = self._watch_energy(off)
        self._wake(off, drilled, saved)

    def _off(self):
        """The host that is off, and was proven to come back."""
        return next((row["host"] for row in self._ballast.ctl("power", "list")["hosts"] if row["state"] == "off" and row["proven"]), None)

    def _watch_energy(self, off):
        def account():
            return next((host for host in self._ballast.ctl("energy")["hosts"] if host["host"] == off), {"saved_kwh": 0})
        self._watch("energy to be saved", lambda _: account()["saved_kwh"] > 0, 150)
        seen = account()
        if seen["saved_kwh"] > 0:
            self._screen.say(f"{off} draws {seen['watts']:.0f} W now and {seen['idle_watts']:.0f} W when it idles: "
                             f"{1000 * seen['saved_kwh']:.2f} Wh saved so far, {seen['idle_watts'] - seen['watts']:.0f} Wh every hour.", "green")
        return seen["saved_kwh"] > 0

    def _wake(self, off, drilled, saved):
        say = self._screen.say
        day = time.strftime("%a", time.gmtime(time.time() + 3 * 86400)).lower()
        say("The window closes.")
        start = time.monotonic()
        self._ballast.write_policy(_NIGHT.replace("WINDOWS", _NEVER_OPEN.replace("TODAY", day)))
        self._ballast.ctl("reload")
        woken = self._watch(f"{off} to be back", lambda hosts: hosts[off]["state"] == "ok" and hosts[off]["connection"] == "up", 120)[off]
        took = time.monotonic() - start
        self._snapshot()
        back = woken["connection"] == "up" and named(off).leader() is not None
        if back:
            say(f"{off} was woken and takes guests again, {took:.0f} s after the window closed: once off, a host stays so for 75 s "
                f"here. Its boot takes {milliseconds(drilled['boot_ms'])}.", "green")
        self._verdicts.append((f"in a quiet hour {off} was emptied and switched off, after a drill, and woken when it was over", back))
        self._verdicts.append((f"while {off} was off it saved energy, by its BMC's readings", saved))

    # -- a fault

    def _lose_a_host(self):
        say = self._screen.say
        self._screen.heading("A host dies")
        self._ballast.write_policy(POLICY)
        self._ballast.ctl("reload")
        host = self._host_to_empty()
        if self._ballast.hosts()[host]["vms"] == 0:
            self._ballast.wait_for_end(self._ballast.migrate("web1", host, "--force"))
        lost = sorted(row["name"] for row in guest.listing() if row["host"] == host and row["id"] is not None and row["name"] in GUESTS)
        say(f"The power of {host} is cut, with {', '.join(lost)} on it. Nobody says so to Ballast: it hears nothing any more, neither "
            "from its libvirt nor from its kernel.")
        began, start = time.time(), time.monotonic()
        with base.exclusive():
            named(host).kill()
        def elsewhere(_):
            return len([op for op in self._moves("host_loss") if op["state"] == "done"]) >= len(lost)
        self._watch(f"the guests of {host} to run elsewhere", elsewhere, 90)
        took = time.monotonic() - start
        self._snapshot()
        fenced = self._ballast.power(host)
        true = bool(lost) and elsewhere(None) and took <= _FAILOVER_BOUND_S
        if true:
            say(f"{host} {fenced['message']}. Only then its guests were started: they run elsewhere {took:.0f} s after the power "
                "was cut.", "green")
        self._verdicts.append((f"the power of {host} was cut, and {', '.join(lost)} ran elsewhere within {_FAILOVER_BOUND_S} s", true))
        self._take_it_back(host, lost, began)

    def _take_it_back(self, host, lost, began):
        back = self._watch(f"{host} to be back", lambda hosts: hosts[host]["state"] == "ok" and hosts[host]["connection"] == "up", 120)[host]
        self._snapshot()
        rows = [row for row in guest.listing() if row["name"] in lost]
        clean = back["state"] == "ok" and len(rows) == len(lost) and all(row["host"] != host for row in rows)
        once = not any(report.double_runs for report in heartbeat.reports(int(began * 1000)) if report.guest in GUESTS)
        if clean:
            self._screen.say(f"Its BMC switched {host} on again. Before it was used, the old definitions of its guests were removed.", "green")
        self._verdicts.append((f"{host} came back without them, and no guest ran twice", clean and once))

    # -- watching

    def _watch(self, what, wanted, timeout, tell=True):
        """Draws the table until the hosts are as wanted, telling of each operation meanwhile. Returns the hosts."""
        deadline = time.monotonic() + timeout
        while True:
            hosts = self._look(tell)
            if wanted(hosts):
                return hosts
            if time.monotonic() > deadline:
                self._screen.say(f"Waited {timeout} s for {what}; it did not happen.", "red")
                return hosts
            time.sleep(0.5)

    def _look(self, tell=True):
        hosts = self._ballast.hosts()
        guests = self._ballast.ctl("vms")["vms"]
        for operation in self._ballast.operations() if tell else []:
            self._tell_of(operation)
        self._screen.table(self._table(hosts, guests))
        return hosts

    def _snapshot(self):
        self._look()
        self._screen.keep_table()

    def _table(self, hosts, guests):
        rows = []
        for name, host in sorted(hosts.items()):
            here = sorted((vm["name"] + ("*" if vm["operation"] else "") for vm in guests if vm["host"] == name and vm["state"] == "running"))
            state = "maintenance" if host["maintenance"] else host["state"]
            colour = {"ok": "green", "overloaded": "red", "down": "red", "fencing": "red", "lost": "red"}.get(state, "yellow")
            known = host["connection"] == "up" and not host["stale"]
            memory = host["memory"]["demand_ratio"]
            ready = host["cpu"]["ready_ratio"]
            rows.append([name, self._screen.paint(state, colour), bar(self._screen, host["cpu"]["demand_ratio"] if known else None),
                         f"{100 * ready:.0f} %" if known and ready is not None else "?",
                         f"{100 * memory:.0f} %" if known and memory is not None else "?", ", ".join(here) or "-"])
        return [""] + columns(["Host", "State", "CPU its guests want", "Waiting", "Memory", "Guests (* on the way)"], rows) + [""]

    def _tell_of(self, op):
        before = self._told.get(op["id"])
        if before == op["state"]:
            return
        self._told[op["id"]] = op["state"]
        if op["trigger"] == "host_loss":
            self._tell_of_start(op, before)
            return
        if before is None:
            predicted = op["prediction"]
            self._screen.say(f"{op['vm_name']}: {op['from']} -> {op['to']}. Why: {op['reason']}. Predicted: "
                             f"{milliseconds(predicted['duration_ms'])}, pause {milliseconds(predicted['downtime_ms'])}.", "blue")
        if op["state"] == "done":
            took = op["outcome"]
            self._screen.say(f"{op['vm_name']} runs on {op['to']}, after {milliseconds(took['duration_ms'])}; it paused for "
                             f"{milliseconds(took['downtime_ms'])}.")
        elif op["state"] in FINAL:
            self._screen.say(f"{op['vm_name']}: {op['state'].replace('_', ' ')}: {op['message']}", "yellow")

    def _tell_of_start(self, op, before):
        if before is None:
            self._screen.say(f"{op['vm_name']}: {op['reason']}.", "blue")
        if op["state"] == "done":
            self._screen.say(f"{op['vm_name']} was started on {op['to']}, in {milliseconds(op['outcome']['duration_ms'])}.")
        elif op["state"] in FINAL:
            self._screen.say(f"{op['vm_name']}: {op['state'].replace('_', ' ')}: {op['message']}", "yellow")

    # -- the end

    def _sum_up(self):
        self._screen.heading("What was done, and what the guests noticed")
        operations = [op for op in self._ballast.operations() if op["state"] in FINAL]
        rows = []
        for op in operations:
            took = op["outcome"] or {"duration_ms": None, "downtime_ms": None}
            expected = op["prediction"]
            rows.append([op["vm_name"], f"{op['from']} -> {op['to']}", op["trigger"], op["state"].replace("_", " "),
                         milliseconds(expected["duration_ms"]), milliseconds(took["duration_ms"]),
                         milliseconds(expected["downtime_ms"]), milliseconds(took["downtime_ms"])])
        self._screen.lines(columns(["Guest", "Move", "Because of", "Result", "Predicted", "Took", "Pause predicted", "Measured"], rows))
        self._verdicts.append((f"{_counted(len(operations), 'move')}, all done as planned",
                               bool(operations) and all(op["state"] == "done" for op in operations)))
        self._sum_up_guests()

    def _sum_up_guests(self):
        reports = {report.guest: report for report in heartbeat.reports(int(self._began * 1000)) if report.guest in GUESTS}
        where = {name: [row["host"] for row in guest.listing() if row["name"] == name and row["id"] is not None] for name in GUESTS}
        rows, whole, once = [], True, True
        for name in GUESTS:
            report = reports.get(name)
            if report is None:
                rows.append([name, "-", "-", "-", "no beats", "-"])
                whole = False
                continue
            path = [step["from"] for step in report.handovers[:1]] + [step["to"] for step in report.handovers] or [report.last_host]
            fine = report.longest_gap_ms <= _BOUND_MS and report.boots == 1
            mark = self._screen.paint("fine", "green") if fine else self._screen.paint("TOO LONG" if report.boots == 1 else "RESTARTED", "red")
            rows.append([name, " > ".join(path), sum(count for _, _, count in report.hosts.values()),
                         milliseconds(report.longest_gap_ms - _BEAT_MS if report.longest_gap_ms > _BEAT_MS else 0),
                         milliseconds(_BOUND_MS), mark])
            whole = whole and fine
            once = once and not report.double_runs and len(where[name]) == 1
        self._screen.lines([""] + columns(["Guest", "Ran on", "Heartbeats", "Longest pause", "Bound", ""], rows))
        self._verdicts.append((f"no guest stood still for longer than {milliseconds(_BOUND_MS)} or restarted", whole))
        self._verdicts.append(("every guest ran on exactly one host at any time", once))

    def _verdict(self):
        self._screen.lines([""])
        for sentence, true in self._verdicts:
            mark = self._screen.paint("yes", "green") if true else self._screen.paint("NO ", "red")
            self._screen.lines([f"  {mark}  {sentence}"])
        good = all(true for _, true in self._verdicts)
        last = "All of it is true." if good else "NOT ALL OF IT IS TRUE. The daemon's journal: testbed/testbed exec host1 journalctl -u ballastd"
        self._screen.lines(["", self._screen.paint(last, "green" if good else "red")])
        return 0 if good else 1

    def _clean_up(self):
        if self._keep:
            self._say_how_to_play_on()
            return
        if not self._was_up:
            with base.exclusive():
                cluster.down()
        elif base.is_up():
            if self._ballast:
                self._ballast.stop()
            self._destroy_guests()

    def _say_how_to_play_on(self):
        tool = os.path.relpath(os.path.join(ballast.SOURCE, "testbed", "testbed"))
        run = f"{tool} exec host1 ballastctl"
        self._screen.lines(["", "The cluster stays up. To play on:", f"  {run} status", f"  {run} explain vm web1",
                            f"  {run} migrate web1 --to host1 --wait", f"  {run} maintenance enter host2 --wait",
                            f"  {tool} guest set mail --cpu 60      and see what happens:  {run} history",
                            f"  {tool} kill host3                   then:  {tool} on host3",
                            f"To stop: {tool} down"])


def _last_beat(name):
    return max((report.last_beat_ms for report in heartbeat.reports(int(time.time() - 60) * 1000) if report.guest == name), default=0)


def _counted(number, noun):
    return f"{number} {noun}" + ("" if number == 1 else "s")
