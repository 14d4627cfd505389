"""Real faults in the middle of real migrations. After each: every guest runs exactly once, and Ballast goes on."""

import contextlib
import time

from support import (AUTOMATIC, OBSERVE, SLOW, ClusterTest, agent, cluster, create, guest, link, named, rows,
                     network, under_way, wait_until, where)

from base import read_text, write_text

LEAST_LINK = 20_000_000  # bit/s: 45 MiB take 19 s


@contextlib.contextmanager
def each_call_asked_about(host):
    """The host's libvirt asks polkit what each caller of its socket may do (docs/security.md)."""
    path = host.path("/etc/libvirt/libvirtd.conf")
    before = read_text(path)
    write_text(path, before + 'access_drivers = [ "polkit" ]\n', 0o644)
    try:
        host.run(["systemctl", "restart", "libvirtd"], timeout=90)
        yield
    finally:
        write_text(path, before, 0o644)
        host.run(["systemctl", "restart", "libvirtd"], timeout=90)


class InMidMigration(ClusterTest):
    """One guest on host2 that is being moved to host3, slowly."""

    def setUp(self):
        super().setUp()
        self.guests(pet="host2")

    def finish(self, identity, states, timeout=120):
        """The operation once it is in one of these states; its guest runs once, where that state says."""
        ended = self.ballast.wait_for_end(identity, timeout)
        self.assertIn(ended["state"], states, ended["message"])
        self.assertFalse(ended["alarm"], ended["message"])
        self.assert_runs_once("pet", "host3" if ended["state"] == "done" else "host2")
        self.assertEqual(len(rows("pet")), 1, rows("pet"))
        return ended

    def test_a_running_migration_over_a_slow_link_is_cancelled_and_the_guest_stays(self):
        self.start(OBSERVE)
        link("host2", LEAST_LINK)
        identity = self.start_moving("pet", "host3", "host2")
        self.ballast.ctl("cancel", identity)
        ended = self.finish(identity, ["cancelled"], 40)
        self.assertIn("cancelled by", ended["message"])
        link("host2", None)
        self.assert_goes_on("pet", "host3")

    def test_a_daemon_killed_in_mid_migration_adopts_it(self):
        self.start(SLOW)
        identity = self.start_moving("pet", "host3", "host2")
        before = self.ballast.main_pid()
        self.ballast.kill()
        wait_until("systemd to start it again", self.ballast.main_pid, lambda pid: pid not in (0, before))
        wait_until("the operation in the new daemon", lambda: self.ballast.operation(identity))
        self.finish(identity, ["done"])
        self.assertEqual(len(self.ballast.operations()), 1)
        self.policy(OBSERVE)
        self.assert_goes_on("pet", "host1")

    def test_a_stopped_daemon_adopts_at_its_next_start_what_ended_meanwhile(self):
        self.start(SLOW)
        identity = self.start_moving("pet", "host3", "host2")
        self.ballast.stop()
        wait_until("the migration to end by itself", lambda: where("pet"), lambda hosts: hosts == ["host3"], timeout=90)
        self.ballast.start()
        self.finish(identity, ["done"])

    def test_libvirtd_of_the_source_restarts_in_mid_migration(self):
        self.start(SLOW)
        identity = self.start_moving("pet", "host3", "host2")
        named("host2").run(["systemctl", "restart", "libvirtd"], timeout=90)
        self.finish(identity, ["done", "rolled_back"])
        self.policy(OBSERVE)
        self.assert_goes_on("pet", "host1")

    def test_libvirtd_of_the_target_restarts_in_mid_migration(self):
        self.start(SLOW)
        identity = self.start_moving("pet", "host3", "host2")
        named("host3").run(["systemctl", "restart", "libvirtd"], timeout=90)
        self.finish(identity, ["done", "rolled_back"])
        self.policy(OBSERVE)
        self.assert_goes_on("pet", "host1")

    def test_a_migration_whose_source_was_out_of_reach_for_long_is_looked_after_again(self):
        # Longer than libvirt's keepalive bears, and never at its end by itself.
        guest.change("pet", dirty=4)
        self.start(OBSERVE.replace("deadline_min: 1min", "bandwidth: 2MiB/s, deadline_min: 10min, auto_converge: false"))
        identity = self.start_moving("pet", "host3", "host2")
        network.separate(named("host1"), named("host2"))
        try:
            wait_until("host2 to be out of reach", lambda: self.ballast.hosts()["host2"]["connection"], lambda seen: seen == "down")
            time.sleep(40)
        finally:
            network.unite(named("host1"), named("host2"))
        self.ballast.wait_watching()
        self.assertTrue(under_way("pet", "host2"), "the migration has not lasted")
        self.ballast.ctl("cancel", identity)
        ended = self.finish(identity, ["cancelled"], 60)
        self.assertIn("cancelled by", ended["message"])

    def test_memory_travels_no_faster_than_the_policy_allows(self):
        self.start(SLOW)
        outcome = self.move("pet", "host3")["outcome"]
        rate = outcome["transferred_bytes"] / outcome["duration_ms"] * 1000 / (1 << 20)
        self.figures.append(f"{rate:.1f} MiB/s of 5 MiB/s")
        self.assertLess(rate, 5 * 1.2)
        self.assertGreater(rate, 5 * 0.5)

    def test_the_target_host_loses_power_in_mid_migration(self):
        self.start(SLOW)
        identity = self.start_moving("pet", "host3", "host2")
        named("host3").kill()
        ended = self.ballast.wait_for_end(identity, 150)
        self.assertEqual(ended["state"], "rolled_back", ended["message"])
        self.assert_runs_once("pet", "host2")
        # The rest of the cluster goes on without host3, and with it once it is back.
        self.policy(OBSERVE)
        self.assert_goes_on("pet", "host1")
        named("host3").boot()
        self.ballast.wait_watching(timeout=90)
        self.assert_goes_on("pet", "host3")

    def test_a_guest_that_shuts_down_during_its_migration_is_not_started_again(self):
        self.start(SLOW)
        identity = self.start_moving("pet", "host3", "host2")
        agent.ask("pet", "poweroff")
        ended = self.ballast.wait_for_end(identity, 120)
        self.assertIn(ended["state"], ("cancelled", "rolled_back", "failed"), ended["message"])
        self.assertIn("shut", ended["message"])
        self.assert_stays_true("the guest stays off", lambda: where("pet") == [], 3)
        self.assertEqual(len(rows("pet")), 1, rows("pet"))
        self.assert_no_double_run()
        guest.destroy("pet")
        create("pet", "host2")
        self.ballast.wait_watching()
        wait_until("Ballast to see the new guest", lambda: self.ballast.vm("pet"), lambda vm: vm and vm["state"] == "running")
        self.policy(OBSERVE)
        self.assert_goes_on("pet", "host3")

    def test_a_guest_that_never_converges_is_given_up_at_the_deadline_and_runs_on(self):
        self.start(OBSERVE.replace("deadline_min: 1min", "deadline_min: 12s, auto_converge: false, deadline_per_gib: 1s"))
        guest.change("pet", dirty=30, working_set=20)
        link("host2", LEAST_LINK)
        identity = self.start_moving("pet", "host3", "host2")
        started = time.monotonic()
        ended = self.finish(identity, ["rolled_back"], 60)
        self.assertIn("within", ended["message"])
        self.assertLess(time.monotonic() - started, 45)
        link("host2", None)
        guest.change("pet", dirty=0)
        self.assert_goes_on("pet", "host3")


