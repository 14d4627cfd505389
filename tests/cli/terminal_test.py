#!/usr/bin/python3
"""What a person sees of ballastctl in a terminal: --watch, --wait and init in tmux, and the same on pipes.
  terminal_test.py CLUSTER-PROGRAM BALLASTCTL [unittest's arguments]"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "page"))
from simulated import Cluster, eventually
from tmux import Tmux

PROGRAM, BALLASTCTL = sys.argv[1:3]


class InTerminal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(PROGRAM, hosts=40)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def begin(self, words, cluster=None, columns=80, rows=24):
        tmux = Tmux(columns, rows)
        self.addCleanup(tmux.close)
        tmux.keys(f"export BALLAST_SOCKET={(cluster or self.cluster).socket}; clear", "Enter")
        tmux.keys(f"{BALLASTCTL} {words}; echo ended with $?", "Enter")
        return tmux

    # What ends a line may stand behind the prompt: a shell on a busy machine writes that after what was typed ahead.
    def sees(self, tmux, pattern):
        try:
            eventually(lambda: re.search(pattern, tmux.screen(), re.M), f"{pattern} is seen")
        except AssertionError as missed:
            raise AssertionError(f"{missed}, but:\n{tmux.screen()}") from None

    def test_a_watch_fills_the_screen_and_q_ends_it_with_0(self):
        tmux = self.begin("hosts --watch 0.5")
        self.sees(tmux, r"every 0.5 s +.*q quit")
        lines = tmux.screen().rstrip("\n").split("\n")
        self.assertEqual(len(lines), 24)
        self.assertLessEqual(max(map(len, lines)), 80)
        self.sees(tmux, r"^ lines 1-22 of \d+")
        first = re.search(r"\d\d:\d\d:\d\d", lines[0])[0]
        eventually(lambda: first not in tmux.screen().split("\n")[0], "it looks again")
        tmux.keys("PageDown")
        self.sees(tmux, r"^ lines 23-")
        tmux.do("resize-window", "-x", "140", "-y", "60")
        self.sees(tmux, r"host40 ")
        tmux.keys("q")
        self.sees(tmux, r"ended with 0$")

    def test_control_c_ends_a_watch_with_130_and_gives_the_terminal_back(self):
        tmux = self.begin("status -w")
        self.sees(tmux, r"every 2 s")
        tmux.keys("C-c")
        eventually(lambda: tmux.alternate() == "01", "the terminal is as it was")
        tmux.keys("echo status $?", "Enter")
        self.sees(tmux, r"status 130$")

    def test_a_watch_that_was_stopped_shows_at_once_what_it_had_seen(self):
        tmux = self.begin("hosts --watch 600")
        self.sees(tmux, r"^ host1 ")
        tmux.keys("C-z")
        eventually(lambda: tmux.alternate() == "01", "the terminal is the shell's")
        tmux.keys("fg", "Enter")
        self.sees(tmux, r"^ host1 ")

    def test_a_daemon_that_goes_away_is_told_of_and_the_watch_goes_on(self):
        cluster = Cluster(PROGRAM, calm=True)
        self.addCleanup(cluster.close)
        tmux = self.begin("hosts --watch 0.5", cluster)
        self.sees(tmux, r"^ host1 +ok")
        cluster.stop()
        self.sees(tmux, r"^ ! this is [1-9]\d* s old, watching on: ")
        self.assertIn("host1 ", tmux.screen())
        cluster.start()
        eventually(lambda: "watching on" not in tmux.screen() and "host1 " in tmux.screen(), "it goes on")

    def test_a_migration_that_is_waited_for_shows_bytes_rate_and_what_is_left_in_one_line(self):
        tmux = self.begin("migrate vm4-0 --to host3 --force --wait", columns=140)
        self.sees(tmux, r"^ op-\d+ vm4-0 running .*[MG]iB of 4 GiB, \d+ MiB/s, about .* left")
        seen = re.search(r"running .* of 4 GiB", tmux.screen())[0]
        eventually(lambda: seen not in tmux.screen(), "it goes on")
        self.assertEqual(len(re.findall(r"vm4-0 running", tmux.screen())), 1)

    def test_init_asks_and_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            tmux = self.begin(f"init --into {folder}/etc", columns=140, rows=50)
            self.sees(tmux, r"y/n \[[yn]\]: ?$")
            tmux.keys("y", "Enter")
            for question in (r"Other hosts \[none\]: ?$", r"all hosts share .*: ?$", r"etcd's members \[embedded\]: ?$",
                             r"Mode \[observe\]: ?$", r"Write .* y/n \[y\]: ?$"):
                self.sees(tmux, question)
                tmux.keys("Enter")
            self.sees(tmux, r"ended with 0$")
            self.assertIn("written: ", tmux.screen())
            self.assertTrue(os.path.exists(f"{folder}/etc/policy.d/10-policy.yaml"))

    def test_nothing_for_terminals_is_written_to_a_pipe(self):
        base = [BALLASTCTL, "--socket", self.cluster.socket]
        for words in (["hosts", "--watch", "0.5"], ["migrate", "vm6-0", "--to", "host3", "--force", "--wait"]):
            run = subprocess.run(["timeout", "--signal=INT", "3", *base, *words], capture_output=True, text=True,
                                 env={**os.environ, "LC_ALL": "C.UTF-8"})
            self.assertNotIn("\x1b", run.stdout)
            self.assertNotIn("\r", run.stdout)
            self.assertGreater(len(run.stdout.splitlines()), 0, run.stderr)

    def test_colours_are_for_terminals_unless_NO_COLOR_is_set(self):
        def coloured(*environment):
            tmux = Tmux(80, 50)
            self.addCleanup(tmux.close)
            tmux.keys(f"{' '.join(environment)} {BALLASTCTL} --socket {self.cluster.socket} status; echo ended", "Enter")
            self.sees(tmux, r"ended(?<!echo ended)$")
            return "\x1b[" in tmux.do("capture-pane", "-p", "-e").replace("\x1b[39m", "").replace("\x1b[0m", "")
        self.assertTrue(coloured())
        self.assertFalse(coloured("NO_COLOR=1"))
        self.assertFalse(coloured("TERM=dumb"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
