"""A daemon on each of three hosts, coordinated through an etcd member on each: whoever leads acts through the others."""

import time

from members import HOSTS, MembersTest
from support import AUTOMATIC, OBSERVE, SLOW, ballast, named, network, wait_until, where

# All but what this is about is off; failover has its shipped settings.
FAILOVER = OBSERVE.replace("mode: observe", "mode: automatic") + "overload: {enabled: false}\nbalance: {enabled: false}\n"


class Cluster(MembersTest):
    """What a single daemon does, done by whoever leads, and what happens when members, hosts and links go."""

    def test_an_overloaded_host_is_relieved_by_whoever_leads_through_the_agents(self):
        self.guests(one=("host2", 25), two=("host2", 25), three=("host2", 25))
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
        asked = self.another_than(before)
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
        asked = self.members[before]
        status = wait_until("the old one to answer again", lambda: self.status_of(asked), lambda found: found and found["leader"], timeout=90)
        self.assertEqual((status["member"], status["leader"]), (before, after))
        target = next(name for name in HOSTS if name != "host2")
        self.ballast.wait_watching()
        self.move("pet", target)
        self.assert_runs_once("pet", target)

    def test_the_leaders_host_loses_its_power_and_another_one_sees_to_its_guests(self):
        homes = {"one": "host1", "two": "host2", "three": "host3"}
        self.guests(**homes)
        for member in self.members.values():
            member.start_broker()
            self.addCleanup(member.stop_broker)
        self.start_all(FAILOVER)
        wait_until("all definitions to be kept", lambda: all(row["facts_known"] for row in self.ballast.ctl("vms")["vms"]))
        time.sleep(3)
        dead = self.leader()
        left = next(name for name, home in homes.items() if home == dead)
        cut = time.monotonic()
        named(dead).kill()
        wait_until(f"{left} to run elsewhere", lambda: [host for host in where(left) if host != dead], timeout=120, step=0.2)
        print(f"(elsewhere after {time.monotonic() - cut:.1f} s) ", end="")
        for name in homes:
            self.assert_runs_once(name)
        self.power_back(dead)
        self.await_all_well(self.members[dead])
        for name in homes:
            self.assert_runs_once(name)
