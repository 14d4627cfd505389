"""A daemon on each of three hosts, coordinated through an etcd member on each: whoever leads acts through the others."""

import os
import time

from dashboards import METRICS, Scraped
from members import HOSTS, MembersTest
from support import AUTOMATIC, OBSERVE, SLOW, ballast, create, named, network, virsh, wait_until, where
from test_site import IMAGES

# All but what this is about is off; failover has its shipped settings.
FAILOVER = OBSERVE.replace("mode: observe", "mode: automatic") + "overload: {enabled: false}\nbalance: {enabled: false}\n"
HOME = AUTOMATIC + "maintenance: {return_home: true}\n"
# Each member looks at its own host: it is unwell while a file is there.
HEALTH = ("{probe: [], interval: 2s, clear_after: 2, checks: [{name: touched, command: [/bin/sh, -c, "
          "'if [ -e /etc/unwell ]; then cat /etc/unwell; exit 1; fi']}]}")
HEALTH_ACTS = FAILOVER + "health: {check: evacuate}\n"

# The guest has no disk and no network and moves before its first quarter of a minute is over, and no host has a BMC that tells.
NO_BROKER = {"ballast-vm.json: Disks", "ballast-vm.json: Network", "ballast-vm.json: Moves", "ballast-vm.json: Arrivals by host, in this time range",
             "ballast-energy.json: Power alarms", "ballast-energy.json: Draw", "ballast-energy.json: Draw of each host", "ballast-host.json: Draw"}


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
        self.start_all(OBSERVE, metrics=METRICS)
        scraped = Scraped(self, [named(name) for name in HOSTS])
        for name in HOSTS:
            self.assertEqual(sorted(self.members[name].hosts()), sorted(HOSTS))
        asked = self.members[self.followers()[0]]
        wait_until("pet to be known", lambda: asked.vm("pet"), lambda vm: vm and vm["facts_known"])
        ended = asked.wait_for_end(asked.migrate("pet", "host3"))
        self.assertEqual((ended["state"], where("pet")), ("done", ["host3"]), ended["message"])
        self.assertIn(f"@{asked.host.name}", ended["requested_by"])
        scraped.assert_every_query_answers(NO_BROKER)

    def test_a_pool_that_is_made_on_a_members_host_is_seen_at_once_and_a_disk_is_copied_into_it(self):
        self.guests()
        create("pet", "host2", disk="local")
        self.start_all(OBSERVE.replace("migration: {", "migration: {copy_disks: true, "))
        wait_until("pet to be known", lambda: self.ballast.vm("pet"), lambda vm: vm and vm["facts_known"])
        with self.assertRaises(ballast.Refused) as refused:
            self.ballast.migrate("pet", "host3")
        self.assertIn("no active pool", str(refused.exception))
        virsh("host3", "pool-create-as", "local-images", "dir", "--target", IMAGES)
        self.addCleanup(lambda: named("host3").virsh("pool-destroy", "local-images", check=False))
        ended = self.ballast.wait_for_end(wait_until("it to be accepted", lambda: self.ballast.migrate("pet", "host3"), timeout=30))
        self.assertEqual((ended["state"], ended["disks"]), ("done", ["vda"]), ended["message"])
        self.assert_runs_once("pet", "host3")

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
        self.figures.append(f"another leader after {time.monotonic() - cut:.1f} s")
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
        self.figures.append(f"elsewhere after {time.monotonic() - cut:.1f} s")
        for name in homes:
            self.assert_runs_once(name)
        self.power_back(dead)
        self.await_all_well(self.members[dead])
        for name in homes:
            self.assert_runs_once(name)

    def test_a_dead_host_is_cut_off_through_another_members_broker_where_the_leader_has_none(self):
        homes = {"one": "host1", "two": "host2", "three": "host3"}
        self.guests(**homes)
        self.start_all(FAILOVER)
        leader, (helper, dead) = self.leader(), self.followers()
        self.members[helper].start_broker()
        self.addCleanup(self.members[helper].stop_broker)
        asked = self.members[leader]
        wait_until("the leader to know the BMCs", lambda: asked.power(dead)["switchable"], timeout=120)
        wait_until("all definitions to be kept", lambda: all(row["facts_known"] for row in asked.ctl("vms")["vms"]))
        time.sleep(3)
        left = next(name for name, home in homes.items() if home == dead)
        named(dead).kill()
        wait_until(f"{left} to run elsewhere", lambda: [host for host in where(left) if host != dead], timeout=120, step=0.2)
        self.assertEqual(self.leader(), leader)
        wait_until(f"{dead} to be switched on again", lambda: named(dead).leader() is not None, timeout=180)
        named(dead).wait(60)
        self.members[dead].start()
        wait_until("all hosts to be on", lambda: all(row["power"] == "on" and row["connection"] == "up"
                                                     for row in asked.hosts().values()), timeout=120)
        for name in homes:
            self.assert_runs_once(name)

    def test_a_host_leaves_the_cluster_by_reload_and_comes_back_while_the_others_work(self):
        self.guests(pet="host1")
        self.start_all(OBSERVE)
        gone = [name for name in self.followers() if name != "host1"][0]
        other = [name for name in HOSTS if name not in ("host1", gone)][0]
        self.members[gone].stop()
        self.take_hosts([name for name in HOSTS if name != gone], without=(gone,))
        hosts = wait_until("the list without it", self.ballast.hosts, lambda rows: gone not in rows, timeout=60)
        self.assertEqual(sorted(hosts), sorted(["host1", other]))
        self.ballast.wait_watching()
        self.assertEqual(self.ballast.wait_for_end(self.ballast.migrate("pet", other))["state"], "done")
        self.assert_runs_once("pet", other)
        self.take_hosts([name for name in HOSTS if name != gone])
        self.configure(self.members[gone], OBSERVE)
        self.members[gone].start()
        wait_until("its return", lambda: gone in self.ballast.hosts(), timeout=60)
        self.ballast.wait_watching()
        self.assertEqual(sorted(row["host"] for row in self.members[gone].ctl("cluster", "members")["members"]), sorted(HOSTS))
        self.assertEqual(self.ballast.wait_for_end(self.ballast.migrate("pet", gone))["state"], "done")
        self.assert_runs_once("pet", gone)

    def take_hosts(self, names, **options):
        """These members get the list anew, the leader last."""
        leader = self.leader()
        for name in names:
            self.configure(self.members[name], OBSERVE, **options)
        for name in sorted(names, key=lambda name: name == leader):
            self.members[name].systemctl("reload", "ballastd")

    def test_a_reboot_of_a_followers_host_waits_until_the_leader_has_emptied_it_and_its_guests_come_home(self):
        for member in self.members.values():
            member.host.install(os.path.join(ballast.SOURCE, "systemd/logind-ballast.conf"), "/usr/lib/systemd/logind.conf.d/ballast.conf", 0o644)
            member.host.run(["systemctl", "restart", "systemd-logind"])
        self.guests(one="host1", two="host2", three="host3")
        self.start_all(HOME)
        host = self.followers()[0]
        pet = {"host1": "one", "host2": "two", "host3": "three"}[host]
        follower, asked = self.members[host], self.members[self.leader()]
        asked.wait_watching()
        locks = lambda: follower.host.run(["systemd-inhibit", "--list", "--no-legend"], check=False)  # noqa: E731
        wait_until("the lock", locks, lambda text: "Ballast" in text and "delay" in text)
        follower.systemctl("enable", "ballastd")
        self.addCleanup(follower.systemctl, "disable", "ballastd", check=False)
        before = named(host).boot_id()
        follower.systemctl("reboot", check=False)
        wait_until(f"{host} to be in maintenance", lambda: asked.hosts()[host]["maintenance"], timeout=30)
        wait_until(f"{pet} to leave", lambda: where(pet), lambda hosts: hosts and hosts != [host], timeout=120)
        wait_until(f"{host} to be down or rebooted", lambda: named(host).leader() is None or named(host).boot_id() != before, timeout=180)
        if named(host).leader() is None:  # a container whose reboot ends it
            named(host).boot()
        named(host).wait(120)
        wait_until("its daemon to run", follower.is_active, timeout=90)
        wait_until("its maintenance to end", lambda: not asked.hosts()[host]["maintenance"], timeout=90)
        wait_until(f"{pet} to be at home", lambda: where(pet), lambda hosts: hosts == [host], timeout=120)
        for name in ("one", "two", "three"):
            self.assert_runs_once(name)

    def test_a_check_that_fails_on_a_followers_host_has_its_guests_leave_whoever_leads(self):
        self.guests(one="host1", two="host2", three="host3")
        self.start_all(HEALTH_ACTS, health=HEALTH)
        host = self.followers()[0]
        pet = {"host1": "one", "host2": "two", "host3": "three"}[host]
        self.addCleanup(self.touch, host, False)
        self.assert_stays_true("nothing moves while all are well", lambda: not self.ballast.operations(), 4)
        self.touch(host, True)
        wait_until(f"{pet} to have left {host}", lambda: where(pet) not in ([], [host]), timeout=120)
        for operation in self.ballast.operations():
            self.assertEqual((operation["from"], operation["trigger"]), (host, "degraded"))
            self.assertIn("touched: the fan stands still", operation["reason"])
        degraded = lambda member: member.hosts()[host]["state"] == "degraded"  # noqa: E731
        self.assertTrue(degraded(self.ballast))
        # The next leader knows it at once, and a member that was restarted does not forget it.
        before = self.leader()
        self.members[before].ctl("cluster", "transfer-leader")
        wait_until("another leader", self.leader, lambda name: name not in ("", before), timeout=60)
        self.ballast.wait_watching()
        self.assertTrue(degraded(self.ballast))
        self.touch(host, False)
        wait_until(f"{host} to be well", lambda: not degraded(self.ballast), timeout=60)
        for name in ("one", "two", "three"):
            self.assert_runs_once(name)

    def touch(self, host, unwell):
        """Makes the check on this host fail, or not any more."""
        path = named(host).path("/etc/unwell")
        if unwell:
            with open(path, "w", encoding="utf-8") as file:
                file.write("the fan stands still\n")
        elif os.path.exists(path):
            os.unlink(path)
