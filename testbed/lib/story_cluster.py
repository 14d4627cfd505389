"""The demo of a daemon on each host: who leads dies in the middle of a plan, a host falls silent, and the work goes on."""

import time

import base
import cluster
import etcd
import network
from ballast import FINAL, Ballast, Problem, wait_until
from heartbeat import reports
from host import all_hosts, named
from story import GUESTS, POLICY, Story

_TIME_TO_LIVE_S = 6
# One after the other, so that somebody can be killed in the middle of it.
_POLICY = POLICY + "limits: {outgoing_per_host: 1}\n"
# The shipped settings promise 30 s where the leader lives (docs/faults.md); before that another one has to lead.
_BOUND_S = 30 + _TIME_TO_LIVE_S
_UNITS = ("ballast-powerd", "ballastd")


class ClusterStory(Story):
    """One run of the demo with --cluster."""

    _members = {}

    def _acts(self):
        self._relieve()
        self._kill_the_leader_in_an_evacuation()
        self._sum_up()
        self._cut_off_the_leaders_host()

    def _install(self):
        say = self._screen.say
        etcd.start_fresh()
        say("etcd runs on each host: three members of one cluster, as operators have it already.")
        urls = ", ".join(f'"{url}"' for url in etcd.endpoints())
        self._members = {host.name: Ballast(self._build, host.name) for host in all_hosts()}
        for member in self._members.values():
            member.install()
            member.configure(_POLICY, log_level="info", store=f"{{kind: etcd, endpoints: [{urls}], call_timeout: 3s}}",
                             cluster=f"{{enabled: true, time_to_live: {_TIME_TO_LIVE_S}s}}")
            member.start_broker()
            member.stop()
            member.forget()
        for member in self._members.values():
            member.start()
            member.systemctl("enable", "--quiet", *_UNITS)
        self._ask(next(iter(self._members)))
        leader = self._leader()
        self._ballast.wait_watching()
        say(f"ballastd runs on each of them, with the same configuration. They have agreed that {leader}'s leads: it plans, and "
            "the others act on their own hosts. Any of them answers ballastctl.")

    # -- who leads

    def _ask(self, host):
        self._ballast = self._members[host]

    def _leader(self, than=""):
        def look():
            return self._ballast.ctl("cluster", "status", timeout=40)["leader"]
        return wait_until("a leader", look, lambda found: found not in (None, "", than), timeout=60)

    def _look(self, tell=True):
        look = super()._look
        return wait_until("an answer", lambda: look(tell), timeout=60)  # nobody answers until another one leads

    # -- the acts

    def _kill_the_leader_in_an_evacuation(self):
        say = self._screen.say
        self._screen.heading("The leader dies in the middle of a plan")
        before = self._leader()
        host = self._fullest_but(before)
        self._ask(next(name for name in self._members if name not in (before, host)))
        say(f"{host} is to be emptied; {before} leads. The operator, on {self._ballast.host.name}: ballastctl maintenance enter {host}")
        self._ballast.ctl("maintenance", "enter", host)
        def travels():
            return any(op["state"] == "running" and (op["elapsed_ms"] or 0) >= 400 for op in self._moves("maintenance"))
        wait_until("a guest to travel", travels, timeout=60, step=0.1)
        self._members[before].kill_for_good()
        start = time.monotonic()
        say(f"In the middle of that: kill -9 of the daemon on {before}.", "yellow")
        after = self._leader(than=before)
        self._members[before].start()
        say(f"{after} leads, after {time.monotonic() - start:.1f} s. What was under way is libvirt's, and went on; {after} knows of it by "
            "the journal that all of them share.")
        def empty(hosts):
            return hosts[host]["vms"] == 0 and not self._ballast.ctl("history")["active"]
        emptied = self._watch(f"{host} to be empty", empty, 180)[host]["vms"] == 0
        self._snapshot()
        moves = self._moves("maintenance")
        true = emptied and bool(moves) and all(op["state"] == "done" for op in moves)
        if true:
            say(f"{host} is empty: {len(moves)} of {len(moves)} moves are done, each once. The daemon of {before} was started again, and follows.", "green")
        self._verdicts.append((f"the leader ({before}) was killed in the middle of a plan, and {after} carried it out", true and after != before))
        self._ballast.ctl("maintenance", "leave", host)

    def _cut_off_the_leaders_host(self):
        say = self._screen.say
        self._screen.heading("A host is cut off from all others")
        before = self._leader()
        self._ask(next(name for name in self._members if name != before))
        self._fill(before)
        began = time.time()
        lost = self._guests_on(before)
        say(f"{before} leads, and runs {', '.join(lost)}. Its network cable is pulled: it lives on, alone, and its guests with it.", "yellow")
        with base.exclusive():
            network.cut(named(before))
        start = time.monotonic()
        after = self._leader(than=before)
        say(f"{after} leads, after {time.monotonic() - start:.1f} s. What {before} still would like to change, the store refuses: "
            "its term is over.")
        def elsewhere(_):
            return len([op for op in self._moves("host_loss") if op["state"] == "done"]) >= len(lost)
        self._watch(f"the guests of {before} to run elsewhere", elsewhere, 120)
        took = time.monotonic() - start
        self._snapshot()
        true = bool(lost) and elsewhere(None) and took <= _BOUND_S
        if true:
            say(f"{before} {self._ballast.power(before)['message']}. Only then its guests were started: they run elsewhere {took:.0f} s "
                "after the cable was pulled.", "green")
        self._verdicts.append((f"{before} was cut off, and {', '.join(lost)} ran elsewhere within {_BOUND_S} s", true))
        back = self._watch(f"{before} to be back", lambda hosts: hosts[before]["state"] == "ok" and hosts[before]["connection"] == "up", 150)
        follows = wait_until(f"the daemon of {before}", lambda: self._members[before].ctl("cluster", "status", timeout=40),
                             lambda status: status["leader"] not in ("", before), timeout=90)
        self._snapshot()
        say(f"Its BMC switched {before} on again. Its daemon has joined the others, and {follows['leader']} leads.", "green")
        once = not any(report.double_runs for report in reports(int(began * 1000)) if report.guest in GUESTS)
        self._verdicts.append((f"{before} came back as a follower, and no guest ran twice", once and back[before]["connection"] == "up"))

    def _fullest_but(self, leader):
        hosts = self._ballast.hosts()
        return max((name for name in hosts if name != leader), key=lambda name: (hosts[name]["vms"], name))

    def _guests_on(self, host):
        return sorted(vm["name"] for vm in self._ballast.ctl("vms")["vms"] if vm["host"] == host and vm["name"] in GUESTS)

    def _fill(self, host):
        """At least one guest on that host."""
        if not self._guests_on(host):
            self._ballast.wait_for_end(self._ballast.migrate("mail", host, "--force"))

    def _clean_up(self):
        for member in self._members.values():
            try:
                member.systemctl("disable", "--quiet", *_UNITS, check=False)
                if self._was_up and not self._keep:
                    member.stop()
            except Problem:  # its host is off
                pass
        if self._was_up and not self._keep:
            etcd.stop()
        super()._clean_up()
