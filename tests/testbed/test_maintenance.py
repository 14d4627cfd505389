"""Maintenance beyond emptying a host: guests that come home, and a cluster rebooted or upgraded host by host."""

import os
import time

from support import AUTOMATIC, ClusterTest, PowerTest, ballast, named, rows, spoilt_by_emulation, wait_until, where

from base import write_text

HOME = AUTOMATIC + "maintenance: {return_home: true}\n"
# Runs on host1, as the daemon: it says what it was told, and fails while there is a file that says for which host.
UPGRADE = """#!/bin/sh
echo "upgrading $BALLAST_HOST at $BALLAST_URI"
echo "$BALLAST_HOST" >> /var/lib/ballast/upgraded
if grep -qs "^$BALLAST_HOST$" /etc/ballast/fails; then echo "no space left on $BALLAST_HOST" >&2; exit 3; fi
"""


class Home(ClusterTest):
    """Guests that left a host for its maintenance."""

    def empty(self, host):
        """Into maintenance, until it is empty."""
        status, out, err = self.ballast.call("maintenance", "enter", host, "--wait", timeout=120)
        self.assertEqual(status, 0, out + err)

    def test_guests_come_home_after_maintenance_although_the_daemon_was_killed_and_nobody_else_does(self):
        self.guests(one="host2", two="host2", other="host3")
        self.start(HOME)
        self.empty("host2")
        self.ballast.kill()
        wait_until("the daemon to remember it", lambda: self.ballast.hosts()["host2"]["maintenance"])
        self.ballast.wait_watching()
        self.assertIn("comes back when that is over", self.ballast.ctl("explain", "vm", "one")["verdict"])
        left = self.ballast.ctl("maintenance", "leave", "host2")
        self.assertEqual([host["returning"] for host in left["hosts"]], [2])
        for vm in ("one", "two"):
            wait_until(f"{vm} to be at home", lambda vm=vm: where(vm), lambda hosts: hosts == ["host2"], timeout=120)
        self.assert_stays_true("other stays", lambda: where("other") == ["host3"], 5)
        triggers = [op["trigger"] for op in self.ballast.operations() if op["to"] == "host2"]
        self.assertEqual(triggers, ["return_home", "return_home"])
        for vm in ("one", "two", "other"):
            self.assert_runs_once(vm)


