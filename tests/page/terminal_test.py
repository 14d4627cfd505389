#!/usr/bin/python3
"""`ballastctl top` in tmux, against a daemon on simulated hosts: what it shows in 80x24, its keys, a resize, a daemon that
goes and comes back, and the terminal as it was before, however it ends.
  terminal_test.py CLUSTER-PROGRAM BALLASTCTL [unittest's arguments]"""
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from simulated import Cluster, eventually
from tmux import Tmux

PROGRAM, BALLASTCTL = sys.argv[1:3]


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.busy = Cluster(PROGRAM, hosts=40)

    @classmethod
    def tearDownClass(cls):
        cls.busy.close()

    def begin(self, cluster=None, columns=80, rows=24):
        cluster = cluster or self.busy
        tmux = Tmux(columns, rows)
        self.addCleanup(tmux.close)
        tmux.keys(f"{BALLASTCTL} --socket {cluster.socket} top", "Enter")
        eventually(lambda: "hosts by attention" in tmux.screen(), "top is drawn")
        return tmux

    def is_over(self, tmux):
        """The other screen is left, the cursor is there, and what is typed is echoed."""
        eventually(lambda: tmux.alternate() == "01", "the terminal is as it was")
        tmux.keys("echo a$((1+1))b", "Enter")
        eventually(lambda: re.search(r"a2b$", tmux.screen(), re.M) and "echo a$((1+1))b" in tmux.screen(), "the shell works")

    def test_all_that_matters_is_on_80x24(self):
        screen = self.begin().screen()
        lines = screen.rstrip("\n").split("\n")
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertRegex(lines[0], r"Ballast +automatic +\d+ of 40 hosts")
        self.assertRegex(lines[1], r"need")
        self.assertIn("host5: ", screen)
        self.assertRegex(screen, r"host1 → host\d+ .*of about")
        self.assertRegex(screen, r"host1 +overloaded")
        self.assertRegex(lines[-1], r"40 hosts by attention +q quit")

    def test_keys_sort_scroll_and_change_the_table(self):
        tmux = self.begin()
        for key, sort in (("n", "name"), ("m", "memory"), ("c", "CPU"), ("v", "VMs")):
            tmux.keys(key)
            eventually(lambda: f"hosts by {sort}" in tmux.screen(), f"sorted by {sort}")
        tmux.keys("n")
        eventually(lambda: re.search(r"^ host1 +overloaded", tmux.screen(), re.M), "host1 is the first by name")
        tmux.keys("Down")
        eventually(lambda: not re.search(r"^ host1 +overloaded", tmux.screen(), re.M), "it is scrolled")
        tmux.keys("Up")
        eventually(lambda: re.search(r"^ host1 +overloaded", tmux.screen(), re.M), "and back")
        tmux.keys("Tab")
        eventually(lambda: re.search(r"240 VMs by CPU", tmux.screen()), "the VMs are shown")
        eventually(lambda: re.search(r"^ vm\d+-\d +host", tmux.screen(), re.M), "with their hosts")
        tmux.keys("Tab")
        eventually(lambda: re.search(r"The last \d+ of the history", tmux.screen()), "what was done is shown")
        tmux.keys("Tab")
        eventually(lambda: "40 hosts by attention" in tmux.screen(), "and the hosts again")

    def test_a_resize_is_drawn_at_once(self):
        tmux = self.begin()
        tmux.do("resize-window", "-x", "120", "-y", "40")
        eventually(lambda: "hosts by attention" in tmux.screen().rstrip("\n").split("\n")[-1] and
                   len(tmux.screen().rstrip("\n").split("\n")) == 40, "40 lines are used")
        tmux.do("resize-window", "-x", "40", "-y", "10")
        eventually(lambda: "hosts by attention" in tmux.screen().rstrip("\n").split("\n")[-1], "10 lines are enough")

    def test_q_gives_the_terminal_back(self):
        tmux = self.begin()
        self.assertEqual(tmux.alternate(), "10")
        tmux.keys("q")
        self.is_over(tmux)

    def test_signals_give_the_terminal_back(self):
        for signal in ("INT", "TERM", "HUP"):
            with self.subTest(signal=signal):
                tmux = self.begin()
                shell = tmux.do("display-message", "-p", "#{pane_pid}").strip()
                child = subprocess.run(["pgrep", "-P", shell], check=True, capture_output=True, text=True).stdout.split()
                subprocess.run(["kill", "-" + signal] + child, check=True)
                self.is_over(tmux)

    def test_stopped_and_continued_it_goes_on(self):
        tmux = self.begin()
        tmux.keys("C-z")
        self.is_over(tmux)
        tmux.keys("fg", "Enter")
        eventually(lambda: "hosts by attention" in tmux.screen() and tmux.alternate() == "10", "it goes on")

    def test_a_daemon_that_goes_is_told_of_and_one_that_comes_back(self):
        cluster = Cluster(PROGRAM, calm=True)
        self.addCleanup(cluster.close)
        tmux = self.begin(cluster)
        eventually(lambda: "All is well" in tmux.screen(), "all is well")
        cluster.stop()
        eventually(lambda: re.search(r"^ ! .* \d+ s old", tmux.screen(), re.M), "the figures are called old")
        self.assertRegex(tmux.screen(), r"host1 ")
        cluster.start()
        eventually(lambda: "All is well" in tmux.screen(), "all is well again")

    def test_once_prints_one_frame_for_pipes(self):
        run = subprocess.run([BALLASTCTL, "--socket", self.busy.socket, "top", "--once"], capture_output=True, text=True, check=True,
                             env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertNotIn("\x1b", run.stdout)
        self.assertIn("host40", run.stdout)
        self.assertIn("host5: ", run.stdout)
        piped = subprocess.run([BALLASTCTL, "--socket", self.busy.socket, "top"], capture_output=True, text=True, check=True)
        self.assertNotIn("\x1b", piped.stdout)
        gone = subprocess.run([BALLASTCTL, "--socket", "/nowhere/ballast.sock", "top", "--once"], capture_output=True, text=True)
        self.assertEqual((gone.returncode, gone.stdout), (4, ""))
        self.assertNotEqual(gone.stderr, "")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
