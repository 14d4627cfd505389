"""Ballast itself on the testbed: its programs, unit and configuration in a host, and what tests and the demo ask of it."""

import json
import os
import shutil
import subprocess
import time

import bmc
import cgroup
from base import Problem, read_text, run, state, write_text
from host import all_hosts, named

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SOCKET = "/run/ballast/ballast.sock"
STATE_DIR = "/var/lib/ballast"
_POLICY_DIR = "/etc/ballast/policy.d"
_PROGRAMS = {"ballastd": "/usr/sbin/ballastd", "ballast-powerd": "/usr/sbin/ballast-powerd",
             "ballastctl": "/usr/bin/ballastctl"}
_FILES = {"systemd/ballastd.service": "/lib/systemd/system/ballastd.service",
          "systemd/ballast-powerd.service": "/lib/systemd/system/ballast-powerd.service",
          "systemd/ballast.sysusers": "/usr/lib/sysusers.d/ballast.conf",
          "systemd/ballast.tmpfiles": "/usr/lib/tmpfiles.d/ballast.conf",
          "systemd/ballast.rules": "/usr/share/polkit-1/rules.d/60-ballast.rules"}
_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
FINAL = ("done", "rolled_back", "cancelled", "failed")


class Refused(Problem):
    """ballastctl ended with another status than 0; `status` is that."""

    def __init__(self, text, status):
        super().__init__(text)
        self.status = status


def wait_until(what, look, wanted=bool, timeout=60, step=0.3):
    """Looks until what is seen is wanted, and returns it; else fails with what was seen last.

    A look that fails with a Problem is looked at again: daemons restart, hosts are away.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            seen = look()
            if wanted(seen):
                return seen
        except Problem as problem:
            seen = problem
        if time.monotonic() > deadline:
            raise Problem(f"waited {timeout} s for: {what}; last seen: {_shortened(seen)}")
        time.sleep(step)


def _shortened(seen):
    text = str(seen)
    return text if len(text) <= 1200 else text[:1200] + " ..."


def share_of_cpus(host):
    """How much of the machine's CPUs the host's quota leaves to its guests, in percent."""
    return max(1, round(100 * host.settings()["cpu"] / os.cpu_count()))


def host_entry(host, local, uri=None, peer_uri=None, site=None):
    """The host's line in ballast.yaml."""
    parts = [f"name: {host.name}"] + ([f"site: {site}"] if site else [])
    if host.name == local:
        parts += ['uri: "qemu:///system"', f'peer_uri: "{peer_uri or uri or outer(host)}"']
    else:
        parts += [f'uri: "{uri or outer(host)}"'] + ([f'peer_uri: "{peer_uri}"'] if peer_uri else [])
    return "  - {" + ", ".join(parts) + f", cpu_share: {share_of_cpus(host)}%}}\n"


def outer(host):
    """The host's URI for the others."""
    return f"qemu+tcp://{host.ip}/system"


def indented(text, by="    "):
    """The text's lines for a message."""
    return "".join(f"{by}{line}\n" for line in text.splitlines())


