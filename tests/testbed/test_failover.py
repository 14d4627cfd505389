"""Hosts that die for real: their guests run elsewhere, once, and nobody is cut off who only was silent for a moment."""

import os
import random
import time

from support import OBSERVE, PowerTest, beats, bmc, create, named, network, rows, wait_until, where

# All but what this is about is off; failover has its shipped settings.
FAILOVER = OBSERVE.replace("mode: observe", "mode: automatic") + "overload: {enabled: false}\nbalance: {enabled: false}\n"
_IN_TIME = 30  # seconds from the power cut until the guests run elsewhere
_CUTS = int(os.environ.get("BALLAST_CUTS", "3"))  # a soak: BALLAST_CUTS=100 tests/testbed/run -k short_cuts


class Failover(PowerTest):
    """host1 runs the daemon and the broker; host2 or host3 dies."""

    def start(self, policy=FAILOVER, watched=None, **options):
        super().start(policy, watched, **options)
        for row in self.ballast.ctl("vms")["vms"]:
            wait_until(f"the definition of {row['name']} to be kept", lambda name=row["name"]: self.ballast.vm(name)["facts_known"])
        time.sleep(1)

    def running_elsewhere(self, vm, than):
        return [host for host in where(vm) if host != than]

    def await_restart(self, *vms, than, since):
        """Seconds from `since` (monotonic) until all of them run on another host than this one."""
        wait_until(f"{', '.join(vms)} to run elsewhere", lambda: all(self.running_elsewhere(vm, than) for vm in vms), timeout=120, step=0.1)
        return time.monotonic() - since

    def test_the_guests_of_a_host_that_loses_its_power_run_elsewhere_in_time_it_comes_back_without_them_and_is_lost_again(self):
        self.guests(pet="host2", web="host2", other="host3")
        create("bound", "host2", disk="local")
        wait_until("a beat of bound", lambda: beats("bound", time.time() - 3))
        self.start()
        cut = time.monotonic()
        named("host2").kill()
        took = self.await_restart("pet", "web", than="host2", since=cut)
        self.figures.append(f"elsewhere after {took:.1f} s")
        self.assertLess(took, _IN_TIME)
        self.assertEqual(self.state("host2"), "lost")
        self.assertTrue(any("bound is down since host2 was lost" in problem for problem in self.ballast.ctl("status")["problems"]))
        self.assert_on("host2")  # by its BMC, once its guests were seen to
        for vm in ("pet", "web", "other"):
            self.assert_runs_once(vm)
        self.assertEqual([row["host"] for row in rows("pet")], where("pet"))  # its old definition is gone
        self.assert_runs_once("bound", "host2", timeout=60)
        self.assert_goes_on("pet", "host2")
        wait_until("the definition of pet to be kept", lambda: self.ballast.vm("pet"), lambda vm: vm and vm["facts_known"])
        time.sleep(1)
        cut = time.monotonic()
        named("host2").kill()
        took = self.await_restart("pet", than="host2", since=cut)
        self.figures.append(f"again after {took:.1f} s")
        self.assertLess(took, _IN_TIME)
        self.assert_runs_once("pet")
        self.assertTrue(self.ballast.power("host2")["quarantined"])  # twice within the hour: somebody has to look

    def test_a_host_that_is_cut_off_the_network_is_fenced_before_its_guests_run_elsewhere(self):
        self.guests(pet="host2")
        self.start()
        network.cut(named("host2"))
        self.await_restart("pet", than="host2", since=time.monotonic())
        self.assertTrue(self.is_off("host2"))
        self.assert_no_double_run()
        self.assert_on("host2")
        self.assert_runs_once("pet")

    def test_a_dead_bmc_needs_a_person_and_a_daemon_killed_meanwhile_goes_on(self):
        self.guests(pet="host2")
        self.start()
        next(one for one in bmc.all_bmcs() if one.host.name == "host2").kill()
        named("host2").kill()
        wait_until("an alarm", lambda: self.ballast.power("host2")["alarm"], timeout=120)
        self.assertEqual((self.state("host2"), where("pet")), ("fencing", []))
        self.ballast.kill()
        wait_until("the alarm again", lambda: self.ballast.power("host2")["alarm"], timeout=120)
        self.assertEqual(where("pet"), [])
        wait_until("the new daemon to have looked for long enough", lambda: self.ballast.ctl("fence", "confirm", "host2", "--wait", timeout=60))
        self.await_restart("pet", than="host2", since=time.monotonic())
        self.assert_runs_once("pet")

    def test_short_cuts_of_the_network_fence_nobody(self):
        self.guests(pet="host2", web="host3")
        self.start()
        before = {host: named(host).boot_id() for host in ("host2", "host3")}
        dice = random.Random(7)
        for length in (8.0, *(dice.uniform(0, 8) for _ in range(_CUTS - 1))):
            host = named(dice.choice(("host2", "host3")))
            network.cut(host)
            time.sleep(length)
            network.join(host)
            time.sleep(dice.uniform(0.5, 2))
        time.sleep(3)
        self.assertEqual({host: named(host).boot_id() for host in before}, before)
        self.assertEqual([self.state(host) for host in before], ["on", "on"])
        for vm in ("pet", "web"):
            self.assert_runs_once(vm)
