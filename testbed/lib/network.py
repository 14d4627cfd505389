"""The cluster's network: a bridge, and for each host a network namespace with one link to it.

A host's link is 'tbN' on the bridge and 'eth0' in the host's namespace 'tb-hostN'.
"""

import os

from base import BRIDGE, NETWORK, STORAGE_IP, Problem, run, succeeds

# tbf never sends a packet larger than its bucket; a veth carries segments of up to 64 KiB.
_LEAST_BURST_BYTES = 128 * 1024

# Network cards keep their address over a reboot. With a new one each time, the others went on sending to the old one
# for 45 s.
_MAC = "52:54:00:77:01"


def namespace(host):
    """Name of the host's network namespace."""
    return f"tb-{host.name}"


def namespace_path(host):
    """Path of the host's network namespace, for nspawn."""
    return f"/run/netns/{namespace(host)}"


def link(host):
    """The bridge's end of the host's link."""
    return f"tb{host.number}"


def make_bridge():
    """Makes the bridge with the storage server's address."""
    if not os.path.exists(f"/sys/class/net/{BRIDGE}"):
        run(["ip", "link", "add", BRIDGE, "address", f"{_MAC}:fe", "type", "bridge"])
        run(["ip", "addr", "add", f"{STORAGE_IP}/24", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])


def plug(host, rate=None):
    """Gives the host a fresh namespace with a link, whatever was there before."""
    unplug(host)
    name = namespace(host)
    run(["ip", "netns", "add", name])
    run(["ip", "link", "add", link(host), "type", "veth", "peer", "name", "eth0", "address", f"{_MAC}:{host.number:02x}", "netns", name])
    run(["ip", "-n", name, "addr", "add", f"{host.ip}/24", "dev", "eth0"])
    run(["ip", "-n", name, "link", "set", "eth0", "up"])
    run(["ip", "-n", name, "link", "set", "lo", "up"])
    run(["ip", "link", "set", link(host), "master", BRIDGE, "up"])
    limit(host, rate)


def unplug(host):
    """Removes the host's link and namespace, with every connection in it: nobody is told, as in a power cut."""
    succeeds(["ip", "link", "del", link(host)])
    succeeds(["ip", "netns", "del", namespace(host)])


def cut(host):
    """Takes the link down: the host runs on, alone."""
    run(["ip", "link", "set", link(host), "down"])


def join(host):
    """Brings the link up again."""
    run(["ip", "link", "set", link(host), "up"])


def is_cut(host):
    """True when the host's link is down."""
    try:
        with open(f"/sys/class/net/{link(host)}/flags", encoding="ascii") as file:
            return not int(file.read(), 16) & 1
    except OSError:
        return False


def limit(host, rate):
    """Limits the link in both directions to a rate in bits per second; None takes the limit away."""
    ends = (["tc"], link(host)), (["tc", "-n", namespace(host)], "eth0")
    for command, device in ends:
        if rate is None:
            succeeds(command + ["qdisc", "del", "dev", device, "root"])
            continue
        burst = max(_LEAST_BURST_BYTES, rate // 8 // 100)
        run(command + ["qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{rate}bit", "burst", str(burst),
                       "latency", "50ms"])


def remove_all():
    """Removes every link, namespace and the bridge of a testbed, whoever made them."""
    for name in sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []:
        if name.startswith("tb-host"):
            succeeds(["ip", "netns", "del", name])
    for name in os.listdir("/sys/class/net"):
        if name.startswith("tb") and name[2:].isdigit():
            succeeds(["ip", "link", "del", name])
    if os.path.exists(f"/sys/class/net/{BRIDGE}"):
        raise Problem(f"cannot delete the bridge {BRIDGE}; see 'ip link show {BRIDGE}'")


def outer_uri(host):
    """The libvirt URI by which this machine reaches the host."""
    return f"qemu+tcp://{NETWORK}.{host.number}/system"
