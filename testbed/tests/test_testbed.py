"""Unit tests of the testbed's pure parts. They need neither root nor a cluster: python3 -m unittest discover testbed/tests"""

import argparse
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
os.environ["BALLAST_TESTBED_STATE"] = "/nonexistent/ballast-testbed"

import base  # noqa: E402
import cgroup  # noqa: E402
import guest  # noqa: E402
import heartbeat  # noqa: E402
import host  # noqa: E402
import monitor  # noqa: E402
import process  # noqa: E402
import verbs  # noqa: E402

MIB = 1 << 20


def put(path, text=""):
    """Writes a file of a fake tree."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def get(path):
    """Reads a file of a fake tree."""
    with open(path, encoding="ascii") as file:
        return file.read()


class CgroupV1(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for tree in ("cpu,cpuacct", "cpuset", "memory", "systemd", "unified"):
            put(f"{self.root}/{tree}/cgroup.procs")
        for link in ("cpu", "cpuacct"):
            os.symlink("cpu,cpuacct", f"{self.root}/{link}")
        put(f"{self.root}/cpuset/cpuset.cpus", "0-1\n")
        put(f"{self.root}/cpuset/cpuset.mems", "0\n")
        self.groups = cgroup.detect(self.root)

    def test_a_tree_mounted_for_two_controllers_is_entered_once(self):
        self.assertEqual(self.groups.version, 1)
        names = [os.path.relpath(path, self.root) for path in self.groups.procs("host1")]
        self.assertEqual(names, [f"{tree}/ballast-testbed/host1/cgroup.procs"
                                 for tree in ("cpu,cpuacct", "cpuset", "memory", "systemd", "unified")])

    def test_limits_are_written_to_the_controllers_files(self):
        self.groups.create("host1")
        self.groups.limit("host1", 0.6, 1 << 30)
        self.assertEqual(get(f"{self.root}/cpu/ballast-testbed/host1/cpu.cfs_quota_us"), "15000")
        self.assertEqual(get(f"{self.root}/cpu/ballast-testbed/host1/cpu.cfs_period_us"), "25000")
        self.assertEqual(get(f"{self.root}/memory/ballast-testbed/host1/memory.limit_in_bytes"), str(1 << 30))

    def test_the_cpuset_is_copied_down_since_an_empty_one_takes_no_process(self):
        self.groups.create("host1")
        self.assertEqual(get(f"{self.root}/cpuset/ballast-testbed/cpuset.cpus"), "0-1")
        self.assertEqual(get(f"{self.root}/cpuset/ballast-testbed/host1/cpuset.mems"), "0")

    def test_usage_is_read_in_bytes_and_seconds(self):
        put(f"{self.root}/memory/ballast-testbed/host1/memory.usage_in_bytes", "4096\n")
        put(f"{self.root}/cpu,cpuacct/ballast-testbed/host1/cpuacct.usage", "1500000000\n")
        self.assertEqual(self.groups.used_memory("host1"), 4096)
        self.assertEqual(self.groups.used_cpu_seconds("host1"), 1.5)

    def test_processes_are_found_below_the_host_in_every_tree(self):
        put(f"{self.root}/memory/ballast-testbed/host1/cgroup.procs", "11\n12\n")
        put(f"{self.root}/systemd/ballast-testbed/host1/payload/init.scope/cgroup.procs", "13\n")
        put(f"{self.root}/memory/ballast-testbed/host2/cgroup.procs", "14\n")
        self.assertEqual(self.groups.processes("host1"), {11, 12, 13})
        self.assertEqual(self.groups.processes(), {11, 12, 13, 14})

    def test_a_machine_without_a_memory_controller_is_refused(self):
        os.unlink(f"{self.root}/memory/cgroup.procs")
        with self.assertRaisesRegex(base.Problem, "memory"):
            cgroup.detect(self.root)


class CgroupV2(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        put(f"{self.root}/cgroup.controllers", "cpuset cpu io memory pids\n")
        self.groups = cgroup.detect(self.root)

    def test_controllers_are_switched_on_down_to_the_hosts_folder(self):
        self.groups.create("host2")
        self.assertEqual(self.groups.version, 2)
        for folder in ("", "/ballast-testbed"):
            self.assertEqual(get(f"{self.root}{folder}/cgroup.subtree_control"), "+cpu +memory +cpuset")
        self.assertTrue(os.path.isdir(f"{self.root}/ballast-testbed/host2"))

    def test_limits_are_written_as_quota_and_period(self):
        self.groups.create("host2")
        self.groups.limit("host2", 1.5, 512 * MIB)
        self.assertEqual(get(f"{self.root}/ballast-testbed/host2/cpu.max"), "37500 25000")
        self.assertEqual(get(f"{self.root}/ballast-testbed/host2/memory.max"), str(512 * MIB))

    def test_a_process_that_joins_later_goes_to_a_leaf(self):
        self.groups.create("host2")
        self.assertEqual(self.groups.procs("host2"), [f"{self.root}/ballast-testbed/host2/cgroup.procs"])
        self.assertEqual(self.groups.procs("host2", inside=True), [f"{self.root}/ballast-testbed/host2/tool/cgroup.procs"])

    def test_usage_is_read_in_bytes_and_seconds(self):
        put(f"{self.root}/ballast-testbed/host2/memory.current", "8192\n")
        put(f"{self.root}/ballast-testbed/host2/cpu.stat", "usage_usec 2500000\nuser_usec 1\n")
        self.assertEqual(self.groups.used_memory("host2"), 8192)
        self.assertEqual(self.groups.used_cpu_seconds("host2"), 2.5)

    def test_a_missing_controller_is_named(self):
        put(f"{self.root}/cgroup.controllers", "cpuset io\n")
        with self.assertRaisesRegex(base.Problem, "'cpu'"):
            self.groups.create("host2")

    def test_processes_are_found_below_the_host(self):
        put(f"{self.root}/ballast-testbed/host2/payload/init.scope/cgroup.procs", "13\n")
        put(f"{self.root}/ballast-testbed/host2/tool/cgroup.procs", "15\n")
        self.assertEqual(self.groups.processes("host2"), {13, 15})

    def test_removal_takes_children_first_and_leaves_the_root(self):
        os.makedirs(f"{self.root}/ballast-testbed/host2/payload/init.scope")
        self.groups.remove("host2")
        self.assertFalse(os.path.exists(f"{self.root}/ballast-testbed/host2"))
        self.groups.remove()
        self.assertFalse(os.path.exists(f"{self.root}/ballast-testbed"))
        self.assertTrue(os.path.exists(self.root))


def beats(*runs):
    """Log text from runs of (first ms, host, first seq, count, boot[, the guest's own first ms]), one beat each 100 ms."""
    lines = []
    for start, where, seq, count, boot, *clock in runs:
        lines += [f"{start + 100 * i} vm {where} {seq + i} {(clock or [1000])[0] + 100 * i} {boot}" for i in range(count)]
    return "\n".join(lines)


def report(*runs):
    """The analysis of such a log."""
    return heartbeat.analyse("vm", heartbeat.parse(beats(*runs))["vm"])


class Heartbeat(unittest.TestCase):
    def test_a_migration_is_a_gap_and_no_double_run(self):
        result = report((0, "host1", 1, 10, "aa"), (1400, "host2", 11, 5, "aa"))
        self.assertEqual((result.longest_gap_ms, result.longest_gap_at_ms, result.longest_gap), (500, 900, "host1 -> host2"))
        self.assertEqual(result.handovers, [{"from": "host1", "to": "host2", "at_ms": 900, "gap_ms": 500, "restarted": False}])
        self.assertEqual(result.double_runs, [])
        self.assertEqual((result.last_host, result.last_seq), ("host2", 15))

    def test_the_same_beat_from_two_hosts_is_a_double_run(self):
        result = report((0, "host1", 1, 12, "aa"), (1000, "host2", 10, 5, "aa"))
        self.assertEqual(len(result.double_runs), 1)
        self.assertIn("beats 10..12 (3) came from host1 and from host2", result.double_runs[0])

    def test_one_beat_counted_again_after_a_handover_is_a_write_lost_by_emulation_and_no_double_run(self):
        result = report((0, "host1", 1, 10, "aa"), (1000, "host2", 10, 5, "aa"))
        self.assertEqual(result.double_runs, [])
        result = report((0, "host1", 1, 10, "aa"), (900, "host2", 10, 5, "aa"))  # the same millisecond
        self.assertEqual(result.double_runs, [])
        result = report((0, "host1", 1, 10, "aa"), (1000, "host2", 10, 5, "aa"), (1150, "host1", 11, 5, "aa"))
        self.assertTrue(result.double_runs)

    def test_beats_counted_again_while_the_guests_clock_goes_on_are_a_lost_write_and_no_double_run(self):
        before = (0, "host1", 1, 10, "aa", 1000)  # its last beat at 1900 of the guest
        self.assertEqual(report(before, (1000, "host2", 8, 9, "aa", 2000)).double_runs, [])
        self.assertTrue(report(before, (1000, "host2", 8, 9, "aa", 1900)).double_runs)  # resumed from old memory
        self.assertTrue(report(before, (1000, "host2", 8, 9, "aa", 2000), (1050, "host1", 11, 2, "aa", 2000)).double_runs)

    def test_a_write_lost_at_a_handover_is_none_either_when_the_guest_goes_on_to_a_third_host_at_once(self):
        moves = (0, "host1", 1, 10, "aa"), (1500, "host2", 10, 8, "aa"), (2500, "host3", 18, 10, "aa")
        self.assertEqual(report(*moves).double_runs, [])
        self.assertTrue(report(*moves, (2600, "host1", 14, 1, "aa")).double_runs)

    def test_one_beat_twice_away_from_a_handover_is_a_double_run(self):
        self.assertTrue(report((0, "host1", 1, 20, "aa"), (950, "host2", 10, 1, "aa")).double_runs)

    def test_a_restart_elsewhere_uses_the_numbers_again_and_is_no_double_run(self):
        result = report((0, "host1", 1, 10, "aa"), (5000, "host2", 1, 10, "bb"))
        self.assertEqual(result.double_runs, [])
        self.assertEqual(result.boots, 2)
        self.assertEqual(result.longest_gap, "host1 -> host2 (restarted)")

    def test_two_boots_that_beat_at_the_same_time_are_a_double_run(self):
        result = report((0, "host1", 1, 40, "aa"), (2000, "host2", 1, 10, "bb"))
        self.assertEqual(len(result.double_runs), 1)
        self.assertIn("two copies at once", result.double_runs[0])

    def test_moving_there_and_back_is_no_double_run(self):
        result = report((0, "host1", 1, 10, "aa"), (1200, "host2", 11, 10, "aa"), (2500, "host1", 21, 10, "aa"))
        self.assertEqual(result.double_runs, [])
        self.assertEqual([move["to"] for move in result.handovers], ["host2", "host1"])

    def test_beats_before_the_time_asked_for_are_left_out(self):
        self.assertEqual(len(heartbeat.parse(beats((0, "host1", 1, 10, "aa")), since_ms=500)["vm"]), 5)

    def test_a_torn_last_line_of_the_log_is_left_out(self):
        self.assertEqual(len(heartbeat.parse("100 vm host1 1 1000 aa\n200 vm host1 2")["vm"]), 1)


class MonitorTail(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name + "/web.hb"
        put(self.path)

    def records(self, *chunks):
        tail = monitor.Tail(self.path, "host1")
        self.addCleanup(os.close, tail.handle)
        found = []
        for chunk in chunks:
            with open(self.path, "ab") as file:
                file.write(chunk)
            found += tail.records()
        return [record.split(" ", 1)[1] for record in found]

    def test_a_line_that_arrives_in_pieces_is_one_record(self):
        self.assertEqual(self.records(b"hb 1 25", b"00 0000", b"00aa\n"), ["web host1 1 2500 000000aa\n"])

    def test_boot_messages_and_the_torn_line_of_a_migration_are_left_out(self):
        text = b"\r\nGUEST-UP 1300\r\n3 2700 000000aa\nhb 4 28hb 5 2900 000000aa\r\n"
        self.assertEqual(self.records(text), ["web host1 5 2900 000000aa\n"])


class GuestXml(unittest.TestCase):
    def options(self, *words):
        return verbs.parser().parse_args(["guest", "create", "web", "host1", *words])

    def test_the_defaults_give_a_small_emulated_guest(self):
        domain = ElementTree.fromstring(guest.build_xml(self.options(), "qemu"))
        self.assertEqual(domain.get("type"), "qemu")
        self.assertEqual(domain.findtext("memory"), str(96 * 1024))
        self.assertEqual(domain.find("devices/serial/source").get("path"), "/srv/heartbeat/web.hb")
        self.assertEqual(domain.find("devices/channel/target").get("name"), "org.ballast.testbed.0")
        self.assertIsNone(domain.find("devices/disk"))
        self.assertIsNone(domain.find("devices/interface"))

    def test_load_goes_into_the_kernel_command_line_working_set_before_rate(self):
        line = ElementTree.fromstring(guest.build_xml(self.options("--cpu", "30", "--dirty", "5", "--working-set", "24"),
                                                      "qemu")).findtext("os/cmdline")
        self.assertIn("ballast.cpu=30 ballast.ws=24 ballast.dirty=5", line)

    def test_disk_and_network_are_added_when_asked_for(self):
        domain = ElementTree.fromstring(guest.build_xml(self.options("--disk", "nfs", "--network", "default"), "kvm"))
        self.assertEqual(domain.find("devices/disk/source").get("protocol"), "nfs")
        self.assertEqual(domain.find("devices/interface/source").get("network"), "default")
        self.assertIsNone(domain.find("features/tcg"))

    def test_metadata_is_taken_with_or_without_its_element(self):
        for text in ("<b:x xmlns:b='urn:b'/>", "<metadata><b:x xmlns:b='urn:b'/></metadata>"):
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(text)
                file.flush()
                domain = ElementTree.fromstring(guest.build_xml(self.options("--metadata", file.name), "qemu"))
                self.assertIsNotNone(domain.find("metadata/{urn:b}x"))

    def test_names_that_would_break_file_names_are_refused(self):
        for name in ("", "a b", "../x", "-a", "x" * 51):
            with self.assertRaises(base.Problem):
                guest.check_name(name)


class CommandLine(unittest.TestCase):
    def test_sizes_and_rates(self):
        self.assertEqual([base.parse_bytes(text) for text in ("1GiB", "1.5GiB", "96MiB", "4096")],
                         [1 << 30, 3 << 29, 96 * MIB, 4096])
        self.assertEqual([base.parse_rate(text) for text in ("200mbit", "1gbit", "500kbit")], [2e8, 1e9, 5e5])
        for wrong in ("1GB", "x", "-1MiB", ""):
            self.assertRaises(ValueError, base.parse_bytes, wrong)
        self.assertRaises(ValueError, base.parse_rate, "200")

    def test_exec_hands_options_on_to_the_command(self):
        options = verbs.parser().parse_args(["exec", "host1", "ls", "-l", "--all"])
        self.assertEqual(options.command, ["ls", "-l", "--all"])

    def test_up_leaves_settings_that_were_not_given_alone(self):
        options = verbs.parser().parse_args(["up", "3", "--link", "200mbit"])
        self.assertEqual((options.cpu, options.memory, options.link, options.nfs), (None, None, 2e8, None))

    def test_every_verb_has_help(self):
        top = verbs.parser()
        actions = next(action for action in top._actions if isinstance(action, argparse._SubParsersAction))
        for name, verb in actions.choices.items():
            self.assertTrue(verb.description, name)

    def test_hosts_have_a_number_within_bounds(self):
        self.assertEqual(host.Host("host16").ip, "10.77.0.16")
        for wrong in ("host0", "host17", "host", "vm1", "host1x"):
            with self.assertRaises(base.Problem):
                host.Host(wrong)

    def test_a_message_shows_the_command_without_the_way_into_the_host(self):
        words = ["nsenter", "-t", "1", "--", "env", "-i", "PATH=/bin", "HOME=/root", "virsh", "list"]
        self.assertEqual(base.short(words), "virsh list")


class Processes(unittest.TestCase):
    def test_our_own_process_lives_and_a_pid_used_again_does_not_count(self):
        with tempfile.TemporaryDirectory() as folder:
            process.record(folder + "/pid", os.getpid())
            self.assertEqual(process.recorded(folder + "/pid"), os.getpid())
            put(folder + "/pid", f'{{"pid": {os.getpid()}, "start": 1}}')
            self.assertIsNone(process.recorded(folder + "/pid"))

    def test_a_zombie_counts_as_gone(self):
        pid = os.fork()
        if not pid:
            os._exit(0)
        try:
            self.assertTrue(process.wait_until(lambda: process.start_time(pid) is None, 2, 0.01))
        finally:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass  # wait_until collects children itself


if __name__ == "__main__":
    unittest.main()
