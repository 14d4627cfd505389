"""Unit tests of the BMCs: the chassis script, the faults, the orders, ipmi_sim itself. They need neither root nor a cluster."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.dont_write_bytecode = True
TESTBED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(TESTBED, "lib"))
os.environ.setdefault("BALLAST_TESTBED_STATE", "/nonexistent/ballast-testbed")

import base  # noqa: E402
import bmc  # noqa: E402
import bmc_verb  # noqa: E402
import host  # noqa: E402
import process  # noqa: E402
import redfish  # noqa: E402
import verbs  # noqa: E402


class StateFolder(unittest.TestCase):
    """A state folder with the folder of host1 and of its BMC."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.patch(base, "STATE", folder.name)
        os.makedirs(base.state("hosts", "host1"))
        self.bmc = bmc.Bmc(host.Host("host1"))
        self.bmc._make_folder()

    def patch(self, *words):
        """Replaces an attribute until the test ends."""
        patcher = mock.patch.object(*words)
        self.addCleanup(patcher.stop)
        return patcher.start()

    def orders(self):
        folder = os.path.join(self.bmc.folder, "orders")
        return [base.read_text(os.path.join(folder, name)).strip() for name in sorted(os.listdir(folder), key=int)]


class PoweredFolder(StateFolder):
    """The same with a tool that only notes its calls, and a host that can be on."""

    def setUp(self):
        super().setUp()
        self.calls = base.state("calls")
        base.write_text(base.state("testbed"), f'#!/bin/sh\necho "$*" >>{self.calls}\n', 0o755)
        self.addCleanup(self.wait_for_calls)

    def wait_for_calls(self):
        """Each order has started its process, which says so; it must not write while the folder is removed."""
        number = int(base.read_text(os.path.join(self.bmc.folder, "last-order")))
        self.assertTrue(process.wait_until(lambda: base.read_text(self.calls) == "_order host1\n" * number, 10, 0.01))

    def start_container(self):
        """A process with a child, kept as the host's nspawn."""
        container = subprocess.Popen(["sh", "-c", "sleep 60; true"], stderr=subprocess.DEVNULL)
        self.addCleanup(container.wait)
        self.addCleanup(process.kill, container.pid)
        self.assertTrue(process.wait_until(lambda: process.children(container.pid), 10, 0.01))
        for child in process.children(container.pid):
            self.addCleanup(process.kill, child)
        process.record(os.path.join(self.bmc.host.folder, "nspawn.json"), container.pid)
        return container.pid


class Chassis(PoweredFolder):
    def chassis(self, *words):
        """(exit status, output) of the script as ipmi_sim calls it."""
        environment = {**os.environ, "TESTBED": base.state("testbed")}
        done = subprocess.run([os.path.join(self.bmc.folder, "chassis"), *words], capture_output=True, text=True, check=False,
                              env=environment)
        return done.returncode, done.stdout.strip()

    def power(self):
        return self.chassis("get", "power")

    def test_a_host_that_was_never_on_is_off(self):
        self.assertEqual(self.power(), (0, "power:0"))

    def test_a_host_is_on_while_its_container_has_a_first_process(self):
        container = self.start_container()
        self.assertEqual(self.power(), (0, "power:1"))
        process.kill(process.children(container)[0])
        self.assertTrue(process.wait_until(lambda: self.power() == (0, "power:0"), 10, 0.01))

    def test_a_container_that_died_as_a_zombie_is_off(self):
        process.kill(self.start_container())  # nobody waits for it until the test ends
        self.assertTrue(process.wait_until(lambda: self.power() == (0, "power:0"), 10, 0.01))

    def test_a_pid_used_again_is_off(self):
        pid = self.start_container()
        base.write_text(os.path.join(self.bmc.host.folder, "nspawn.json"), f'{{"pid": {pid}, "start": 1}}')
        self.assertEqual(self.power(), (0, "power:0"))

    def test_each_command_becomes_an_order_for_a_process_of_its_own(self):
        for words in (("power", "0"), ("power", "1"), ("reset", "1"), ("shutdown", "1")):
            self.assertEqual(self.chassis("set", *words), (0, ""))
        self.assertEqual(self.orders(), ["off", "on", "reset", "shutdown"])
        self.wait_for_calls()

    def test_a_status_may_lie_once(self):
        self.bmc.break_it({"lie": "1"})
        self.assertEqual([self.power()[1] for _ in range(3)], ["power:1", "power:0", "power:0"])
        self.assertEqual(self.bmc.faults(), {})

    def test_a_power_off_may_fail_be_ignored_and_then_work(self):
        self.bmc.break_it({"fail-off": "1", "ignore-off": "2"})
        self.assertEqual([self.chassis("set", "power", "0")[0] for _ in range(4)], [1, 0, 0, 0])
        self.assertEqual(self.orders(), ["off"])

    def test_a_wake_may_be_ignored_some_times_or_always(self):
        self.bmc.break_it({"ignore-on": "2"})
        for _ in range(3):
            self.assertEqual(self.chassis("set", "power", "1"), (0, ""))
        self.assertEqual(self.orders(), ["on"])
        self.bmc.break_it({"ignore-on": "always"})
        for _ in range(3):
            self.chassis("set", "power", "1")
        self.assertEqual(self.orders(), ["on"])
        self.assertEqual(self.bmc.faults(), {"ignore-on": "always"})

    def test_a_slow_one_takes_its_time_before_it_answers(self):
        self.bmc.break_it({"slow": 0.3})
        start = time.monotonic()
        self.assertEqual(self.power(), (0, "power:0"))
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_boot_devices_are_accepted_and_nonsense_is_not(self):
        self.assertEqual(self.chassis("get", "boot"), (0, "boot:default"))
        self.assertEqual(self.chassis("set", "boot", "pxe")[0], 0)
        self.assertEqual(self.chassis("get", "weather")[0], 1)