class Ballast:
    """ballastd as a service of one host, from the programs of a build."""

    def __init__(self, build, host="host1"):
        self.build = build
        self.host = named(host)

    # -- installing

    def install(self):
        """Puts programs, unit, users, folders and completion into the host; what is there already stays."""
        for name, destination in _PROGRAMS.items():
            self._install_program(self._stripped(name), destination)
        for name, destination in _FILES.items():
            self.host.install(os.path.join(SOURCE, name), destination, 0o644)
        self.host.run(["systemd-sysusers"])
        self.host.run(["systemd-tmpfiles", "--create", "ballast.conf"])
        write_text(self.host.path("/usr/share/bash-completion/completions/ballastctl"),
                   self.host.run(["ballastctl", "completion", "bash"]))
        self.host.run(["systemctl", "daemon-reload"])

    def _stripped(self, name):
        """A copy of the build's program without its debugging information: 3 MB instead of 30."""
        source = os.path.join(self.build, "bin", name)
        if not os.path.exists(source):
            raise Problem(f"{source} is missing; build it with 'ninja -C {self.build} ballastd ballastctl'")
        kept = state("stripped", name)
        if not os.path.exists(kept) or os.stat(kept).st_mtime_ns != os.stat(source).st_mtime_ns:
            os.makedirs(os.path.dirname(kept), exist_ok=True)
            run(["strip", "-o", kept + ".new", source])
            shutil.copystat(source, kept + ".new")
            os.rename(kept + ".new", kept)
        return kept

    def _install_program(self, source, destination):
        target = self.host.path(destination)
        if not os.path.exists(target) or os.stat(target).st_mtime_ns != os.stat(source).st_mtime_ns:
            self.host.install(source, destination, 0o755)

    # -- configuring

    def configure(self, policy, uris=None, sites=None, without=(), **options):
        """Writes ballast.yaml for all hosts of the cluster, but for those `without`, and the policy. `uris`: {host: other uri
        for the others than tcp}; `sites`: {host: site}."""
        settings = {"interval": "1s", "stale_after": "8s", "call_deadline": "5s", "log_level": "debug",
                    "health": "{probe: []}", **options}  # a container says what the machine around it is like
        lines = "".join(host_entry(host, self.host.name, (uris or {}).get(host.name), site=(sites or {}).get(host.name))
                        for host in all_hosts() if host.name not in without)
        text = "hosts:\n" + lines + "shared_storage: [/srv/vms]\n" + "".join(f"{key}: {value}\n" for key, value in settings.items())
        write_text(self.host.path("/etc/ballast/ballast.yaml"), text, 0o644)
        for name in os.listdir(self.host.path(_POLICY_DIR)):
            os.unlink(self.host.path(f"{_POLICY_DIR}/{name}"))
        self.write_policy(policy)

    def write_policy(self, text, name="10-test.yaml"):
        """Writes one file of the policy; None removes it."""
        path = self.host.path(f"{_POLICY_DIR}/{name}")
        if text is None:
            os.unlink(path)
        else:
            write_text(path, text, 0o644)

    # -- the power broker

    def start_broker(self, hosts=None):
        """The broker, with the BMCs of these hosts (all), on the BMCs' own network."""
        known = [one for one in bmc.all_bmcs() if hosts is None or one.host.name in hosts]
        lines = ""
        for one in known:
            secret = f"/etc/ballast/power/{one.host.name}"
            write_text(self.host.path(secret), read_text(one.password_file) + "\n", 0o640)
            lines += (f"  - name: {one.host.name}\n    reading: ipmi\n    levels:\n      - agent: fence_ipmilan\n"
                      f"        parameters: {{ip: {one.ip}, username: {bmc.USER}, lanplus: 1, cipher: 3}}\n"
                      f"        secrets: {{password: {{file: {secret}}}}}\n        timeout: 8s\n")
        write_text(self.host.path("/etc/ballast/power.yaml"), "hosts:\n" + lines, 0o640)
        self.host.run(["chgrp", "-R", "ballast-power", "/etc/ballast/power.yaml", "/etc/ballast/power"])
        self.systemctl("reset-failed", "ballast-powerd", check=False)
        self.systemctl("restart", "ballast-powerd")

    def stop_broker(self):
        """Nobody answers at the broker's socket."""
        self.systemctl("stop", "ballast-powerd", check=False)

    def power(self, host):
        """The host's row of `ballastctl power list`."""
        return next(row for row in self.ctl("power", "list")["hosts"] if row["host"] == host)

    # -- the service

    def systemctl(self, *words, check=True, timeout=60):
        """systemctl in the host."""
        return self.host.run(["systemctl", *words], check, timeout)

    def start(self, fresh=False):
        """Starts the service and waits until it says that it is ready; fresh: without memory of earlier runs."""
        if fresh:
            self.stop()
            self.forget()
        self._reset_failed()
        try:
            self.systemctl("start", "ballastd")
        except Problem as problem:
            raise Problem(f"{problem}\n{self.journal(15)}") from None

    def _reset_failed(self):
        self.systemctl("reset-failed", "ballastd", check=False)

    def stop(self):
        """Stops the service; running migrations go on."""
        self.systemctl("stop", "ballastd")

    def forget(self):
        """Empties the state folder; ssh keys stay."""
        folder = self.host.path(STATE_DIR)
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name != ".ssh":
                path = os.path.join(folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def main_pid(self):
        """The daemon's pid in the host, 0 when it does not run."""
        return int(self.systemctl("show", "--property=MainPID", "--value", "ballastd").strip() or 0)

    def is_active(self):
        """True when systemd says that the service runs and is ready."""
        return self.systemctl("is-active", "ballastd", check=False).strip() == "active"

    def kill(self):
        """kill -9; systemd starts it again after two seconds."""
        self.systemctl("kill", "--signal=KILL", "ballastd")

    def wrong_clock(self, offset):
        """Steps the running daemon's wall clock, and no other, to be off by e.g. "+3600" seconds; None: the right one again."""
        drop_in, clock = "/etc/systemd/system/ballastd.service.d/clock.conf", "/etc/ballast/clock"
        if offset is not None and os.path.exists(self.host.path(drop_in)):
            write_text(self.host.path(clock), offset + "\n", 0o644)
            return
        if offset is None:
            self.host.run(["rm", "-f", drop_in, clock])
        else:
            write_text(self.host.path(clock), "+0\n", 0o644)
            write_text(self.host.path(drop_in), f"[Service]\nEnvironment=LD_PRELOAD={_FAKETIME} FAKETIME_TIMESTAMP_FILE={clock} "
                       "FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1\n", 0o644)
        self.systemctl("daemon-reload")
        self.systemctl("restart", "ballastd")
        if offset is not None:
            self.wrong_clock(offset)

    def kill_for_good(self):
        """kill -9, and nobody starts it again."""
        self.kill()
        self.stop()

    def journal(self, lines=40, since=None):
        """The last lines of the daemon's journal."""
        words = ["journalctl", "--unit=ballastd", "--no-pager", "--output=cat", f"--lines={lines}"]
        return self.host.run(words + ([f"--since=@{int(since)}"] if since else []), check=False)

    # -- asking it

    def call(self, *words, timeout=60):
        """ballastctl in the host: (exit status, stdout, stderr)."""
        try:
            done = subprocess.run(self.host.enter(["ballastctl", *words]), capture_output=True, text=True, timeout=timeout,
                                  stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired:
            raise Problem(f"'ballastctl {' '.join(words)}' did not end within {timeout} s") from None
        return done.returncode, done.stdout, done.stderr

    def ctl(self, *words, timeout=60):
        """What `ballastctl -o json` answers, as data. Raises Refused when it ends with another status than 0."""
        status, out, err = self.call("-o", "json", *words, timeout=timeout)
        if status:
            raise Refused(f"ballastctl {' '.join(words)}: {(err or out).strip()} (status {status})", status)
        return json.loads(out) if out.strip() else None

    def hosts(self):
        """{name: Host} as `ballastctl hosts` has it."""
        return {host["id"]: host for host in self.ctl("hosts")["hosts"]}

    def vm(self, name):
        """The VM's row of `ballastctl vms`, or None."""
        return next((vm for vm in self.ctl("vms")["vms"] if vm["name"] == name), None)

    def operations(self):
        """All operations, oldest first."""
        history = self.ctl("history", "--limit", "500")
        return sorted(history["ended"] + history["active"], key=lambda operation: operation["id"])

    def operation(self, identity):
        """One operation; a Problem when it is unknown."""
        for operation in self.operations():
            if operation["id"] == identity:
                return operation
        raise Problem(f"no operation {identity}")

    def migrate(self, vm, to, *words):
        """Starts a migration; returns its id."""
        return self.ctl("migrate", vm, "--to", to, *words)["id"]

    def wait_for_end(self, identity, timeout=90):
        """The operation once it is final."""
        return wait_until(f"the end of {identity}", lambda: self.operation(identity),
                          lambda operation: operation["state"] in FINAL, timeout)

    def wait_watching(self, hosts=None, timeout=60):
        """Until these hosts (all) are up and sampled, and the facts of their VMs known."""
        def look():
            return self.hosts(), [vm["name"] for vm in self.ctl("vms")["vms"] if not vm["facts_known"]]
        def wanted(seen):
            rows, unknown = seen
            return not unknown and all(row["connection"] == "up" and not row["stale"] and row["cpu"]["capacity_cores"]
                                       for name, row in rows.items() if hosts is None or name in hosts)
        return wait_until("fresh figures of all hosts", look, wanted, timeout)

    # -- the figures behind the demo

    def cpu_seconds(self):
        """{host: CPU seconds it has used}."""
        groups = cgroup.detect()
        return {host.name: groups.used_cpu_seconds(host.name) for host in all_hosts()}
