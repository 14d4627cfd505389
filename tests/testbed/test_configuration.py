"""Configurations that are wrong, in the hands of the real programs; and those that are right, by systemctl reload."""

import glob
import os
import re
import shutil
import subprocess
import tempfile

import support
from support import OBSERVE, ClusterTest, ballast, wait_until

HOSTILE = os.path.join(support.SOURCE, "tests", "config", "hostile")


def samples():
    """Every hostile file, by name."""
    return sorted(glob.glob(os.path.join(HOSTILE, "*.yaml")))


def expected_places(path):
    """The LINE:COLUMN of each problem the file is to be refused for."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return re.findall(r"^# expect: (\d+:\d+):", file.read(), re.MULTILINE)


def check(path):
    """`ballastd --check` with the file as daemon's file or as policy; (status, stderr)."""
    with tempfile.TemporaryDirectory() as folder:
        policy = os.path.join(folder, "policy.d")
        os.mkdir(policy)
        daemon = os.path.join(folder, "ballast.yaml")
        if os.path.basename(path).startswith("daemon-"):
            shutil.copy(path, daemon)
        else:
            shutil.copy(path, policy)
            with open(daemon, "w", encoding="utf-8") as file:
                file.write(f"policy_dir: {policy}\n")
        program = os.path.join(support.BUILD, "bin", "ballastd")
        done = subprocess.run([program, "--check", "--config", daemon], capture_output=True, timeout=30, check=False)
        return done.returncode, done.stderr.decode(errors="replace")


class Configuration(ClusterTest):
    """Nothing of a file that is wrong comes into force."""

    def test_every_hostile_file_is_refused_with_the_place_of_each_problem(self):
        self.assertGreaterEqual(len(samples()), 50)
        wrong = []
        for path in samples():
            status, text = check(path)
            missing = [place for place in expected_places(path) if not re.search(rf"\.yaml:{place}: ", text)]
            if status != 2 or missing or not expected_places(path):
                wrong.append(f"{os.path.basename(path)}: status {status}, not named: {missing}: {text[:200]}")
        self.assertEqual(wrong, [])

    def test_a_running_daemon_keeps_the_last_good_policy_and_reloads_a_good_one(self):
        self.start(OBSERVE)
        before = self.ballast.ctl("policy", "show")
        pid = self.ballast.main_pid()
        policies = [path for path in samples() if not os.path.basename(path).startswith("daemon-")]
        for path in policies[::len(policies) // 12]:
            with open(path, "rb") as file:
                bad = file.read()
            with open(self.ballast.host.path("/etc/ballast/policy.d/50-bad.yaml"), "wb") as file:
                file.write(bad)
            with self.assertRaises(ballast.Refused, msg=path) as caught:
                self.ballast.ctl("reload")
            self.assertIn("50-bad.yaml:", str(caught.exception))
            self.assertEqual(caught.exception.status, 2)
        self.ballast.systemctl("reload", "ballastd", check=False)
        self.assertEqual(self.ballast.ctl("policy", "show"), before)
        self.ballast.write_policy(None, "50-bad.yaml")
        self.ballast.write_policy(OBSERVE.replace("observe", "confirm", 1))
        self.ballast.systemctl("reload", "ballastd")
        wait_until("the new policy", lambda: self.ballast.ctl("status")["mode"], lambda mode: mode == "confirm")
        self.assertEqual(self.ballast.main_pid(), pid)

    def test_a_daemon_whose_configuration_is_wrong_does_not_start_and_says_where(self):
        self.ballast.configure("mode: sometimes\n")
        with self.assertRaises(support.Problem):
            self.ballast.start(fresh=True)
        self.ballast.systemctl("stop", "ballastd")
        self.assertRegex(self.ballast.journal(10), r"10-test\.yaml:1:7: ")
