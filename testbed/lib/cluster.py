"""The whole cluster: up, down, status."""

import contextlib
import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import bmc
import cgroup
import guest
import image
import kvm
import monitor
import network
import nfs
import process
import seed
from base import (BRIDGE, CACHE, CGROUP, STATE, Problem, is_up, locked, read_json, read_text, run, show_bytes, state, succeeds, write_text,
                  write_whole)
from host import Host, all_hosts, hosts_on

DEFAULTS = {"cpu": 0.6, "memory": 1 << 30, "link": None}
_TOOLS = ("virsh", "systemd-nspawn", "qemu-img", "qemu-system-x86_64", "ip", "tc", "lxcfs", "gcc", "cpio", "nsenter",
          "ssh-keygen", "rpcinfo", "showmount", "ipmi_sim", "ipmitool")


def up(number, changes, with_nfs):
    """Makes or grows the cluster; `changes` holds the settings that were asked for (None: as they are)."""
    _check_machine()
    _make_state()
    _make_keys()
    with cache():
        image.provide()
        kvm.verdict()
        bmc.provide()
    _start_lxcfs()
    network.make_bridges()
    settings = read_json(state("cluster.json"), {})
    nfs_wanted = settings.get("nfs", True) if with_nfs is None else with_nfs
    if nfs_wanted:
        nfs.start()
    monitor.start()
    write_whole(state("cluster.json"), json.dumps({"nfs": nfs_wanted}))
    hosts = [Host(f"host{i}") for i in range(1, number + 1)]
    for host in hosts:
        apply_settings(host, changes)
        host.boot()
        bmc.Bmc(host).start()
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        list(pool.map(Host.wait, hosts))


@contextlib.contextmanager
def cache():
    """The cache, for this process alone: testbeds share it."""
    os.makedirs(CACHE, exist_ok=True)
    with locked(os.path.join(CACHE, "lock")):
        yield


def probe(again):
    """Whether KVM works here, told by the guest that `up` would start."""
    with cache():
        image.provide_cached()
        return kvm.verdict(again)


def apply_settings(host, changes):
    """Keeps the host's settings and, when it is on, puts them in force."""
    kept = host.change_settings(**{**DEFAULTS, **host.settings(), **{k: v for k, v in changes.items() if v is not None}})
    if host.leader():
        cgroup.detect().limit(host.name, kept["cpu"], kept["memory"])
        network.limit(host, kept["link"])


def _check_machine():
    if os.geteuid() != 0:
        raise Problem("the testbed needs root: it makes containers and network namespaces; run it as root")
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    if missing:
        raise Problem(f"not installed: {', '.join(missing)}; run 'tools/packages testbed'")


def _make_state():
    os.makedirs(STATE, exist_ok=True)
    if not os.path.ismount(STATE):
        # A tmpfs, because the upper layer of an overlay must not lie on its lower one.
        run(["mount", "-t", "tmpfs", "-o", "mode=755,size=8g", "ballast-testbed", STATE])
    for name in ("hosts", "vms", "guests", "heartbeat", "lxcfs", "ssh"):
        os.makedirs(state(name), exist_ok=True)


def _make_keys():
    if not os.path.exists(state("ssh/id_ed25519")):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ballast-testbed", "-f", state("ssh/id_ed25519")])
    write_text(state("ssh/config"), seed.outer_ssh_config())


def _start_lxcfs():
    if os.path.ismount(state("lxcfs")):
        return
    process.start_daemon(["lxcfs", "-f", "-l", "-p", state("lxcfs.pid"), state("lxcfs")], state("lxcfs.log"),
                         state("lxcfs.json"))
    if not process.wait_until(lambda: os.path.ismount(state("lxcfs")), 10):
        raise Problem(f"lxcfs did not mount; see {state('lxcfs.log')} and whether /dev/fuse exists")


def down():
    """Ends and removes everything a testbed leaves, also one that was not started or ended properly."""
    bmc.end_all()  # first, for they power hosts on
    pids = _machinery()
    for pid in pids:
        for leader in process.children(pid) if _is_nspawn(pid) else []:
            process.kill(leader)
    process.wait_until(lambda: not any(_is_nspawn(pid) and process.start_time(pid) for pid in pids), 10)
    for pid in pids:
        process.kill(pid, signal.SIGKILL)
    process.wait_until(lambda: not _machinery(), 10)
    groups = cgroup.detect()
    process.kill_all(groups.processes, 20, CGROUP)
    _unmount_all()
    network.remove_all()
    if not process.wait_until(_cgroups_removed, 5, 0.2):
        raise Problem(f"cgroups named {CGROUP} still hold processes; run 'testbed down' again")


