"""What Ballast is for: overload, maintenance, the modes, and operators who do things by hand."""

from support import (AUTOMATIC, OBSERVE, ClusterTest, agent, ballast, create, guest, in_background, move_by_hand, rows, under_way,
                     virsh, wait_until, where)

BUSY = {name: ("host2", 25) for name in ("busy1", "busy2", "busy3")}  # with QEMU's own, some 0.85 of 0.6 CPUs


class Rules(ClusterTest):
    """Two guests that a rule written later wants apart."""

    def test_a_rule_that_is_broken_is_mended_by_one_move_and_nothing_else_moves(self):
        self.guests(first="host2", second="host2", third="host3")
        self.start(AUTOMATIC)
        self.assert_stays_true("nothing to do before the rule", lambda: not self.ballast.operations(), 3)
        self.policy(AUTOMATIC + "rules:\n  - {name: apart, keep_apart: [first, second]}\n")
        done = wait_until("the end of a move", lambda: [op for op in self.ballast.operations() if op["final"]], timeout=60)
        self.assertEqual([(op["from"], op["trigger"], op["state"]) for op in done], [("host2", "rule_violation", "done")])
        self.assertIn("rule apart keeps apart what shares host2: ", done[0]["reason"])
        self.assertNotEqual(where("first"), where("second"))
        self.assert_stays_true("one move is enough", lambda: len(self.ballast.operations()) == 1, 5)
        for vm in ("first", "second", "third"):
            self.assert_runs_once(vm)


class Overload(ClusterTest):
    """Three guests that want more CPU than host2 has."""

    def setUp(self):
        super().setUp()
        self.guests(**BUSY)

    def moves(self):
        """The moves of a dry run."""
        return self.ballast.ctl("plan")["plan"]["moves"]

    def active(self):
        """Operations that wait or run."""
        return self.ballast.ctl("history")["active"]

    def test_observe_recommends_moves_and_does_nothing(self):
        self.start(AUTOMATIC.replace("automatic", "observe", 1))
        moves = wait_until("a recommendation", self.moves)
        self.assertEqual(moves[0]["from"], "host2")
        self.assertIn("host2", moves[0]["reason"])
        self.assert_stays_true("no operation in observe mode", lambda: not self.ballast.operations(), 5)
        self.assertEqual([where(vm) for vm in BUSY], [["host2"]] * 3)

    def test_confirm_waits_for_approval_and_takes_a_no(self):
        self.start(AUTOMATIC.replace("automatic", "confirm", 1))
        proposal = wait_until("a proposal", self.active)[0]
        self.assertEqual(proposal["state"], "waiting")
        self.assert_stays_true("a proposal moves nothing", lambda: where(proposal["vm_name"]) == ["host2"], 3)
        self.ballast.ctl("cancel", proposal["id"])
        self.assertEqual(self.ballast.operation(proposal["id"])["state"], "cancelled")
        # The operator's no holds for cooldown.after_failure or the policy proposes anew; a yes moves.
        again = wait_until("another proposal", self.active)[0]
        self.ballast.ctl("approve", again["id"])
        ended = self.ballast.wait_for_end(again["id"])
        self.assertEqual((ended["state"], where(again["vm_name"])), ("done", [again["to"]]), ended["message"])
        self.assertIn("approved by", ended["requested_by"])
        self.assert_runs_once(again["vm_name"], again["to"])

    def test_an_overloaded_host_is_relieved_by_live_migration(self):
        self.start(AUTOMATIC)
        wait_until("the end of a move", lambda: [op for op in self.ballast.operations() if op["state"] == "done"], timeout=90)
        wait_until("host2 to be relieved", self.ballast.hosts,
                   lambda hosts: not hosts["host2"]["overloaded"] and hosts["host2"]["cpu"]["demand_ratio"] < 0.9, timeout=60)
        for operation in self.ballast.operations():
            self.assertEqual((operation["from"], operation["trigger"], operation["state"]), ("host2", "overload", "done"))
            self.assertTrue(operation["reason"])
            self.assertIsNotNone(operation["outcome"]["downtime_ms"])
        for vm in BUSY:
            self.assert_runs_once(vm)
        self.assertNotIn("ALARM", self.ballast.journal(500, self.began))

    def test_a_paused_daemon_starts_nothing_until_it_is_resumed(self):
        self.start(AUTOMATIC.replace("automatic", "observe", 1))
        self.ballast.ctl("pause")
        self.ballast.ctl("mode", "automatic")
        wait_until("a recommendation", self.moves)
        self.assert_stays_true("no operation while paused", lambda: not self.ballast.operations(), 4)
        self.ballast.kill()
        wait_until("the daemon to come back paused", lambda: self.ballast.ctl("status"),
                   lambda status: status["paused"] and status["mode"] == "automatic")
        self.ballast.ctl("resume")
        wait_until("a move", lambda: [op for op in self.ballast.operations() if op["state"] == "done"], timeout=90)


