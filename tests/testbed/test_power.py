"""Hosts that are switched off and on for real: by orders, by consolidation, and with BMCs that do not do as they are told."""

import time

from dashboards import METRICS, Scraped
from support import OBSERVE, PowerTest, ballast, bmc, named, wait_until

# Acts within seconds, on what it sees now.
QUIET = OBSERVE.replace("mode: observe", "mode: automatic") + """overload: {enabled: false}
balance: {enabled: false}
consolidation: {enabled: true, watch: 0s, min_hosts_on: 2, min_time_on: 0s, min_time_off: 0s}
"""
# A window that is closed today.
_ANOTHER_DAY = time.strftime("%a", time.gmtime(time.time() + 3 * 86400)).lower()
ALL_DAY = QUIET.replace("enabled: true, watch", f'windows: [{{name: night, times: ["{_ANOTHER_DAY} 00:00-00:01"]}}], enabled: true, watch')

# A single daemon has no members; the guest has no disk and no network.
SINGLE = {f"ballast-cluster.json: {title}" for title in (
    "Registered", "Lead changes", "Least time left", "Store failures", "Registered as the agent of its host", "Time left of the registrations",
    "Lead changes, an hour", "Versions and resources", "Time of a call", "Calls", "Calls that failed", "Size of etcd's database", "CPU busy",
    "Memory in use", "Pressure")} | {"ballast-vm.json: Disks", "ballast-vm.json: Network"}


class Orders(PowerTest):
    """What an operator orders."""

    def test_a_drill_proves_that_a_host_can_be_woken_and_then_it_goes_off_and_comes_back(self):
        self.guests(pet="host2")
        self.start(metrics=METRICS)
        scraped = Scraped(self, [named("host1")])
        before = named("host3").boot_id()
        self.assertFalse(self.ballast.power("host3")["proven"])
        drilled = self.ballast.ctl("power", "drill", "host3", "--force", "--wait", timeout=180)
        self.assertEqual((drilled["state"], drilled["proven"]), ("on", True), drilled["message"])
        self.assertNotEqual(named("host3").boot_id(), before)
        off = self.ballast.ctl("power", "off", "host3", "--force", "--wait", timeout=180)
        self.assertEqual(off["state"], "off", off["message"])
        self.assertTrue(self.is_off("host3"))
        self.assertEqual(self.ballast.hosts()["host3"]["state"], "off")
        with self.assertRaises(ballast.Refused):
            self.ballast.migrate("pet", "host3", "--force")
        began = time.monotonic()
        on = self.ballast.ctl("power", "on", "host3", "--wait", timeout=180)
        self.assertEqual(on["state"], "on", on["message"])
        self.figures.append(f"boot {on['boot_ms'] / 1000:.1f} s, order to end {time.monotonic() - began:.1f} s")
        self.ballast.wait_watching(["host3"])
        self.move("pet", "host3")
        self.assert_runs_once("pet", "host3")
        scraped.assert_every_query_answers(SINGLE)

    def test_neither_a_host_with_a_guest_nor_the_daemons_own_goes_off_whatever_is_forced(self):
        self.guests(pet="host2")
        self.start()
        with self.assertRaises(ballast.Refused):  # the policy's min_hosts_on is 2, and the others are kept for it
            self.ballast.ctl("power", "off", "host1", "--force")
        status, _, told = self.ballast.call("power", "off", "host2", "--force", "--wait", timeout=60)
        self.assertEqual(status, 1)
        self.assertIn("pet is on it", told)
        self.assert_runs_once("pet", "host2")

    def test_a_daemon_killed_while_a_host_goes_down_and_while_it_boots_brings_both_to_their_end(self):
        self.guests(pet="host2")
        self.start()
        self.ballast.ctl("power", "off", "host3", "--force")
        wait_until("host3 to be asked", lambda: "asked" in self.ballast.power("host3")["message"] or self.is_off("host3"), step=0.05)
        self.ballast.kill()
        wait_until("host3 to be off", lambda: self.state("host3") == "off", timeout=90)
        self.assertTrue(self.is_off("host3"))
        self.ballast.ctl("power", "on", "host3")
        self.ballast.kill()
        self.assert_on("host3")
        self.assertFalse(self.ballast.power("host3")["alarm"])

    def test_a_host_that_somebody_else_switches_on_is_on(self):
        self.guests(pet="host2")
        self.start()
        self.ballast.ctl("power", "off", "host3", "--force", "--wait", timeout=180)
        named("host3").boot()
        self.assert_on("host3")
        self.assertIn("somebody else", self.ballast.power("host3")["message"])