@unittest.skipUnless(shutil.which("ipmi_sim") and shutil.which("ipmitool"), "needs 'tools/packages testbed'")
class OverTheNetwork(PoweredFolder):
    """A real ipmi_sim on a free port of this machine, asked by ipmitool."""

    def setUp(self):
        super().setUp()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.bmc.ip = "127.0.0.1"
        for name, value in (("PORT", self.port), ("_TOOL", base.state("testbed")), ("_MODULE", base.state("module.so")),
                            ("network", mock.Mock())):
            self.patch(bmc, name, value)
        self.usage = base.state("cpuacct.usage")
        self.patch(bmc.cgroup, "detect").return_value.cpu_usage_file.return_value = self.usage
        self.use(0)
        self.bmc.host.change_settings(cpu=0.5)
        bmc.provide()
        self.bmc.start()
        self.addCleanup(lambda: self.bmc.process() and self.bmc.kill())
        self.addCleanup(self.wait_for_calls)  # before that: what has only just been started would be killed with it

    def use(self, seconds):
        base.write_text(self.usage, f"{int(seconds * 1e9)}\n")

    def ask(self, *words):
        """ipmitool's output, or its complaint."""
        line = self.bmc.ipmitool("-p", str(self.port), "-R", "2", *words)
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def watts(self):
        return int(self.ask("dcmi", "power", "reading").split("Instantaneous power reading:")[1].split()[0])

    def test_power_is_asked_for_and_ordered(self):
        self.assertIn("Power is off", self.ask("chassis", "power", "status"))
        self.ask("chassis", "power", "on")
        self.start_container()
        self.assertIn("Power is on", self.ask("chassis", "power", "status"))
        self.ask("chassis", "power", "soft")
        self.assertEqual(self.orders(), ["on", "shutdown"])

    def test_a_fault_that_fails_a_power_off_is_an_error_for_the_caller(self):
        self.bmc.break_it({"fail-off": "1"})
        self.assertIn("failed", self.ask("chassis", "power", "off"))
        self.assertEqual(self.orders(), [])

    def test_the_password_of_the_file_is_wrong_while_the_fault_lasts(self):
        self.bmc.break_it({"wrong-password": True})
        self.assertIn("Unable to establish", self.ask("chassis", "power", "status"))
        self.bmc.break_it({"wrong-password": None})
        self.assertIn("Power is off", self.ask("chassis", "power", "status"))

    def test_the_watts_follow_the_cpu_time(self):
        self.assertEqual(self.watts(), bmc.STANDBY_WATTS)
        self.start_container()
        self.assertEqual(self.watts(), bmc.IDLE_WATTS)
        self.use(3600)  # more than its half core can have used
        self.assertTrue(process.wait_until(lambda: self.watts() == bmc.PEAK_WATTS, 10, 0.2))


class Orders(StateFolder):
    def setUp(self):
        super().setUp()
        self.patch(bmc, "need_up")
        self.patch(sys, "stdout")
        self.done = []
        self.power = True
        self.patch(host.Host, "leader").side_effect = lambda: 1 if self.power else None
        for name in ("boot", "kill", "press_power_button"):
            self.patch(host.Host, name).side_effect = lambda name=name: self.done.append(name)

    def perform(self, *orders):
        for number, order in enumerate(orders, 9):  # 10 comes after 9
            base.write_text(os.path.join(self.bmc.folder, "orders", str(number)), order + "\n")
        for _ in orders:
            bmc.perform_order("host1")
        return self.done

    def test_orders_are_carried_out_in_turn(self):
        self.assertEqual(self.perform("off", "on", "shutdown"), ["kill", "boot", "press_power_button"])
        self.assertEqual(self.orders(), [])

    def test_a_reset_cuts_the_power_and_gives_it_back(self):
        self.assertEqual(self.perform("reset"), ["kill", "boot"])

    def test_a_host_without_power_is_only_powered_on(self):
        self.power = False
        self.assertEqual(self.perform("off", "reset", "shutdown", "on"), ["boot"])

    def test_an_order_that_fails_does_not_hold_up_the_next(self):
        host.Host.kill.side_effect = base.Problem("no")
        self.assertEqual(self.perform("off", "on"), ["boot"])