class ByHand(ClusterTest):
    """virsh migrate does not ask Ballast."""

    def test_a_vm_that_an_operator_moved_is_not_moved_back(self):
        self.guests(pet=("host3", 25), one=("host2", 25), two=("host2", 25))
        self.start(AUTOMATIC.replace("by_hand: 0s", "by_hand: 1h").replace("automatic", "observe", 1))
        move_by_hand("pet", "host3", "host2")
        wait_until("Ballast to see it", lambda: self.ballast.vm("pet"), lambda vm: vm and vm["host"] == "host2")
        self.ballast.ctl("mode", "automatic")
        done = wait_until("a move", lambda: [op for op in self.ballast.operations() if op["state"] == "done"], timeout=90)
        self.assertNotIn("pet", [op["vm_name"] for op in done])
        stays = self.ballast.ctl("explain", "vm", "pet")["stays_because"]
        self.assertIn("cooldown", [reason["reason"] for reason in stays])
        self.assert_runs_once("pet", "host2")

    def test_a_proposal_ends_when_its_vm_is_moved_by_hand(self):
        self.guests(**BUSY)
        self.start(AUTOMATIC.replace("automatic", "confirm", 1))
        proposal = wait_until("a proposal", lambda: self.ballast.ctl("history")["active"])[0]
        vm = proposal["vm_name"]
        by_hand = "host3" if proposal["to"] == "host1" else "host1"
        move_by_hand(vm, "host2", by_hand)
        ended = self.ballast.wait_for_end(proposal["id"])
        self.assertEqual(ended["state"], "cancelled")
        self.assert_runs_once(vm, by_hand)

    def test_a_vm_that_an_operator_is_moving_is_left_alone(self):
        self.guests(pet="host2")
        self.start(OBSERVE)
        virsh("host2", "migrate-setspeed", "pet", "4")
        by_hand = in_background(lambda: move_by_hand("pet", "host2", "host3"))
        self.addCleanup(guest.destroy, "pet")  # it keeps the speed
        wait_until("memory of pet to travel", lambda: under_way("pet", "host2"), step=0.1)
        ended = self.ballast.wait_for_end(self.migrate("pet", "host1"))
        self.assertEqual(ended["state"], "rolled_back", ended["message"])
        self.assertIn("not Ballast's", ended["message"])
        by_hand.result(90)
        self.assert_runs_once("pet", "host3")
        self.assert_goes_on("pet", "host1")


