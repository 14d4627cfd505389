"""The command line: one parser a verb and one function that performs it."""

import argparse
import json
import signal
import time

import base
import cluster
import guest
import host
import network
import process
from arguments import add_verb as _verb, converted as _converted, number as _number
from base import Problem
from bmc_verb import add_bmc
from heartbeat_verb import add_heartbeat


_size = _converted(base.parse_bytes)
_rate = _converted(base.parse_rate)
_mib_or_off = _converted(lambda text: 0 if text == "off" else int(text))
_rate_or_off = _converted(lambda text: None if text == "off" else base.parse_rate(text))
_percent = _number(0, 100)


def parser():
    """The whole command line."""
    top = argparse.ArgumentParser(prog="testbed", description="A real libvirt cluster on one machine. State: "
                                  f"{base.STATE} (BALLAST_TESTBED_STATE).", allow_abbrev=False)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_cluster(verbs)
    _add_hosts(verbs)
    _add_guests(verbs)
    add_bmc(verbs)
    add_heartbeat(verbs)
    probe = _verb(verbs, "probe", "boot the real guest to see whether KVM works here (the verdict is kept)", _probe)
    probe.add_argument("what", choices=["kvm"])
    probe.add_argument("--again", action="store_true", help="do not use the kept verdict")
    return top


def perform(options):
    """Runs the chosen verb, alone if it changes something; returns the exit status."""
    if options.verb not in ("up", "down", "status", "probe"):
        base.need_up()
    if not options.changes:
        return options.perform(options)
    with base.exclusive():
        return options.perform(options)


# -- the cluster

def _add_cluster(verbs):
    up = _verb(verbs, "up", "make or grow the cluster and wait until every libvirtd answers", _up, True)
    up.add_argument("number", metavar="N", type=_number(1, base.MAX_HOSTS), help="hosts host1 .. hostN")
    up.add_argument("--cpu", type=_number(0.05, kind=float), help="cores a host may use (0.6)")
    up.add_argument("--memory", type=_size, help="memory limit of a host (1GiB)")
    up.add_argument("--link", type=_rate, help="limit of each host's link, e.g. 200mbit (none)")
    up.add_argument("--nfs", action=argparse.BooleanOptionalAction, default=None, help="run the NFS server (yes)")
    _verb(verbs, "down", "end and remove everything, also after a crash", lambda _: cluster.down(), True)
    status = _verb(verbs, "status", "show hosts and guests", _status)
    status.add_argument("--json", action="store_true")
    _verb(verbs, "ssh-check", "try ssh from here and between all hosts", _ssh_check)


def _up(options):
    start = time.monotonic()
    cluster.up(options.number, {"cpu": options.cpu, "memory": options.memory, "link": options.link}, options.nfs)
    for one in host.hosts_on():
        print(f"{one.name}  {network.outer_uri(one)}")
    print(f"up in {time.monotonic() - start:.1f} s; ssh: ssh -F {base.state('ssh/config')} host1")


def _status(options):
    data = cluster.status()
    if options.json:
        print(json.dumps(data, indent=2))
    elif not data["up"]:
        print("down")
    else:
        base.show_table(["Host", "State", "Boot id", "Address", "CPU", "Memory", "Link", "Guests"], cluster.status_rows(data))


def _ssh_check(_):
    results = cluster.ssh_check()
    for one, other, works in results:
        print(f"{one} -> {other}: {'ok' if works else 'FAILED'}")
    return 0 if all(works for _, _, works in results) else 1


# -- hosts

def _add_hosts(verbs):
    run = _host_verb(verbs, "exec", "run a command in a host; its exit status is the command's", _exec)
    run.add_argument("command", metavar="CMD", nargs=argparse.REMAINDER)
    _host_verb(verbs, "shell", "open a shell in a host", lambda one, _: host.interactive(one))
    copy = _host_verb(verbs, "install", "copy a file or folder into a host's disk, on or off", _install, True)
    copy.add_argument("file", metavar="FILE")
    copy.add_argument("destination", metavar="DEST", help="path in the host; one that ends in / keeps the file's name")
    copy.add_argument("--mode", type=_converted(lambda text: int(text, 8)), help="octal; as the file's if not given")
    _host_verb(verbs, "kill", "cut a host's power", lambda one, _: one.kill(), True)
    _host_verb(verbs, "off", "power a host off cleanly", lambda one, _: one.off(), True)
    _host_verb(verbs, "on", "power a host on; its disk is as it was", lambda one, _: one.boot(), True)
    wait = _host_verb(verbs, "wait", "wait until a host's libvirtd answers", lambda one, options: one.wait(options.timeout))
    wait.add_argument("--timeout", type=_number(1), default=120, help="seconds (120)")
    cut = _host_verb(verbs, "cut", "take a host's cluster link down; it runs on alone", _cut, True)
    cut.add_argument("--bmc-network", action="store_true", help="its link to the BMCs' network as well")
    _host_verb(verbs, "join", "bring a host's links up again", _join, True)
    _host_verb(verbs, "freeze", "stop a host's libvirtd (SIGSTOP)", lambda one, _: _signal(one, signal.SIGSTOP), True)
    _host_verb(verbs, "thaw", "let a host's libvirtd continue", lambda one, _: _signal(one, signal.SIGCONT), True)
    link = _host_verb(verbs, "link", "limit a host's link in both directions", _link, True)
    link.add_argument("rate", type=_rate_or_off, metavar="RATE|off", help="e.g. 200mbit")
    hog = _host_verb(verbs, "memhog", "eat memory of a host", lambda one, options: cluster.memhog(one, options.mib), True)
    hog.add_argument("mib", type=_mib_or_off, metavar="MiB|off")


