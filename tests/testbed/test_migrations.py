"""Guests that are not plain. tests/testbed/matrix shows every kind; these are two that stay, or take their disk along."""

import argparse

import matrix_rows
from support import OBSERVE, ClusterTest, ballast, create, guest, named


class Migrations(ClusterTest):
    """One guest at a time, from host2 to host3."""

    def setUp(self):
        super().setUp()
        self.guests()

    def test_a_disk_of_its_own_goes_along_within_the_site_where_the_policy_says_so_and_else_keeps_it(self):
        create("pet", "host2", disk="local")
        with matrix_rows.images_of("128m")(None):
            self.start(OBSERVE)
            with self.assertRaises(ballast.Refused) as refused:
                self.migrate("pet", "host3")
            self.assertIn("pet.raw is not on storage declared shared", str(refused.exception))
            self.policy(OBSERVE.replace("migration: {", "migration: {copy_disks: true, "))
            ended = self.move("pet", "host3")
            self.assertEqual(ended["disks"], ["vda"])
            self.assertIn("disk vda copied", ended["method"])
            self.assert_runs_once("pet", "host3")
            guest.destroy("pet")

    def test_a_folder_of_its_host_keeps_a_guest_there_and_it_is_said_which(self):
        options = {"memory": 96 << 20, "vcpus": 1, "cpu": 0, "dirty": 0, "working_set": 16, "disk": "none", "network": "none",
                   "transient": False, "autostart": False, "metadata": None}
        guest.create(argparse.Namespace(name="share", **options), named("host2"), matrix_rows.virtiofs)
        self.addCleanup(guest.destroy, "share")
        self.start(OBSERVE)
        with self.assertRaises(ballast.Refused) as refused:
            self.migrate("share", "host3")
        self.assertIn("virtiofs share /srv as data cannot be migrated", str(refused.exception))
        self.assert_runs_once("share", "host2")