class Rolling(PowerTest):
    """host2 and host3 one after the other; host1 runs the daemon."""

    def setUp(self):
        super().setUp()
        self.guests(pet="host2", web="host3")
        write_text(self.ballast.host.path("/usr/local/sbin/upgrade"), UPGRADE, 0o755)
        self.fail_for()

    def start(self, policy=HOME, watched=None, **options):
        super().start(policy, watched, rolling="{commands: {upgrade: [/usr/local/sbin/upgrade]}}", **options)

    def fail_for(self, *hosts):
        """The command fails for these hosts."""
        write_text(self.ballast.host.path("/etc/ballast/fails"), "".join(f"{host}\n" for host in hosts), 0o644)

    def upgraded(self):
        """The hosts for which the command was run, in order."""
        path = self.ballast.host.path("/var/lib/ballast/upgraded")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().split()

    def run_state(self):
        """The run as `rolling-reboot status` has it."""
        return self.ballast.ctl("rolling-reboot", "status")["rolling"]

    def ends(self, timeout=600):
        """Until the run is done or has stopped; neither guest is ever missing meanwhile."""
        def look():
            for vm in ("pet", "web"):
                active = [row["host"] for row in rows(vm) if row["id"] is not None]
                self.assertTrue(active, f"{vm} runs nowhere")
            return self.run_state()
        return wait_until("the end of the run", look, lambda run: run["state"] != "running", timeout=timeout)

    def assert_guests_at_home(self):
        for vm, home in (("pet", "host2"), ("web", "host3")):
            wait_until(f"{vm} to be at home", lambda vm=vm: where(vm), lambda hosts, home=home: hosts == [home], timeout=120)
            self.assert_runs_once(vm)
        self.assertEqual(spoilt_by_emulation(self.began), "")

    def test_two_hosts_are_rebooted_by_their_bmcs_while_their_guests_run_on(self):
        self.start()
        before = {host: named(host).boot_id() for host in ("host2", "host3")}
        began = time.monotonic()
        begun = self.ballast.ctl("rolling-reboot")["rolling"]
        self.assertEqual((begun["hosts"], begun["left_out"][0]["host"]), (["host2", "host3"], "host1"))
        ended = self.ends()
        self.assertEqual((ended["state"], ended["done"]), ("done", 2), ended["message"])
        self.figures.append(f"{time.monotonic() - began:.0f} s for two hosts")
        for host in ("host2", "host3"):
            self.assertNotEqual(named(host).boot_id(), before[host])
            self.assertFalse(self.ballast.hosts()[host]["maintenance"])
        self.assert_guests_at_home()

    def test_a_command_that_fails_stops_it_and_resume_goes_on_with_that_host(self):
        self.start()
        self.fail_for("host3")
        status, _, _ = self.ballast.call("rolling-reboot", "--command", "upgrade", "--wait", timeout=600)
        self.assertEqual(status, 3)
        stopped = self.run_state()
        self.assertEqual((stopped["state"], stopped["host"], stopped["step"]), ("stopped", "host3", "command"))
        self.assertIn("exit status 3: no space left on host3", stopped["message"])
        self.assertTrue(self.ballast.hosts()["host3"]["maintenance"])
        self.assertEqual(self.upgraded(), ["host2", "host3"])
        self.fail_for()
        status, out, err = self.ballast.call("rolling-reboot", "resume", "--wait", timeout=600)
        self.assertEqual(status, 0, out + err)
        self.assertEqual(self.upgraded(), ["host2", "host3", "host3"])
        self.assert_guests_at_home()

    def test_a_daemon_killed_while_guests_leave_and_while_a_host_boots_brings_the_run_to_its_end(self):
        self.start()
        self.ballast.ctl("rolling-reboot", "--host", "host2")
        wait_until("guests to leave", self.run_state, lambda run: run["step"] == "emptying", step=0.1)
        self.ballast.kill()
        wait_until("host2 to be switched", self.run_state, lambda run: run["step"] == "rebooting", timeout=180)
        wait_until("host2 to be off", lambda: self.is_off("host2"), timeout=120)
        self.ballast.kill()
        ended = self.ends()
        self.assertEqual(ended["state"], "done", ended["message"])
        self.assert_guests_at_home()

    def test_what_may_not_be_run_or_rebooted_is_refused(self):
        self.start()
        for words in (("--command", "/bin/sh"), ("--host", "host1"), ("--reboot", "command"), ("--group", "nobody")):
            with self.assertRaises(ballast.Refused):
                self.ballast.ctl("rolling-reboot", *words)
        self.policy(HOME.replace("automatic", "observe", 1))
        with self.assertRaises(ballast.Refused):
            self.ballast.ctl("rolling-reboot")
        self.assertIsNone(self.run_state())
        self.assertEqual(self.upgraded(), [])


class Shutdown(ClusterTest):
    """host1, on which the daemon runs, is to go down by its own logind."""

    def test_a_reboot_of_the_daemons_own_host_waits_until_its_guests_have_left_and_they_come_home(self):
        self.ballast.host.install(os.path.join(ballast.SOURCE, "systemd/logind-ballast.conf"), "/usr/lib/systemd/logind.conf.d/ballast.conf", 0o644)
        self.ballast.host.run(["systemctl", "restart", "systemd-logind"])
        self.guests(pet="host1", other="host2")
        self.start(HOME)
        locks = lambda: self.ballast.host.run(["systemd-inhibit", "--list", "--no-legend"], check=False)  # noqa: E731
        wait_until("the lock", locks, lambda text: "Ballast" in text and "delay" in text)
        self.ballast.systemctl("enable", "ballastd")
        before = named("host1").boot_id()
        self.ballast.systemctl("reboot", check=False)
        wait_until("pet to leave", lambda: where("pet"), lambda hosts: hosts and hosts != ["host1"], timeout=120)
        wait_until("host1 to be down or rebooted", lambda: named("host1").leader() is None or named("host1").boot_id() != before, timeout=180)
        if named("host1").leader() is None:  # a container whose reboot ends it
            named("host1").boot()
        named("host1").wait(120)
        wait_until("the daemon to run", self.ballast.is_active, timeout=60)
        self.ballast.wait_watching()
        self.assertFalse(self.ballast.hosts()["host1"]["maintenance"])
        wait_until("pet to be at home", lambda: where("pet"), lambda hosts: hosts == ["host1"], timeout=120)
        for vm in ("pet", "other"):
            self.assert_runs_once(vm)
