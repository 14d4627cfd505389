"""One host: an nspawn container with its own systemd and libvirtd on an overlay of this machine's root."""

import json
import os
import shutil
import signal
import subprocess
import sys

import cgroup
import network
import process
import seed
from base import BMC_NETWORK, BRIDGE, MAX_HOSTS, NETWORK, Problem, locked, read_json, read_text, run, state, succeeds, write_whole

_ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
                "USER=root", "LOGNAME=root"]
# A container that does not show its first process within this time has failed; nspawn itself needs 0.1 s.
_START_TIMEOUT_S = 15
_OFF_TIMEOUT_S = 90  # systemd's own limit for stopping a unit
_POWER_BUTTON = signal.SIGRTMIN + 4  # systemd(1): starts poweroff.target


class Host:
    """A host by name; everything it knows lies in the state folder."""

    def __init__(self, name):
        number = name[4:]
        if not name.startswith("host") or not number.isdigit() or not 1 <= int(number) <= MAX_HOSTS:
            raise Problem(f"'{name}' is not a host; hosts are host1 .. host{MAX_HOSTS}")
        self.name = name
        self.number = int(number)
        self.ip = f"{NETWORK}.{self.number}"
        self.bmc_network_ip = f"{BMC_NETWORK}.{100 + self.number}"
        self.folder = state("hosts", name)
        self.root = os.path.join(self.folder, "root")
        self.heartbeat = state("heartbeat", name)

    # -- settings

    def settings(self):
        """The host's settings: cpu (cores), memory (bytes), link (bits per second or None)."""
        return read_json(os.path.join(self.folder, "settings.json"), {})

    def change_settings(self, **changes):
        """Keeps changed settings; returns all."""
        settings = {**self.settings(), **changes}
        write_whole(os.path.join(self.folder, "settings.json"), json.dumps(settings))
        return settings

    # -- state

    def exists(self):
        """True when `up` has made this host."""
        return os.path.isdir(self.folder)

    def container(self):
        """Pid of the host's nspawn, or None."""
        return process.recorded(os.path.join(self.folder, "nspawn.json"))

    def leader(self):
        """Pid (outside) of the host's own PID 1, or None when the host is off."""
        container = self.container()
        inner = process.children(container) if container else []
        return inner[0] if inner else None

    def power(self):
        """'on', 'cut' (on, its link down) or 'off'."""
        if not self.leader():
            return "off"
        return "cut" if network.is_cut(self) else "on"

    def need_on(self):
        """The leader's pid; raises a Problem when the host is off."""
        leader = self.leader()
        if not leader:
            raise Problem(f"{self.name} is off; run 'testbed on {self.name}'")
        return leader

    def boot_id(self):
        """The boot id programs in the host see, '-' when it is off."""
        leader = self.leader()
        return read_text(f"/proc/{leader}/root/proc/sys/kernel/random/boot_id").strip() if leader else "-"

    def path(self, inside):
        """Where a path of the host lies here; valid whether the host is on or off."""
        return self.root + os.path.normpath("/" + inside)

    # -- power

    def _alone(self):
        """Held while power is taken or given: the BMC's orders do not wait for the verbs, which may hold base.exclusive()
        for a minute, so two changes of one host's power could meet."""
        return locked(os.path.join(self.folder, "power.lock"))

    def boot(self):
        """Starts the host; its disk is as it was."""
        with self._alone():
            if not self.leader():
                self._boot()

    def _boot(self):
        self._clear_remains()
        self._mount()
        settings = self.settings()
        network.plug(self, settings.get("link"))
        groups = cgroup.detect()
        groups.create(self.name)
        groups.limit(self.name, settings["cpu"], settings["memory"])
        # A namespace given by path does not make nspawn treat the network as the host's own: /proc/sys/net would be
        # read-only and /sys/class/net this machine's, and libvirt could start no network.
        process.start_daemon(self._nspawn(), os.path.join(self.folder, "console.log"),
                             os.path.join(self.folder, "nspawn.json"), groups.procs(self.name),
                             {**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"})
        if not process.wait_until(self.leader, _START_TIMEOUT_S):
            raise Problem(f"{self.name} did not start; see {self.folder}/console.log")
        network.leave_to_host(self)

    def _clear_remains(self):
        """Ends what survived the death of the host's nspawn; two copies must never run on one disk."""
        groups = cgroup.detect()
        process.kill_all(lambda: groups.processes(self.name), 20, self.name)

    def _mount(self):
        for name in ("up", "work", "root"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        os.makedirs(self.heartbeat, exist_ok=True)
        if not os.path.ismount(self.root):
            layers = f"lowerdir=/,upperdir={self.folder}/up,workdir={self.folder}/work"
            run(["mount", "-t", "overlay", f"ballast-{self.name}", "-o", layers, self.root])
        if not os.path.exists(os.path.join(self.folder, "seeded")):
            seed.seed(self)
            write_whole(os.path.join(self.folder, "seeded"), "")

    def _nspawn(self):
        binds = [f"{state('lxcfs')}:/var/lib/lxcfs", f"{state('vms')}:/srv/vms", f"{self.heartbeat}:/srv/heartbeat",
                 "/dev/net/tun"]
        if read_text(state("kvm")).startswith("yes"):
            binds.append("/dev/kvm")
        return ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "-D", self.root, "-M", self.name, "--boot",
                f"--network-namespace-path={network.namespace_path(self)}", "--capability=all",
                "--system-call-filter=@known", "--console=pipe", "--resolv-conf=off", "--timezone=off",
                "--link-journal=no"] + [f"--bind={bind}" for bind in binds]

    def kill(self):
        """Power cut: the links go first, so that no peer is told by a closing connection."""
        with self._alone():
            leader = self.need_on()
            container = self.container()
            network.cut(self, bmc_network=True)
            process.kill(leader)
            process.wait_gone(container, 20, self.name)
            self._clear_remains()
            network.unplug(self)

    def off(self):
        """Clean power-off by the host's own systemd."""
        self.need_on()
        container = self.container()
        self.run(["systemctl", "poweroff"], check=False)
        process.wait_gone(container, _OFF_TIMEOUT_S, self.name)
        with self._alone():
            if not self.container():  # its BMC may have powered it on again
                self._clear_remains()
                network.unplug(self)

    def press_power_button(self):
        """Asks the host's systemd to power off; returns at once."""
        process.kill(self.need_on(), _POWER_BUTTON)

    def answers(self):
        """True when the host's libvirtd answers from outside."""
        return succeeds(["virsh", "-q", "-c", network.outer_uri(self), "hostname"], timeout=5)

    def wait(self, timeout=120):
        """Waits until libvirtd answers over qemu+tcp."""
        self.need_on()
        if not process.wait_until(self.answers, timeout, 0.25):
            raise Problem(f"libvirtd on {self.name} does not answer after {timeout} s; see 'testbed exec {self.name} "
                          f"journalctl -u libvirtd' and {BRIDGE}")

    # -- programs inside

    def enter(self, command):
        """The command line that runs a command inside the host."""
        terminal = ["TERM=" + os.environ.get("TERM", "dumb")]
        return ["nsenter", "-t", str(self.need_on()), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", "env", "-i"] \
            + _ENVIRONMENT + terminal + list(command)

    def join_cgroup(self):
        """Moves this process into the host's cgroups, so that what it starts is the host's load."""
        for procs in cgroup.detect().procs(self.name, inside=True):
            try:
                with open(procs, "w", encoding="ascii") as file:
                    file.write("0")
            except OSError as error:
                raise Problem(f"cannot join {procs}: {error.strerror}; run 'testbed status'") from None

    def run(self, command, check=True, timeout=60, stdin=None):
        """Runs a command inside, not charged to the host; returns its stdout."""
        return run(self.enter(command), check, timeout, stdin)

    def virsh(self, *words, check=True, timeout=20):
        """Runs virsh inside against the host's own libvirtd; works on a cut host too."""
        return self.run(["virsh", "-q", "-c", "qemu:///system", *words], check, timeout)

    def exec(self, command):
        """Becomes the command inside the host."""
        line = self.enter(command)
        self.join_cgroup()
        sys.stdout.flush()
        os.execvp(line[0], line)

    def background(self, command, log):
        """Starts a background process inside, charged to the host."""
        process.start_daemon(self.enter(command), log, join=cgroup.detect().procs(self.name, inside=True))

    def libvirtd_pids(self):
        """Pids (outside) of the host's libvirtd."""
        return process.named_in_namespace(self.need_on(), "libvirtd")

    def install(self, source, destination, mode=None):
        """Copies a file or a folder into the host's disk."""
        target = self.path(destination)
        if destination.endswith("/") or os.path.isdir(target) and not os.path.isdir(source):
            target = os.path.join(target, os.path.basename(source))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            if os.path.isdir(source):
                shutil.copytree(source, target, dirs_exist_ok=True)
                return
            # A running program's file cannot be written to, but its name can be given to another file.
            shutil.copy2(source, target + ".new")
            if mode is not None:
                os.chmod(target + ".new", mode)
            os.rename(target + ".new", target)
        except OSError as error:
            raise Problem(f"cannot install {source} as {destination} in {self.name}: {error.strerror or error}") from None


def all_hosts():
    """Every host `up` has made, in order."""
    names = os.listdir(state("hosts")) if os.path.isdir(state("hosts")) else []
    return [Host(name) for name in sorted(names, key=lambda name: int(name[4:]))]


def named(name):
    """The host of that name; raises a Problem when there is none."""
    host = Host(name)
    if not host.exists():
        raise Problem(f"there is no {name}; run 'testbed up {host.number}' or see 'testbed status'")
    return host


def hosts_on():
    """The hosts that are on, cut or not."""
    return [host for host in all_hosts() if host.leader()]


def interactive(host):
    """Runs a login shell inside."""
    return subprocess.call(host.enter(["bash", "-l"]))
