"""The soak of a daemon and an etcd member on each host: their faults, and those of one daemon for whichever host."""

import signal
import time

import etcd
import network
from members import HOSTS, MembersTest
from soak_faults import POLICY, Soak, stand_still
from support import ClusterTest, ballast, named, process, together, wait_until

UNITS = ("ballast-powerd", "ballastd")


class MembersSoak(Soak, MembersTest):
    """One cluster of three members, one fault after the other."""

    homes = {"pet": "host1", "web": "host2", "db": "host2", "app": "host3"}
    mortal = HOSTS
    other_build = None  # of another version, which members change to and back
    going_down = None  # a host that is asked nothing, because its answers go down with it

    @property
    def ballast(self):
        """A member to ask: the first whose host is on and stays so, in the network, and serves."""
        for name in HOSTS:
            host = named(name)
            if name != self.going_down and host.leader() and not network.is_cut(host) and self.members[name].is_active():
                return self.members[name]
        return self.members["host1"]

    def begin(self):
        type(self).members = {name: ballast.Ballast(self.build, name) for name in HOSTS}
        for member in self.members.values():
            member.install()
            member.stop()
            member.start_broker()
        self.guests(**self.homes)
        self.load()
        self.start_all(POLICY)
        for member in self.members.values():  # they start at their hosts' boot, as installed ones do
            member.systemctl("enable", "--quiet", *UNITS)
        for name in self.homes:
            wait_until(f"the definition of {name} to be kept", lambda name=name: self.ballast.vm(name)["facts_known"])
        time.sleep(1)

    def finish(self):
        for member in self.members.values():
            if member.host.leader():
                member.systemctl("disable", "--quiet", "--now", *UNITS, check=False)
        etcd.stop()

    def switch_off(self, host):
        if self.leader() == host:  # it would not do that to itself
            self.order("cluster", "transfer-leader")
            wait_until("another leader", lambda: self.leader_seen_by(self.another_than(host).host.name), lambda name: name not in ("", host))
        self.going_down = host
        super().switch_off(host)
        self.going_down = None

    # -- members and who leads

    def member_killed(self, dice):
        """has its member killed"""
        host = dice.choice(HOSTS)
        self.members[host].kill()
        return host, set()

    def leader_killed(self, dice):
        """the leader is killed, and the next one, too"""
        first = self.leader()
        self.members[first].kill_for_good()
        second = wait_until("another leader", lambda: self.leader_seen_by(self.another_than(first).host.name),
                            lambda name: name not in ("", first), timeout=60)
        time.sleep(dice.uniform(0, 2))
        self.members[second].kill()
        return f"{first}, {second}", set()

    def leader_killed_in_an_evacuation(self, dice):
        """is emptied, and the leader is killed meanwhile"""
        host = dice.choice(HOSTS)
        before = self.leader()
        self.order("maintenance", "enter", host)
        time.sleep(dice.uniform(0, 3))
        self.members[before].kill_for_good()
        time.sleep(dice.uniform(0, 15))
        return host, set()

    def leader_stands_still(self, dice):
        """the leader's process stands still while a host is emptied, and goes on when another one leads"""
        before, length = self.leader(), dice.uniform(1, 20)
        host = dice.choice(HOSTS)
        self.order("maintenance", "enter", host)
        time.sleep(dice.uniform(0, 2))
        stand_still(process.named_in_namespace(named(before).need_on(), "ballastd"), length)
        return f"{before} for {length:.1f} s, {host} emptied", set()

    def leaders_host_dies(self, dice):
        """the leader's host loses its power"""
        del dice
        host = self.leader()
        named(host).kill()
        return host, {host}

    def leader_changes_by_order(self, dice):
        """the lead is handed over while a host is emptied"""
        host = dice.choice(HOSTS)
        self.order("maintenance", "enter", host)
        time.sleep(dice.uniform(0, 2))
        self.order("cluster", "transfer-leader")
        return host, set()

    def all_members_start_anew_in_turn(self, dice):
        """each member in turn is stopped and started, as for an upgrade, while a host is emptied"""
        host = dice.choice(HOSTS)
        self.order("maintenance", "enter", host)
        for name in dice.sample(HOSTS, 3):
            self.members[name].systemctl("restart", "ballastd")
            time.sleep(dice.uniform(0, 5))
        return host, set()

    def programs_replaced_in_turn(self, dice):
        """each member in turn gets the programs of the other version, while a host is emptied"""
        host = dice.choice(HOSTS)
        before = self.members["host1"].build
        after = self.other_build if before == self.build else self.build
        self.order("maintenance", "enter", host)
        for name in dice.sample(HOSTS, 3):
            member = self.members[name]
            member.build = after
            member.install()
            member.systemctl("restart", *UNITS)
            time.sleep(dice.uniform(0, 10))
        return f"{before} to {after}, {host} emptied", set()

    def clock_is_stepped(self, dice):
        """has its clock an hour off, and back again"""
        host = dice.choice(HOSTS)
        member = self.members[host]
        member.wrong_clock(dice.choice(("+3600", "-3600")))
        time.sleep(dice.uniform(5, 20))
        member.wrong_clock("+0")
        time.sleep(5)
        member.wrong_clock(None)
        return host, set()

    # -- links

    def pair_separated(self, dice):
        """do not reach each other for a while"""
        one, other = dice.sample(HOSTS, 2)
        length = dice.uniform(2, 40)
        network.separate(named(one), named(other))
        time.sleep(length)
        network.unite(named(one), named(other))
        return f"{one} and {other} for {length:.0f} s", set()

    def pair_separated_in_an_evacuation(self, dice):
        """do not reach each other, and one of them is emptied"""
        one, other = dice.sample(HOSTS, 2)
        network.separate(named(one), named(other))
        self.order("maintenance", "enter", one)
        time.sleep(dice.uniform(5, 25))
        network.unite(named(one), named(other))
        return f"{one} and {other}", set()

    def everybody_alone(self, dice):
        """no host reaches another one for a while"""
        pairs = [(named(one), named(other)) for one in HOSTS for other in HOSTS if one < other]
        for pair in pairs:
            network.separate(*pair)
        length = dice.uniform(2, 40)
        time.sleep(length)
        for pair in pairs:
            network.unite(*pair)
        return f"all for {length:.0f} s", set()

    # -- etcd

    def etcd_without_quorum(self, dice):
        """two etcd members are gone for a while"""
        hosts, length = dice.sample(HOSTS, 2), dice.uniform(2, 40)
        together(*[lambda host=host: named(host).run(["systemctl", "stop", "ballast-etcd"]) for host in hosts])
        time.sleep(length)
        etcd.start()
        return f"{' and '.join(hosts)} for {length:.0f} s", set()

    def etcd_member_killed(self, dice):
        """has its etcd killed"""
        host = dice.choice(HOSTS)
        named(host).run(["systemctl", "kill", "--signal=KILL", "ballast-etcd"])
        return host, set()

    def disk_full_under_etcd(self, dice):
        """has no room left for its etcd, for a while"""
        host = dice.choice(HOSTS)
        etcd.fill_disk(named(host))
        time.sleep(dice.uniform(5, 20))
        etcd.free_disk(named(host))
        return host, set()

    # -- everything

    def everything_loses_power(self, dice):
        """the whole cluster loses its power, and comes back at once"""
        for host in HOSTS:
            named(host).kill()
        time.sleep(1)
        for host in dice.sample(HOSTS, 3):
            named(host).boot()
        return "all", set(HOSTS)

    def storm(self, dice):
        """two hosts are cut off for long: nobody has a quorum, and nobody may be cut off for it"""
        hosts = dice.sample(HOSTS, 2)
        for host in hosts:
            network.cut(named(host))
        time.sleep(dice.uniform(15, 40))
        for host in hosts:
            network.join(named(host))
        return " and ".join(hosts), set()

    FAULTS = (Soak.power_cut, Soak.short_silence, Soak.long_silence, Soak.libvirtd_killed, Soak.libvirtd_hangs,
              Soak.dead_without_bmc, Soak.lying_bmc, Soak.wake_that_fails, Soak.target_dies_in_an_evacuation,
              Soak.source_dies_in_an_evacuation, member_killed, leader_killed, leader_killed_in_an_evacuation,
              leader_stands_still, leaders_host_dies, leader_changes_by_order, all_members_start_anew_in_turn, clock_is_stepped,
              pair_separated, pair_separated_in_an_evacuation, everybody_alone, etcd_without_quorum, etcd_member_killed,
              disk_full_under_etcd, everything_loses_power, storm)

    # -- and what has to be true when it is over

    def heal(self):
        ClusterTest.heal(self)
        self.unite_all()
        for name in HOSTS:
            etcd.free_disk(named(name))
        etcd.start()
        for member in self.members.values():
            for pid in process.named_in_namespace(member.host.need_on(), "ballastd"):
                process.kill(pid, signal.SIGCONT)
            member.systemctl("reset-failed", *UNITS, check=False)
            member.systemctl("start", "--no-block", *UNITS)
        for member in self.members.values():
            wait_until(f"the member of {member.host.name}", member.is_active, timeout=120)
        self.open_hosts()
