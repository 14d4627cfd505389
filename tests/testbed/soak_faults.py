"""The soak of one daemon: its faults, and what has to be true after each."""

import signal
import time

import support
from support import Problem, PowerTest, ballast, bmc, create, guest, named, network, process, rows, wait_until, where

POLICY = support.OBSERVE.replace("mode: observe", "mode: automatic") + """overload: {enabled: false}
balance: {enabled: false}
maintenance: {return_home: true}
"""
# Longer than any of them takes: what has not come back by then hangs.
RECOVERY_S = 240


def stand_still(pids, seconds):
    """The processes do nothing for so long, and then go on."""
    for pid in pids:
        process.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        process.kill(pid, signal.SIGCONT)


class Soak(PowerTest):
    """One cluster, one daemon on host1, one fault after the other."""

    homes = {"pet": "host2", "web": "host2", "db": "host3", "app": "host3"}
    mortal = ("host2", "host3")  # the hosts that faults are about
    policy_text = POLICY
    to_come = ()
    current = ""  # the fault of this round, in words

    def runTest(self):
        """Never called: main() drives it."""

    def begin(self):
        self.ballast.start_broker()
        self.guests(**self.homes)
        self.load()
        self.start(self.policy_text)
        for name in self.homes:
            wait_until(f"the definition of {name} to be kept", lambda name=name: self.ballast.vm(name)["facts_known"])
        time.sleep(1)

    def load(self):
        """What makes memory dirty while it travels."""
        for name in ("web", "app"):
            guest.change(name, dirty=2)

    def finish(self):
        """Leaves nothing that another test would not expect."""

    # -- faults: each says in words what it does, and returns the hosts that may be cut off for it

    def power_cut(self, dice):
        """loses its power"""
        host = dice.choice(self.mortal)
        named(host).kill()
        return host, {host}

    def short_silence(self, dice):
        """is cut off the network for less than 8 s"""
        host, length = dice.choice(self.mortal), dice.uniform(0, 8)
        network.cut(named(host))
        time.sleep(length)
        network.join(named(host))
        return f"{host} for {length:.1f} s", set()

    def long_silence(self, dice):
        """is cut off the network for long"""
        host = dice.choice(self.mortal)
        network.cut(named(host))
        time.sleep(20)
        return host, {host}

    def libvirtd_killed(self, dice):
        """has its libvirtd killed"""
        host = dice.choice(self.mortal)
        for pid in named(host).libvirtd_pids():
            process.kill(pid, signal.SIGKILL)
        return host, set()

    def libvirtd_hangs(self, dice):
        """has its libvirtd stopped for a while"""
        host, length = dice.choice(self.mortal), dice.uniform(1, 20)
        stand_still(named(host).libvirtd_pids(), length)
        return f"{host} for {length:.1f} s", set()

    def daemon_killed(self, dice):
        """the daemon is killed"""
        self.ballast.kill()
        return "host1", set()

    def daemon_killed_after_a_death(self, dice):
        """loses its power, and the daemon is killed while it sees to that"""
        host = dice.choice(self.mortal)
        named(host).kill()
        time.sleep(dice.uniform(0, 20))
        self.ballast.kill()
        return host, {host}

    def dead_without_bmc(self, dice):
        """loses its power with a BMC that does not answer for a while"""
        host = dice.choice(self.mortal)
        one = next(one for one in bmc.all_bmcs() if one.host.name == host)
        one.kill()
        named(host).kill()
        time.sleep(dice.uniform(15, 40))
        one.start()
        return host, {host}

    def lying_bmc(self, dice):
        """is silent, with a BMC that fails and ignores its first orders"""
        host = dice.choice(self.mortal)
        self.fault(host, fail_off=1, ignore_off=1)
        named(host).kill()
        return host, {host}

    def status_that_flaps(self, dice):
        """is cut off, with a BMC that ignores its first order and then says once that the host is off"""
        host = dice.choice(self.mortal)
        self.fault(host, ignore_off=1, lie=1)
        network.cut(named(host))
        time.sleep(20)
        return host, {host}

    def slow_bmc(self, dice):
        """loses its power, with a BMC that takes its time"""
        host = dice.choice(self.mortal)
        self.fault(host, slow=dice.randint(2, 6))
        named(host).kill()
        time.sleep(20)
        return host, {host}

    def storm(self, dice):
        """both are cut off for long, and nobody may be cut off for it"""
        for host in self.mortal:
            network.cut(named(host))
        wait_until("the fencing to be frozen", lambda: any("none is cut off" in text for text in self.ballast.ctl("status")["problems"]))
        time.sleep(dice.uniform(0, 20))
        for host in self.mortal:
            network.join(named(host))
        return "host2 and host3", set()

    def wake_that_fails(self, dice):
        """is off, and its BMC ignores the first order to switch it on"""
        host = dice.choice(self.mortal)
        self.switch_off(host)
        self.fault(host, ignore_on=1)
        self.order("power", "on", host)
        return host, {host}

    def daemon_killed_while_power_goes(self, dice):
        """is switched off and on, and the daemon is killed meanwhile"""
        host = dice.choice(self.mortal)
        self.empty(host)
        self.order("power", "off", host, "--force")
        time.sleep(dice.uniform(0, 4))
        self.ballast.kill()
        wait_until("the daemon", self.ballast.is_active, timeout=120)
        wait_until(f"{host} to be off", lambda: self.state(host) == "off", timeout=120)
        self.order("maintenance", "leave", host)
        self.order("power", "on", host)
        time.sleep(dice.uniform(0, 4))
        self.ballast.kill()
        return host, {host}

    def order(self, *words, timeout=60):
        """What an operator wants done, who asks again when nobody leads just then, or when the answer was lost."""
        def ask():
            try:
                self.ballast.ctl(*words, timeout=timeout)
            except ballast.Refused as refusal:
                if "already" not in str(refusal):
                    raise
            return True
        wait_until(f"ballastctl {' '.join(words)}", ask)

    def empty(self, host):
        self.order("maintenance", "enter", host)
        wait_until(f"{host} to be empty", lambda: not any(host in where(name) for name in self.homes), timeout=120)

    def switch_off(self, host):
        self.empty(host)
        self.order("power", "off", host, "--force", "--wait", timeout=120)
        wait_until(f"{host} to be off", lambda: self.state(host) == "off", timeout=120)
        self.order("maintenance", "leave", host)

    def target_dies_in_an_evacuation(self, dice):
        """loses its power while the other one is emptied"""
        host, other = dice.sample(self.mortal, 2)
        self.order("maintenance", "enter", other)
        time.sleep(dice.uniform(0, 5))
        named(host).kill()
        time.sleep(dice.uniform(5, 20))
        return host, {host}

    def source_dies_in_an_evacuation(self, dice):
        """loses its power while it is emptied"""
        host = dice.choice(self.mortal)
        self.order("maintenance", "enter", host)
        time.sleep(dice.uniform(0, 5))
        named(host).kill()
        self.order("maintenance", "leave", host)
        return host, {host}

    def one_is_off(self, dice):
        """dies while the other one is switched off"""
        host, off = dice.sample(self.mortal, 2)
        self.switch_off(off)
        named(host).kill()
        return f"{host}, with {off} off", {host, off}

    def two_die(self, dice):
        """both lose their power"""
        for host in dice.sample(self.mortal, 2):
            named(host).kill()
            time.sleep(dice.uniform(0, 3))
        return "host2 and host3", set(self.mortal)

    def everything_loses_power(self, dice):
        """the whole cluster loses its power, the daemon's host as well"""
        for host in ("host1", *self.mortal):
            named(host).kill()
        time.sleep(1)
        for host in dice.sample(("host1", *self.mortal), 3):
            named(host).boot()
        return "all", set(self.mortal)

    FAULTS = (power_cut, short_silence, short_silence, long_silence, libvirtd_killed, libvirtd_hangs, daemon_killed,
              daemon_killed_after_a_death, dead_without_bmc, lying_bmc, status_that_flaps, slow_bmc, storm, wake_that_fails,
              daemon_killed_while_power_goes, target_dies_in_an_evacuation, source_dies_in_an_evacuation, one_is_off,
              two_die, everything_loses_power)

    # -- and what has to be true when it is over

    def heal(self):
        super().heal()
        for unit in ("ballast-powerd", "ballastd"):  # the tests' hosts do not start them at their boot
            self.ballast.systemctl("start", unit)
        wait_until("the daemon", self.ballast.is_active, timeout=120)
        self.open_hosts()

    def open_hosts(self):
        for host, row in wait_until("an answer", self.ballast.hosts).items():
            if row["maintenance"]:
                self.order("maintenance", "leave", host)

    def release(self):
        """What an operator does who has looked: nothing of it is an error."""
        for row in self.ballast.ctl("power", "list")["hosts"]:
            if row["quarantined"] and row["state"] in ("on", "off", "lost"):
                self.order("power", "release", row["host"])
            if row["state"] == "off":
                self.order("power", "on", row["host"])

    def is_well(self):
        self.release()
        hosts = self.ballast.hosts()
        states = {host: row["power"] for host, row in hosts.items()}
        active = self.ballast.ctl("history")["active"]
        return (set(states.values()) == {"on"} and all(row["connection"] == "up" for row in hosts.values()) and not active
                and all(len(where(name)) == 1 for name in self.homes))

    def recover(self):
        wait_until("all hosts to be on, all guests to run once, and nothing under way", self.is_well, timeout=RECOVERY_S, step=1)
        self.assert_no_double_run()
        spoilt = self.mend_spoilt()
        for name in self.homes:
            self.assert_runs_once(name)
        return spoilt

    def mend_spoilt(self):
        """Guests that hang as only the emulation makes them, made anew; never one that ran twice."""
        spoilt = 0
        for name in self.homes:
            now = time.time()
            try:
                wait_until(f"a beat of {name}", lambda name=name, now=now: support.beats(name, now), timeout=20)
            except Problem:
                if support.kvm.usable() or not rows(name):
                    raise
                home = where(name)[0]
                guest.destroy(name)
                create(name, home)
                wait_until(f"a beat of {name}", lambda name=name, now=now: support.beats(name, now), timeout=60)
                spoilt += 1
        return spoilt

    def round(self, dice):
        """One fault and its end; what it was, how long it took, and how many guests the emulation spoilt."""
        self.began = time.time()
        self.to_come = self.to_come or dice.sample(self.FAULTS, len(self.FAULTS))  # each once before any comes again
        fault = self.to_come.pop()
        self.current = fault.__doc__
        boots = {host: named(host).boot_id() for host in self.mortal}
        start = time.monotonic()
        what, may_be_cut = fault(self, dice)
        time.sleep(dice.uniform(0, 3))
        if dice.random() < 0.7 and may_be_cut:  # else its power comes back before Ballast has done anything about it
            time.sleep(20)
        self.heal()
        spoilt = self.recover()
        for host in set(self.mortal) - may_be_cut:
            self.assertEqual(named(host).boot_id(), boots[host], f"{host} was cut off for nothing")
        return fault, what, time.monotonic() - start, spoilt