def _host_verb(verbs, name, text, perform_it, changes=False):
    verb = _verb(verbs, name, text, lambda options: perform_it(host.named(options.host), options), changes)
    verb.add_argument("host", metavar="HOST")
    return verb


def _exec(one, options):
    words = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not words:
        raise Problem(f"nothing to run; give a command, or use 'testbed shell {one.name}'")
    one.exec(words)


def _install(one, options):
    one.install(options.file, options.destination, options.mode)


def _cut(one, options):
    one.need_on()
    network.cut(one, options.bmc_network)


def _join(one, _):
    one.need_on()
    network.join(one)


def _signal(one, number):
    pids = one.libvirtd_pids()
    if not pids:
        raise Problem(f"no libvirtd runs on {one.name}; try 'testbed exec {one.name} systemctl start libvirtd'")
    for pid in pids:
        process.kill(pid, number)


def _link(one, options):
    one.change_settings(link=options.rate)
    if one.leader():
        network.limit(one, options.rate)


# -- guests

def _add_guests(verbs):
    group = verbs.add_parser("guest", help="make, change and end guests", description="Make, change and end guests.")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = _verb(actions, "create", "define and start a guest", _create, True)
    _add_create_options(create)
    change = _guest_verb(actions, "set", "change the load of a running guest, wherever it runs", _set)
    change.add_argument("--cpu", type=_percent, help="duty cycle of each vCPU in percent")
    change.add_argument("--dirty", type=_number(0), metavar="MiB/s", help="memory dirtied a second")
    change.add_argument("--working-set", type=_number(1), metavar="MiB", help="memory that is dirtied in turn")
    _guest_verb(actions, "stat", "ask a running guest how it is", _stat)
    stop = _guest_verb(actions, "shutdown", "let a guest power itself off", _shutdown)
    stop.add_argument("--mode", choices=["acpi", "agent"], default="acpi")
    stop.add_argument("--timeout", type=_number(1), default=30, help="seconds (30)")
    _guest_verb(actions, "destroy", "pull a guest's plug and forget it, disk and all", lambda o: guest.destroy(o.name), True)
    listing = _verb(actions, "list", "ask every host's libvirt which guests it has", _list)
    listing.add_argument("--json", action="store_true")
    _guest_verb(actions, "xml", "print a guest's XML as the host it runs on has it", _xml)


def _guest_verb(actions, name, text, perform_it, changes=False):
    verb = _verb(actions, name, text, perform_it, changes)
    verb.add_argument("name", metavar="NAME")
    return verb


def _add_create_options(create):
    create.add_argument("name", metavar="NAME")
    create.add_argument("host", metavar="HOST")
    create.add_argument("--memory", type=_size, default=96 << 20, help="72MiB or more (96MiB)")
    create.add_argument("--vcpus", type=_number(1, 64), default=1)
    create.add_argument("--cpu", type=_percent, default=0, help="duty cycle of each vCPU in percent (0)")
    create.add_argument("--dirty", type=_number(0), default=0, metavar="MiB/s", help="memory dirtied a second (0)")
    create.add_argument("--working-set", type=_number(1), default=16, metavar="MiB", help="memory dirtied in turn (16)")
    create.add_argument("--disk", choices=["nfs", "local", "none"], default="none")
    create.add_argument("--network", choices=["default", "none"], default="none")
    kind = create.add_mutually_exclusive_group()
    kind.add_argument("--persistent", dest="transient", action="store_false", default=False, help="the default")
    kind.add_argument("--transient", dest="transient", action="store_true")
    create.add_argument("--autostart", action="store_true", help="libvirt starts it with the host")
    create.add_argument("--metadata", metavar="FILE", help="XML for the domain's <metadata>")


def _create(options):
    if options.transient and options.autostart:
        raise Problem("a transient guest cannot autostart; leave out --transient or --autostart")
    if options.memory < guest.LEAST_MEMORY:
        raise Problem(f"the guest's kernel does not boot in {base.show_bytes(options.memory)}; give --memory "
                      f"{base.show_bytes(guest.LEAST_MEMORY)} or more")
    guest.create(options, host.named(options.host))


def _set(options):
    if options.cpu is None and options.dirty is None and options.working_set is None:
        raise Problem("nothing to change; give --cpu, --dirty or --working-set")
    _print_pairs(guest.change(options.name, options.cpu, options.dirty, options.working_set))


def _stat(options):
    _print_pairs(guest.agent.ask(options.name, "stat"))


def _print_pairs(pairs):
    print(" ".join(f"{key}={value}" for key, value in pairs.items()))


def _shutdown(options):
    guest.shutdown(options.name, options.mode, options.timeout)


def _list(options):
    rows = guest.listing()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    shown = [[row["name"], row["host"], row["state"], row.get("cpu", "-"), row.get("dirty", "-"), row.get("ws", "-")]
             for row in rows]
    base.show_table(["Name", "Host", "State", "CPU %", "Dirty MiB/s", "Working set MiB"], shown)


def _xml(options):
    print(guest.running_on(options.name).virsh("dumpxml", options.name), end="")


def _probe(options):
    verdict = cluster.probe(options.again)
    print(f"GUEST-UP: {verdict}")
    return 0 if verdict.startswith("yes") else 1