class Secrets(StateFolder):
    def test_only_root_may_read_the_password_and_its_copy(self):
        groups = self.patch(bmc.cgroup, "detect").return_value
        groups.cpu_usage_file.return_value = "/usage"
        self.bmc._configure()
        for path in (self.bmc.password_file, os.path.join(self.bmc.folder, "lan.conf")):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.bmc.folder).st_mode & 0o777, 0o700)
        self.assertIn(base.read_text(self.bmc.password_file), base.read_text(os.path.join(self.bmc.folder, "lan.conf")))
        self.assertNotIn(base.read_text(self.bmc.password_file), " ".join(self.bmc.ipmitool("chassis", "status")))

    def test_a_wrong_password_is_that_of_the_bmc_not_of_the_file(self):
        self.patch(bmc.cgroup, "detect").return_value.cpu_usage_file.return_value = "/usage"
        self.bmc.break_it({"wrong-password": True})
        self.bmc._configure()
        self.assertNotIn(base.read_text(self.bmc.password_file), base.read_text(os.path.join(self.bmc.folder, "lan.conf")))


class Redfish(StateFolder):
    def setUp(self):
        super().setUp()
        self.script("#!/bin/sh\necho power:1\n")
        self.service = redfish.Service("admin", "secret", base.state("chassis"))

    def script(self, text):
        base.write_text(base.state("chassis"), text, 0o755)

    def answer(self, method, path, body="", password="secret"):
        authorization = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
        return self.service.answer(method, "/redfish/v1" + path, authorization, body)

    def reset(self, kind):
        return self.answer("POST", "/Systems/1/Actions/ComputerSystem.Reset", json.dumps({"ResetType": kind}))[0]

    def test_the_system_is_found_and_tells_its_power(self):
        self.assertEqual(self.answer("GET", "/Systems")[1]["Members"], [{"@odata.id": "/redfish/v1/Systems/1"}])
        self.assertEqual(self.answer("GET", "/Systems/1/")[1]["PowerState"], "On")
        self.script("#!/bin/sh\necho power:0\n")
        self.assertEqual(self.answer("GET", "/Systems/1")[1]["PowerState"], "Off")

    def test_resets_are_told_to_the_chassis_script(self):
        self.script(f'#!/bin/sh\necho "$*" >>{base.state("told")}\n')
        self.assertEqual([self.reset(kind) for kind in redfish.RESETS], [204] * 4)
        self.assertEqual(base.read_text(base.state("told")), "set power 1\nset power 0\nset reset 1\nset shutdown 1\n")

    def test_nothing_happens_without_the_password_or_with_nonsense(self):
        self.assertEqual(self.answer("GET", "/Systems/1", password="wrong")[0], 401)
        self.assertEqual(self.service.answer("GET", "/redfish/v1/Systems/1", None)[0], 401)
        self.assertEqual([self.reset("Explode"), self.answer("GET", "/Systems/2")[0]], [400, 404])

    def test_a_chassis_that_fails_is_an_error(self):
        self.script("#!/bin/sh\nexit 1\n")
        self.assertEqual([self.reset("ForceOff"), self.answer("GET", "/Systems/1")[0]], [500, 500])


class CommandLine(unittest.TestCase):
    def changes(self, *words):
        return bmc_verb.changes(verbs.parser().parse_args(["bmc", "fault", "host1", *words]))

    def test_faults_that_are_not_named_stay_and_zero_ends_one(self):
        self.assertEqual(self.changes("--ignore-on", "3", "--lie", "0"), {"ignore-on": "3", "lie": None})
        self.assertEqual(self.changes("--slow", "0", "--no-wrong-password"), {"slow": None, "wrong-password": None})
        self.assertEqual(self.changes("--fail-off", "always", "--wrong-password"), {"fail-off": "always", "wrong-password": True})

    def test_a_count_is_a_number_or_always(self):
        for wrong in ("-1", "often", "1.5"):
            with self.assertRaises(SystemExit), mock.patch("sys.stderr"):
                self.changes("--lie", wrong)


if __name__ == "__main__":
    unittest.main()