class AroundMigrations(ClusterTest):
    """Faults of hosts and of memory that are not in the middle of a migration."""

    def test_a_target_that_ran_out_of_memory_since_the_plan_is_not_tried(self):
        self.guests(pet="host2")
        # Samples are so rare that Ballast must look again before it moves anything.
        self.start(OBSERVE, interval="1min", stale_after="10min")
        cluster.memhog(named("host3"), 880)
        identity = self.migrate("pet", "host3")
        ended = self.ballast.wait_for_end(identity)
        self.assertEqual(ended["state"], "rolled_back")
        self.assertIn("memory", ended["message"])
        self.assertIsNone(ended["started_at"])
        self.assert_runs_once("pet", "host2")
        cluster.kill_memhog(named("host3"))
        wait_until("the memory back", lambda: cluster.status()["hosts"][2]["memory_used"], lambda used: used < 500 << 20)
        self.assert_goes_on("pet", "host3")

    def test_a_hung_libvirtd_is_waited_for_by_nobody(self):
        self.guests(busy1=("host2", 25), busy2=("host2", 25), busy3=("host2", 25), still="host3")
        self.start(AUTOMATIC.replace("automatic", "observe", 1))
        for pid in named("host3").libvirtd_pids():
            cluster.process.kill(pid, 19)
        wait_until("host3 to be missed", lambda: self.ballast.hosts()["host3"],
                   lambda host: host["connection"] != "up" or host["stale"], timeout=60)
        self.assertTrue(self.ballast.ctl("status")["problems"])
        self.ballast.ctl("mode", "automatic")
        done = wait_until("a move", lambda: [op for op in self.ballast.operations() if op["state"] == "done"], timeout=90)
        self.assertEqual({op["to"] for op in done}, {"host1"})
        self.assertFalse(self.ballast.hosts()["host2"]["stale"])
        self.ballast.ctl("mode", "observe")
        for pid in named("host3").libvirtd_pids():
            cluster.process.kill(pid, 18)
        self.ballast.wait_watching(timeout=90)
        self.assert_goes_on("still", "host1")

    def test_a_host_reached_by_ssh_is_watched_and_takes_part(self):
        self.guests(pet="host2")
        self.give_ssh_key()
        self.ballast.configure(OBSERVE, uris={"host3": "qemu+ssh://root@host3/system"})
        self.ballast.start(fresh=True)
        self.ballast.wait_watching()
        self.move("pet", "host3")
        self.move("pet", "host2")
        self.assert_runs_once("pet", "host2")

    def test_where_libvirt_asks_polkit_about_each_call_a_guest_leaves_by_ssh_and_comes_back(self):
        self.guests(pet="host1")
        self.give_ssh_key()
        uris = {f"host{i}": f"qemu+ssh://root@host{i}/system" for i in (1, 2, 3)}
        with each_call_asked_about(named("host1")):
            self.ballast.configure(OBSERVE, uris=uris)
            self.ballast.start(fresh=True)
            self.ballast.wait_watching()
            said = self.ballast.host.run(["sh", "-c", "setpriv --reuid=ballast --regid=ballast --init-groups "
                                                      "virsh -c qemu:///system net-destroy default 2>&1"], check=False)
            self.assertIn("access denied", said)
            self.move("pet", "host3")
            self.assertEqual([row["host"] for row in rows("pet")], ["host3"])
            self.move("pet", "host1")
            self.assertEqual([row["host"] for row in rows("pet")], ["host1"])
            self.assert_runs_once("pet", "host1")

    def give_ssh_key(self):
        """The daemon's user gets a key that opens the others, and knows their host keys: nobody could type a yes."""
        host = self.ballast.host
        script = ("install -d -o ballast -g ballast -m 700 /var/lib/ballast/.ssh && "
                  "install -o ballast -g ballast -m 600 /root/.ssh/id_ed25519 /var/lib/ballast/.ssh/id_ed25519 && "
                  "ssh-keyscan host2 host3 > /var/lib/ballast/.ssh/known_hosts 2>/dev/null && "
                  "chown ballast: /var/lib/ballast/.ssh/known_hosts")
        host.run(["sh", "-c", script])

    def test_a_full_disk_of_the_store_stops_new_moves_and_nothing_else(self):
        self.guests(pet="host2")
        host = self.ballast.host
        self.ballast.forget()
        host.run(["sh", "-c", "mkdir -p /var/lib/ballast && mount -t tmpfs -o size=2m,mode=750,uid=ballast,gid=ballast ballast-small /var/lib/ballast"])
        try:
            self.start(OBSERVE)
            self.move("pet", "host3")
            host.run(["sh", "-c", "dd if=/dev/zero of=/var/lib/ballast/filler bs=4k 2>/dev/null; true"])
            for _ in range(2):
                status, out, err = self.ballast.call("migrate", "pet", "--to", "host2", "--wait", timeout=90)
                self.assertNotEqual(status, 0, out + err)
            self.assertEqual(where("pet"), ["host3"])
            self.assertFalse(under_way("pet", "host3"))
            self.assertTrue(self.ballast.is_active())
            self.assertEqual(self.ballast.hosts()["host2"]["connection"], "up")
            host.run(["rm", "/var/lib/ballast/filler"])
            wait_until("what was held up to be over", lambda: self.ballast.ctl("history")["active"], lambda active: not active)
            self.assert_goes_on("pet", "host2" if where("pet") == ["host3"] else "host3")
            before = len(self.ballast.operations())
            self.ballast.kill()
            wait_until("the history after a restart", lambda: len(self.ballast.operations()), lambda count: count == before)
        finally:
            self.ballast.stop()
            host.run(["umount", "/var/lib/ballast"])
