"""Hosts that answer but fail: an operator's check says so, and their guests leave."""

import os
import time

from support import OBSERVE, ClusterTest, named, wait_until, where

INTERVAL = 2.0
# Says what a file in the daemon's host says: "{host}" is unwell while /etc/unwell-HOST is there.
_SCRIPT = 'if [ -e "/etc/unwell-$0" ]; then cat "/etc/unwell-$0"; exit 1; fi'
HEALTH = "{probe: [], interval: %gs, clear_after: 2, checks: [{name: touched, command: [/bin/sh, -c, '%s', \"{host}\"]}]}" % (INTERVAL, _SCRIPT)
ACTS = OBSERVE.replace("mode: observe", "mode: automatic") + """overload: {enabled: false}
balance: {enabled: false}
health: {check: evacuate}
"""


class Degraded(ClusterTest):
    """host1 runs the daemon and the check; host2 is what fails."""

    def setUp(self):
        super().setUp()
        for host in ("host1", "host2", "host3"):
            self.addCleanup(self.touch, host, None)

    def touch(self, host, text):
        """Makes the check call the host unwell, with this text; None: well."""
        path = named("host1").path(f"/etc/unwell-{host}")
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        elif os.path.exists(path):
            os.unlink(path)

    def start(self, policy=ACTS, watched=None, **options):
        super().start(policy, watched, health=HEALTH, **options)

    def state(self, host="host2"):
        return self.ballast.hosts()[host]["state"]

    def problems(self):
        return self.ballast.ctl("status")["problems"]

    def test_a_host_that_a_check_calls_unwell_is_emptied_within_an_interval_and_a_second(self):
        self.guests(pet="host2", web="host2", other="host3")
        self.start()
        self.assert_stays_true("nothing moves while all are well", lambda: not self.ballast.operations(), INTERVAL + 2)
        began = time.monotonic()
        self.touch("host2", "the fan stands still")
        wait_until("the first migration", self.ballast.operations, timeout=INTERVAL + 5, step=0.05)
        took = time.monotonic() - began
        self.figures.append(f"signal to first migration {took:.2f} s of {INTERVAL + 1:.0f} s")
        self.assertLessEqual(took, INTERVAL + 1)
        wait_until("host2 to be empty", lambda: not where_on("host2", "pet", "web"), timeout=120)
        for operation in self.ballast.operations():
            self.assertEqual((operation["from"], operation["trigger"]), ("host2", "degraded"))
            self.assertIn("touched: the fan stands still", operation["reason"])
        self.assertEqual(self.state(), "degraded")
        self.assertEqual([(one["source"], one["action"]) for one in self.ballast.hosts()["host2"]["health"]], [("check", "evacuate")])
        self.assertTrue(any("the fan stands still" in problem for problem in self.problems()))
        self.touch("host2", None)
        wait_until("host2 to be well", self.state, lambda state: state == "ok", timeout=6 * INTERVAL)
        for vm in ("pet", "web"):
            self.assert_runs_once(vm)


    def test_a_guest_that_cannot_leave_is_named_and_the_others_leave(self):
        self.guests(pet="host2", stuck="host2")
        self.start(ACTS + "rules:\n  - {name: stays, never_move: [stuck]}\n")
        self.touch("host2", "the fan stands still")
        wait_until("pet to have left", lambda: where("pet") not in ([], ["host2"]), timeout=90)
        alarm = wait_until("an alarm", lambda: [problem for problem in self.problems() if "stuck cannot leave host2" in problem])
        self.assertTrue(alarm[0].startswith("ALARM: "), alarm[0])
        self.assertIn("stuck cannot leave", self.ballast.journal(500, self.began))
        self.assertEqual(where("stuck"), ["host2"])
        self.assert_runs_once("stuck", "host2")

    def test_when_two_of_three_hosts_are_unwell_none_is_emptied(self):
        self.guests(pet="host2", web="host3")
        self.start()
        for host in ("host2", "host3"):
            self.touch(host, "the room is hot")
        wait_until("both to be degraded", lambda: {self.state("host2"), self.state("host3")} == {"degraded"}, timeout=INTERVAL + 5)
        wait_until("the rail to be told", lambda: any("would have to be emptied at once" in one for one in self.problems()))
        # The first that was seen may have begun to leave before the second was: no more than the slots it had.
        moved = len(self.ballast.operations())
        self.assert_stays_true("nothing more moves", lambda: len(self.ballast.operations()) == moved, INTERVAL + 4)

    def test_a_check_that_hangs_or_is_not_there_empties_nobody(self):
        self.guests(pet="host2")
        broken = "{probe: [], interval: 1s, checks: [{name: hangs, command: [/bin/sleep, '100'], deadline: 1s}, {name: gone, command: [/nonexistent]}]}"
        self.ballast.configure(ACTS, health=broken)
        self.ballast.start(fresh=True)
        self.ballast.wait_watching(None)
        wait_until("both to be told", lambda: {one["subject"] for one in self.ballast.hosts()["host2"]["health"]},
                   lambda seen: seen == {"check hangs", "check gone"}, timeout=30)
        self.assertEqual(self.state(), "ok")
        self.assert_stays_true("nothing moves", lambda: not self.ballast.operations(), 3)


def where_on(host, *names):
    """Those of the guests that are active on the host."""
    return [name for name in names if host in where(name)]