def _is_nspawn(pid):
    words = process.command_line(pid)
    return bool(words) and words[0] == "systemd-nspawn" and any(word.startswith(STATE + "/") for word in words)


def _machinery():
    """Pids of everything the testbed starts on this machine, known by the state folder in its command line."""
    programs = {"systemd-nspawn", "lxcfs", "ganesha.nfsd"}
    found = {process.recorded(state(name)) for name in ("monitor.json", "nfs/rpcbind.json")} - {None}
    for pid in process.all_pids():
        words = process.command_line(pid)
        if words and os.path.basename(words[0]) in programs and any(STATE + "/" in word for word in words[1:]):
            found.add(pid)
        elif len(words) > 2 and words[-1] == "_monitor" and words[-2].endswith("testbed") and process.is_ours(pid):
            found.add(pid)
    return found


def _unmount_all():
    for _ in range(3):
        mounts = [line.split()[1] for line in read_text("/proc/mounts").splitlines()]
        ours = [path for path in mounts if path == STATE or path.startswith(STATE + "/")]
        if not ours:
            return
        for path in reversed(ours):
            succeeds(["umount", "-l", path])
    raise Problem(f"{STATE} is still mounted; run 'umount -l {STATE}'")


def _cgroups_removed():
    groups = cgroup.detect()
    groups.remove()
    return not os.path.isdir(groups.folder() if groups.version == 2 else os.path.join(groups.trees["cpu"], CGROUP))


def status():
    """What `status` shows, as data."""
    rows = []
    groups = cgroup.detect()
    hosts = all_hosts() if is_up() else []
    guests = guest.listing() if hosts else []
    for host in hosts:
        settings = host.settings()
        rows.append({"host": host.name, "state": host.power(), "boot_id": host.boot_id(), "ip": host.ip,
                     "uri": network.outer_uri(host), "cpu": settings["cpu"], "memory": settings["memory"],
                     "memory_used": groups.used_memory(host.name), "cpu_seconds": groups.used_cpu_seconds(host.name),
                     "link": settings["link"],
                     "libvirtd_answers": not any(row["host"] == host.name and row["name"] == "?" for row in guests),
                     "guests": [row for row in guests if row["host"] == host.name and row["id"] is not None]})
    return {"up": is_up(), "state_folder": STATE, "bridge": BRIDGE, "nfs": is_up() and nfs.running(),
            "kvm": read_text(state("kvm")), "monitor": process.recorded(state("monitor.json")) is not None,
            "time_ms": int(time.time() * 1000), "hosts": rows}


def status_rows(data):
    """The table's rows from status()'s data."""
    rows = []
    for host in data["hosts"]:
        guests = ", ".join(_show_guest(row) for row in host["guests"]) if host["libvirtd_answers"] else "(libvirtd is silent)"
        link = f"{host['link'] / 1e6:g}mbit" if host["link"] else "-"
        rows.append([host["host"], host["state"], host["boot_id"][:8], host["ip"], f"{host['cpu']:g}",
                     f"{show_bytes(host['memory_used'])}/{show_bytes(host['memory'])}", link, guests])
    return rows


def _show_guest(row):
    if "cpu" not in row:
        return row["name"]
    return f"{row['name']}(cpu {row['cpu']}%, dirty {row['dirty']}MiB/s)"


def kill_memhog(host):
    """Ends the memory eater of a host; none is no error."""
    for pid in process.same_pid_namespace(host.need_on()):
        if "ballast-memhog" in process.command_line(pid):
            process.kill(pid)


def memhog(host, mib):
    """Eats memory in the host's cgroup; 0 gives it back."""
    kill_memhog(host)
    if not mib:
        return
    limit = host.settings()["memory"] >> 20
    if mib >= limit:
        raise Problem(f"{mib} MiB exceed the {limit} MiB of {host.name}; its kernel would kill a process of the host")
    program = "import sys, time\nb = bytearray(b'\\1') * (int(sys.argv[2]) << 20)\nprint('eaten', flush=True)\ntime.sleep(1e9)"
    log = state("hosts", host.name, "memhog.log")
    write_text(log, "")
    host.background(["/usr/bin/python3", "-c", program, "ballast-memhog", str(mib)], log)
    if not process.wait_until(lambda: "eaten" in read_text(log), 60):
        raise Problem(f"{host.name} did not get {mib} MiB within 60 s; see {log}")


def ssh_check():
    """[(from, to, ok)] for this machine and every pair of hosts that are on."""
    hosts = [host for host in hosts_on() if host.power() == "on"]
    results = [("here", host.name, succeeds(["ssh", "-F", state("ssh/config"), host.name, "true"], 20)) for host in hosts]
    for one in hosts:
        for other in hosts:
            results.append((one.name, other.name, succeeds(one.enter(["ssh", other.name, "true"]), 20)))
    return results
