"""Guests that leave for another site with copies of their disks: host1 and host2 are site a, host3 is site b."""

import os
import re
import time

from support import AUTOMATIC, OBSERVE, ClusterTest, create, named, virsh, wait_until, where

SITES = {"host1": "a", "host2": "a", "host3": "b"}
IMAGES = "/var/lib/libvirt/images"
POOL = "local-images"
CAP = 16  # MiB/s
POLICY = AUTOMATIC + "maintenance: {return_home: true}\n"
POLICY = POLICY.replace("migration: {", "migration: {between_sites: {bandwidth: %dMiB/s, network_disks: true}, " % CAP)
WRITTEN = 256 * 4096  # what the guest itself writes to, at the beginning of its disk


def image(host, name):
    """The image of a guest's local disk as the host sees it, mounts included."""
    with open(f"/proc/{named(host).need_on()}/root{IMAGES}/{name}.raw", "rb") as file:
        return file.read()


def exists(host, name):
    return os.path.exists(f"/proc/{named(host).need_on()}/root{IMAGES}/{name}.raw")


def disk_progress(host, name):
    """MiB of the guest's disks that were copied, while no memory was yet; None when no copy is under way."""
    text = named(host).virsh("domjobinfo", name, check=False)
    found = re.search(r"File processed:\s+([\d.]+) (\S+)", text)
    memory = re.search(r"Memory processed:\s+([\d.]+) (\S+)", text)
    if not found or (memory and float(memory[1]) > 0):
        return None
    return float(found[1]) * {"B": 1 / 1024 / 1024, "KiB": 1 / 1024, "MiB": 1}[found[2]]


class Site(ClusterTest):
    """One guest with a disk of its own, one with its disk on NFS, which both sites reach."""

    def setUp(self):
        super().setUp()
        self.guests()
        self.fill("host3", "12m")  # the disk has 48 MiB
        for host in ("host2", "host3"):
            self.give_pool(host)

    def give_pool(self, host):
        """A storage pool in whose folder a copy can lie."""
        named(host).run(["mkdir", "-p", IMAGES])
        named(host).virsh("pool-destroy", POOL, check=False)
        virsh(host, "pool-create-as", POOL, "dir", "--target", IMAGES)
        self.addCleanup(lambda: named(host).virsh("pool-destroy", POOL, check=False))

    def fill(self, host, size):
        """The folder gets a file system of this size."""
        named(host).run(["mkdir", "-p", IMAGES])
        named(host).run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", IMAGES])
        self.addCleanup(lambda: named(host).run(["umount", "-l", IMAGES], check=False))

    def ended(self, vm, trigger):
        return next((op for op in self.ballast.operations() if op["vm_name"] == vm and op["trigger"] == trigger and op["final"]), None)

    def copy_rate(self, vm, host):
        """MiB/s at which the guest's disks are copied, from the first look that sees it to the last."""
        samples = []
        wait_until("its disk to be copied", lambda: disk_progress(host, vm), step=0.1)
        while (mib := disk_progress(host, vm)) is not None:
            samples.append((time.monotonic(), mib))
            time.sleep(0.1)
        self.assertGreater(len(samples), 2, samples)
        (began, first), (ended, last) = samples[0], samples[-1]
        return (last - first) / (ended - began)

    def test_guests_leave_for_the_other_site_with_copies_of_their_disks_within_the_cap_and_come_home(self):
        create("pet", "host2", disk="local")
        create("web", "host2", disk="nfs")
        self.start(POLICY, sites=SITES)
        wait_until("both to be known", lambda: [self.ballast.vm(vm) for vm in ("pet", "web")],
                   lambda vms: all(vm and vm["facts_known"] for vm in vms))
        self.ballast.ctl("maintenance", "enter", "host2", "--to-site", "b")

        wait_until("web to be in site b", lambda: where("web"), lambda hosts: hosts == ["host3"], timeout=60)
        refused = self.ballast.ctl("explain", "vm", "pet")
        self.assertIn("disk_space", str(refused["refused_by_plan"]))
        self.assertEqual((where("pet"), exists("host3", "pet")), (["host2"], False))

        named("host3").run(["mount", "-o", "remount,size=128m", IMAGES])
        virsh("host3", "pool-refresh", POOL)
        before = image("host2", "pet")
        self.ballast.kill()  # and another daemon goes on
        self.began = time.time()
        rate = self.copy_rate("pet", "host2")
        self.figures.append(f"{rate:.1f} MiB/s of {CAP}")
        self.assertLess(rate, CAP * 1.3)
        wait_until("pet to be in site b", lambda: where("pet"), lambda hosts: hosts == ["host3"], timeout=60)
        self.assert_runs_once("pet", "host3")
        self.assertEqual(image("host3", "pet")[WRITTEN:], before[WRITTEN:])
        self.assertTrue(exists("host2", "pet"))
        ended = wait_until("its end", lambda: self.ended("pet", "maintenance"))
        self.assertEqual(ended["disks"], ["vda"])
        self.assertIn(f"the images on host2 stay as they were then: {IMAGES}/pet.raw", ended["message"])

        self.ballast.ctl("maintenance", "leave", "host2")
        wait_until("pet to be at home", lambda: where("pet"), lambda hosts: hosts == ["host2"], timeout=60)
        self.assert_runs_once("pet", "host2")
        self.assertEqual(image("host2", "pet")[WRITTEN:], before[WRITTEN:])

    def test_a_copy_that_is_cancelled_leaves_nothing_there_and_what_is_there_is_not_written_over(self):
        create("pet", "host2", disk="local")
        named("host3").run(["mount", "-o", "remount,size=128m", IMAGES])
        virsh("host3", "pool-refresh", POOL)
        self.start(OBSERVE.replace("migration: {", "migration: {between_sites: {bandwidth: 4MiB/s}, "), sites=SITES)
        identity = self.migrate("pet", "host3")
        wait_until("its disk to be copied", lambda: disk_progress("host2", "pet"), step=0.1)
        self.assertTrue(exists("host3", "pet"))
        told = wait_until("it to be told", lambda: self.ballast.operation(identity)["message"], lambda text: "disks" in text)
        self.assertRegex(told, r"migrating: [\d.]+ \S+ of 48\S* MiB of its disks")
        self.ballast.ctl("cancel", identity)
        ended = self.ballast.wait_for_end(identity)
        self.assertEqual(ended["state"], "cancelled", ended["message"])
        self.assertFalse(exists("host3", "pet"))
        self.assert_runs_once("pet", "host2")

        named("host3").run(["dd", "if=/dev/urandom", f"of={IMAGES}/pet.raw", "bs=1M", "count=1"])
        before = image("host3", "pet")
        ended = self.ballast.wait_for_end(self.migrate("pet", "host3"))
        self.assertEqual(ended["state"], "rolled_back", ended["message"])
        self.assertIn("nothing that is there is written over", ended["message"])
        self.assertEqual(image("host3", "pet"), before)
        self.assert_runs_once("pet", "host2")
