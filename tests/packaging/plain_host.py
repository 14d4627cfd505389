"""A plain Debian machine to install packages on: an nspawn container on an overlay of a root that debootstrap made.

It has no network: what apt may install was downloaded before into the root, from the mirror that this machine is configured for.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
os.environ["BALLAST_TESTBED"] = "packaging"  # apart from every testbed
sys.path.insert(0, str(SOURCE / "testbed" / "lib"))
import base  # noqa: E402
import cgroup  # noqa: E402
import process  # noqa: E402
from base import Problem  # noqa: E402

CACHE = pathlib.Path(os.environ.get("BALLAST_PACKAGING_CACHE", "/var/cache/ballast-packaging"))
_SUITE = "bookworm"
_MIRROR = os.environ.get("BALLAST_DEBIAN_MIRROR", "http://deb.debian.org/debian")
_ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive"]


def plain_root(*wanted):
    """The folder of the plain root, in whose cache are all packages that `wanted` (names or files) need."""
    root = CACHE / _SUITE
    if not root.exists():
        new = CACHE / f"{_SUITE}.new"
        shutil.rmtree(new, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        base.run(["debootstrap", "--variant=minbase", "--include=systemd-sysv,dbus", _SUITE, str(new), _MIRROR], timeout=900)
        shutil.copy("/etc/resolv.conf", new / "etc/resolv.conf")
        base.run(["chroot", str(new), "apt-get", "-q", "update"], timeout=300)
        new.rename(root)
    for number, package in enumerate(wanted):
        name = str(package)
        if os.path.exists(name):
            shutil.copy(name, root / f"tmp/{number}.deb")
            name = f"/tmp/{number}.deb"
        base.run(["chroot", str(root), "env", *_ENVIRONMENT, "apt-get", "-q", "install", "-y", "--no-install-recommends",
                  "--download-only", *name.split()], timeout=900)
    return root


class PlainHost:
    """One booted machine; use as a context. Its disk is gone with it."""

    def __init__(self, root):
        self.root = root
        self.folder = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ballast-packaging-", dir="/var/tmp"))
        try:
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _boot(self):
        for name in ("up", "work", "root"):
            (self.folder / name).mkdir()
        layers = f"lowerdir={self.root},upperdir={self.folder}/up,workdir={self.folder}/work"
        base.run(["mount", "-t", "overlay", "ballast-plain", "-o", layers, str(self.path("/"))])
        base.write_text(str(self.path("/etc/hostname")), "plain\n")
        base.write_text(str(self.path("/etc/hosts")), "127.0.0.1 localhost plain\n")
        groups = cgroup.detect()
        groups.create("plain")
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "-D", str(self.path("/")), "-M", "plain", "--boot",
                   "--private-network", "--capability=all", "--system-call-filter=@known", "--console=pipe", "--resolv-conf=off",
                   "--timezone=off", "--link-journal=no"]
        process.start_daemon(command, str(self.folder / "console.log"), str(self.folder / "nspawn.json"), groups.procs("plain"))
        if not process.wait_until(self._leader, 15):
            raise Problem(f"the plain host did not start: {base.read_text(str(self.folder / 'console.log'))}")
        # Not --wait: that ends at once while systemd has no bus yet.
        if not process.wait_until(lambda: self.run("systemctl", "is-system-running", check=False) in ("running", "degraded"), 120):
            raise Problem(f"the plain host did not come up: {base.read_text(str(self.folder / 'console.log'))}")

    def __exit__(self, *_):
        leader = self._leader()
        if leader:
            process.kill(leader)
        groups = cgroup.detect()
        process.kill_all(lambda: groups.processes("plain"), 20, "the plain host")
        if os.path.ismount(self.path("/")):
            base.run(["umount", str(self.path("/"))])
        groups.remove()
        shutil.rmtree(self.folder)

    def path(self, inside):
        """Where a path of the host lies here."""
        return self.folder / "root" / inside.lstrip("/")

    def _leader(self):
        container = process.recorded(str(self.folder / "nspawn.json"))
        inner = process.children(container) if container else []
        return inner[0] if inner else None

    def run(self, *command, check=True, timeout=120, stdin=None):
        """Runs a command inside; returns its output, both streams. Raises a Problem with it when the command fails."""
        line = ["nsenter", "-t", str(self._leader()), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", "env", "-i",
                *_ENVIRONMENT, *command]
        done = subprocess.run(line, input=stdin or "", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=timeout)
        if check and done.returncode:
            raise Problem(f"'{' '.join(command)}' ended with status {done.returncode}:\n{done.stdout[-2000:]}")
        return done.stdout.strip()

    def status(self, *command):
        """The exit status of a command inside."""
        return int(self.run("sh", "-c", '"$@" >/dev/null 2>&1; echo $?', "sh", *command))

    def install(self, *packages):
        """Installs packages, by file or name, without what they only recommend; returns what apt said."""
        names = []
        for number, package in enumerate(packages):
            if os.path.exists(str(package)):
                shutil.copy(str(package), self.path(f"/root/{number}-{os.path.basename(package)}"))
                names.append(f"/root/{number}-{os.path.basename(package)}")
            else:
                names += str(package).split()
        return self.run("apt-get", "-q", "install", "-y", "--no-install-recommends",
                        "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", *names, timeout=600)