class Faults(PowerTest):
    """BMCs that do not do as they are told."""

    def test_a_host_that_cannot_be_woken_is_quarantined_until_somebody_has_looked(self):
        self.guests(pet="host2")
        self.start()
        self.ballast.ctl("power", "off", "host3", "--force", "--wait", timeout=180)
        self.fault("host3", ignore_on="always")
        status, _, _ = self.ballast.call("power", "on", "host3", "--wait", timeout=300)
        self.assertEqual(status, 1)
        row = self.ballast.power("host3")
        self.assertEqual((row["state"], row["alarm"], row["quarantined"]), ("off", True, True), row["message"])
        self.assertTrue(any("host3" in problem for problem in self.ballast.ctl("status")["problems"]))
        self.fault("host3", ignore_on=None)
        self.ballast.ctl("power", "release", "host3")
        on = self.ballast.ctl("power", "on", "host3", "--wait", timeout=180)
        self.assertEqual(on["state"], "on", on["message"])

    def test_a_host_whose_bmc_is_dead_is_left_on(self):
        self.guests(pet="host2")
        next(one for one in bmc.all_bmcs() if one.host.name == "host3").kill()
        self.start()
        self.ballast.call("power", "off", "host3", "--force", "--wait", timeout=120)
        self.assertEqual(self.state("host3"), "on")
        self.assertFalse(self.is_off("host3"))


class QuietHours(PowerTest):
    """Few guests that want nothing."""

    def test_a_quiet_cluster_ends_on_the_fewest_hosts_and_wakes_one_when_the_window_closes(self):
        self.guests(pet="host2", web="host3")
        self.start(QUIET)
        wait_until("a host to be off", lambda: self.is_off("host3") or self.is_off("host2"), timeout=240)
        off = "host3" if self.is_off("host3") else "host2"
        wait_until(f"{off} to be proven and off", lambda: self.state(off) == "off" and self.ballast.power(off)["proven"], timeout=240)
        self.assert_stays_true("two hosts stay on", lambda: sum(not self.is_off(host) for host in ("host1", "host2", "host3")) == 2, 10)
        for vm in ("pet", "web"):
            self.assert_runs_once(vm)
        self.policy(ALL_DAY)
        self.assert_on(off, timeout=180)
        for vm in ("pet", "web"):
            self.assert_runs_once(vm)

    def test_a_daemon_that_never_saw_a_host_on_wakes_it_when_it_is_needed(self):
        self.guests(pet="host2")
        self.start(QUIET)
        wait_until("host3 to be off", lambda: self.is_off("host3") and self.state("host3") == "off" and self.ballast.power("host3")["proven"], timeout=240)
        self.ballast.stop()
        self.ballast.start()
        self.ballast.wait_watching(["host1", "host2"])
        self.assertTrue(self.is_off("host3"))
        self.policy(QUIET.replace("min_hosts_on: 2", "min_hosts_on: 3"))
        self.assert_on("host3")

    def test_in_mode_observe_nothing_is_switched(self):
        self.guests(pet="host2")
        self.start(QUIET.replace("automatic", "observe"))
        wait_until("a plan that would switch a host off", lambda: self.ballast.ctl("plan")["plan"]["power"], timeout=60)
        self.assert_stays_true("all hosts are on", lambda: not any(self.is_off(host) for host in ("host1", "host2", "host3")), 10)
