"""A daemon on each of three hosts, coordinated through an etcd member on each: whoever leads acts through the others."""

import time

import etcd
from support import AUTOMATIC, OBSERVE, SLOW, ClusterTest, ballast, named, network, wait_until, where

HOSTS = ("host1", "host2", "host3")
TIME_TO_LIVE = 6  # seconds


class Cluster(ClusterTest):
    """Three members; `self.ballast` is the one that a test asks, on host1."""

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
        for member in self.members.values():
            member.stop()

    def heal(self):
        super().heal()
        for member in self.members.values():
            member.stop()

    def start_all(self, policy):
        etcd.start_fresh()
        urls = ", ".join(f'"{url}"' for url in etcd.endpoints())
        for member in self.members.values():
            member.configure(policy, store=f"{{kind: etcd, endpoints: [{urls}], call_timeout: 3s}}",
                             cluster=f"{{enabled: true, time_to_live: {TIME_TO_LIVE}s}}")
        for member in self.members.values():
            member.forget()
            member.start()
        self.ballast.wait_watching()

    def leader(self):
        """The host that leads, as the store has it."""
        return named("host1").run(["etcdctl", "--endpoints", ",".join(etcd.endpoints()), "get", "--print-value-only",
                                   "/ballast/data/ballast/cluster/leader"]).strip()

    def followers(self):
        return [name for name in HOSTS if name != self.leader()]

    def test_an_overloaded_host_is_relieved_by_whoever_leads_through_the_agents(self):
        self.guests(one=("host2", 40), two=("host2", 40), three=("host2", 40))
        self.start_all(AUTOMATIC)
        done = wait_until("the end of a move", lambda: [op for op in self.ballast.operations() if op["state"] == "done"], timeout=90)
        self.assertEqual((done[0]["from"], done[0]["trigger"]), ("host2", "overload"))
        self.assert_runs_once(done[0]["vm_name"], done[0]["to"])

    def test_any_member_answers_and_acts(self):
        self.guests(pet="host2")
        self.start_all(OBSERVE)
        for name in HOSTS:
            self.assertEqual(sorted(self.members[name].hosts()), sorted(HOSTS))
        asked = self.members[self.followers()[0]]
        wait_until("pet to be known", lambda: asked.vm("pet"), lambda vm: vm and vm["facts_known"])
        ended = asked.wait_for_end(asked.migrate("pet", "host3"))
        self.assertEqual((ended["state"], where("pet")), ("done", ["host3"]), ended["message"])
        self.assertIn(f"@{asked.host.name}", ended["requested_by"])

    def test_the_leader_is_killed_in_mid_migration_and_the_work_goes_on(self):
        self.guests(pet="host2")
        self.start_all(SLOW)
        identity = self.start_moving("pet", "host3", "host2")
        before = self.leader()
        self.members[before].kill()
        asked = self.members[next(name for name in HOSTS if name != before)]
        ended = wait_until("the end of the move", lambda: asked.operation(identity), lambda op: op["state"] in ballast.FINAL, timeout=120)
        self.assertEqual(ended["state"], "done", ended["message"])
        self.assert_runs_once("pet", "host3")

    def test_a_leader_that_is_cut_off_is_followed_by_another_and_comes_back_as_a_follower(self):
        self.guests(pet="host2")
        self.start_all(OBSERVE)
        before = self.leader()
        network.cut(named(before))
        cut = time.monotonic()
        other = next(name for name in HOSTS if name != before)
        after = wait_until("another leader", lambda: self.leader_seen_by(other), lambda name: name not in ("", before), timeout=60)
        print(f"(another leader after {time.monotonic() - cut:.1f} s) ", end="")
        network.join(named(before))
        wait_until("the old one to answer again", lambda: self.members[before].call("hosts", timeout=40)[0] == 0, timeout=90)
        self.assertEqual(self.leader(), after)
        target = next(name for name in HOSTS if name != "host2")
        wait_until("all to be up", lambda: all(row["connection"] == "up" for row in self.ballast.hosts().values()), timeout=60)
        self.move("pet", target)
        self.assert_runs_once("pet", target)

    def leader_seen_by(self, host):
        return named(host).run(["etcdctl", "--endpoints", ",".join(etcd.endpoints()), "--command-timeout=10s", "get",
                                "--print-value-only", "/ballast/data/ballast/cluster/leader"], check=False).strip()
