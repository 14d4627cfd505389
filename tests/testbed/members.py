"""A daemon on each of three hosts, coordinated through an etcd member on each: what the tests of them share."""

import etcd
from support import ClusterTest, all_hosts, ballast, named, network, wait_until

HOSTS = ("host1", "host2", "host3")
TIME_TO_LIVE = 6  # seconds


class MembersTest(ClusterTest):
    """Three members; `self.ballast` is the one that a test asks, on host1."""

    members = {}

    @classmethod
    def setUpClass(cls):
        cls.members = {"host1": cls.ballast, **{name: ballast.Ballast(cls.ballast.build, name) for name in HOSTS[1:]}}
        for member in cls.members.values():
            member.install()

    @classmethod
    def tearDownClass(cls):
        for member in cls.members.values():
            member.stop()
        etcd.stop()

    def setUp(self):
        super().setUp()
        self.stop_all()

    def heal(self):
        super().heal()
        self.unite_all()
        self.stop_all()

    def unite_all(self):
        hosts = all_hosts()
        for one in hosts:
            for other in hosts:
                if one.number < other.number:
                    network.unite(one, other)

    def stop_all(self):
        for member in self.members.values():
            member.stop()

    def start_all(self, policy, **options):
        """An empty etcd, and all members without memory of earlier tests; returns once the hosts are sampled."""
        etcd.start_fresh()
        for member in self.members.values():
            self.configure(member, policy, **options)
        for member in self.members.values():
            member.forget()
            member.start()
        self.ballast.wait_watching()

    def configure(self, member, policy, **options):
        """Writes a member's files. `without`: hosts that are left out of them."""
        urls = ", ".join(f'"{url}"' for url in etcd.endpoints())
        member.configure(policy, store=f"{{kind: etcd, endpoints: [{urls}], call_timeout: 3s}}",
                         cluster=f"{{enabled: true, time_to_live: {TIME_TO_LIVE}s}}", **options)

    def status_of(self, member):
        """What a member says of the cluster; None when it cannot just now."""
        try:
            return member.ctl("cluster", "status", timeout=40)
        except ballast.Refused:
            return None

    def leader(self, asked=None):
        """The host that leads, as this member has it (host1's)."""
        return wait_until("a leader", lambda: self.status_of(asked or self.ballast), lambda found: found and found["leader"])["leader"]

    def leader_seen_by(self, host):
        """The same, "" when it does not know."""
        return (self.status_of(self.members[host]) or {}).get("leader") or ""

    def followers(self):
        return [name for name in HOSTS if name != self.leader()]

    def await_all_well(self, asked, timeout=120):
        """Until this member sees all hosts on and answering."""
        wait_until("all hosts to be on and answering", lambda: all(row["power"] == "on" and row["connection"] == "up"
                                                                  for row in asked.hosts().values()), timeout=timeout)

    def another_than(self, host):
        """A member on another host."""
        return self.members[next(name for name in HOSTS if name != host)]

    def power_back(self, host):
        """Waits for a host whose BMC was to switch it on, and starts its member, which tests' hosts do not do at their boot."""
        wait_until(f"{host} to be back", lambda: named(host).leader() is not None, timeout=120)
        named(host).wait(60)
        self.members[host].start()