class Maintenance(ClusterTest):
    """Emptying a host."""

    def test_a_host_in_maintenance_is_emptied_stays_empty_and_comes_back(self):
        self.guests(one="host2", two="host2", other="host3")
        self.start(AUTOMATIC)
        status, out, err = self.ballast.call("maintenance", "enter", "host2", "--wait", timeout=120)
        self.assertEqual(status, 0, out + err)
        self.assertEqual(self.ballast.hosts()["host2"]["vms"], 0)
        refusal = self.refusal("migrate", "other", "--to", "host2")
        self.assertIn("maintenance", refusal)
        self.ballast.kill()
        wait_until("the daemon to remember it", lambda: self.ballast.hosts()["host2"]["maintenance"])
        self.ballast.ctl("maintenance", "leave", "host2")
        self.ballast.wait_watching()
        self.move("other", "host2")
        for vm in ("one", "two", "other"):
            self.assert_runs_once(vm)

    def refusal(self, *words):
        """What ballastctl says when it is refused."""
        with self.assertRaises(ballast.Refused) as caught:
            self.ballast.ctl(*words)
        return str(caught.exception)

    def test_a_local_disk_and_a_wish_keep_their_guests_and_the_rest_of_the_host_leaves(self):
        self.guests(free="host2", wish="host2")
        create("rooted", "host2", disk="local")
        self.start(AUTOMATIC)
        virsh("host2", "metadata", "wish", "--live", "--config", "--uri", "urn:ballast:vm:1", "--key", "ballast",
              "--set", "<vm><no-migrate/></vm>")
        wait_until("Ballast to know the wish", lambda: self.ballast.ctl("explain", "vm", "wish")["vm"]["wishes"],
                   lambda wishes: wishes["no_migrate"] and not wishes["problem"], timeout=20)
        status, out, err = self.ballast.call("maintenance", "enter", "host2", "--wait", timeout=120)
        self.assertEqual(status, 3, out + err)
        for name in ("rooted", "wish"):
            self.assertIn(name, out + err)
        stays = {row["vm_name"]: row["reason"] for row in self.ballast.ctl("plan")["plan"]["immovable"]}
        self.assertEqual(set(stays), {"rooted", "wish"}, stays)
        self.assertEqual(stays["rooted"], "local_storage")
        self.assertEqual((where("rooted"), where("wish")), (["host2"], ["host2"]))
        self.assertNotEqual(where("free"), ["host2"])
        self.assert_runs_once("free")
        # The wish can be taken back, and then the guest leaves.
        virsh("host2", "metadata", "wish", "--live", "--config", "--uri", "urn:ballast:vm:1", "--remove")
        wait_until("wish to leave", lambda: where("wish"), lambda hosts: hosts and hosts != ["host2"])
        self.ballast.ctl("maintenance", "leave", "host2")


class WhatTravels(ClusterTest):
    """Definition, flags, disk and network go along."""

    def test_a_persistent_guest_is_defined_on_one_host_with_autostart_and_metadata_and_a_transient_one_stays_transient(self):
        self.guests(pet="host2")
        create("passing", "host2", transient=True)
        virsh("host2", "autostart", "pet")
        note = "<note xmlns='urn:test'>kept</note>"
        virsh("host2", "metadata", "pet", "--live", "--config", "--uri", "urn:test", "--key", "t", "--set", note)
        self.start(OBSERVE)
        self.move("pet", "host3")
        self.move("passing", "host3")
        self.assertEqual([row["host"] for row in rows("pet")], ["host3"])
        info = virsh("host3", "dominfo", "pet")
        self.assertRegex(info, r"Persistent:\s+yes")
        self.assertRegex(info, r"Autostart:\s+enable")
        self.assertIn("kept", virsh("host3", "metadata", "pet", "--config", "--uri", "urn:test"))
        self.assertRegex(virsh("host3", "dominfo", "passing"), r"Persistent:\s+no")
        self.assertEqual([row["host"] for row in rows("passing")], ["host3"])
        known = lambda: self.ballast.ctl("explain", "vm", "pet")["vm"]["autostart"]  # noqa: E731
        wait_until("Ballast to know that pet has autostart there", known)
        virsh("host3", "autostart", "pet", "--disable")  # libvirt has no event for it
        wait_until("Ballast to know that it has not any more", lambda: not known())
        self.assert_runs_once("pet", "host3")
        self.assert_runs_once("passing", "host3")

    def test_a_guest_with_an_nfs_disk_and_a_nat_network_is_moved(self):
        self.guests()
        create("stored", "host2", disk="nfs", network="default")
        writes = wait_until("a write to the disk", lambda: agent.ask("stored", "stat"), lambda stat: stat.get("disk_writes", 1) > 0)
        self.start(OBSERVE)
        self.move("stored", "host3")
        self.move("stored", "host1")
        self.assert_runs_once("stored", "host1")
        wait_until("later writes", lambda: agent.ask("stored", "stat"), lambda stat: stat != writes)
