"""A terminal that a test can look at."""
import os
import subprocess
import tempfile

from simulated import eventually


class Tmux:
    """A server of its own with one window, in which a shell runs."""

    def __init__(self, columns=80, rows=24):
        self.folder = tempfile.TemporaryDirectory(prefix="ballast-tmux-")
        self.base = ["tmux", "-u", "-S", os.path.join(self.folder.name, "tmux"), "-f", "/dev/null"]
        self.do("new-session", "-d", "-x", str(columns), "-y", str(rows), "env", "PS1=ready$ ", "LC_ALL=C.UTF-8", "sh")
        eventually(lambda: "ready$" in self.screen(), "the shell is there")

    def do(self, *words):
        return subprocess.run(self.base + list(words), check=True, capture_output=True, text=True).stdout

    def keys(self, *keys):
        self.do("send-keys", *keys)

    def screen(self):
        return self.do("capture-pane", "-p")

    def alternate(self):
        return self.do("display-message", "-p", "#{alternate_on}#{cursor_flag}").strip()

    def close(self):
        self.do("kill-server")
        self.folder.cleanup()
