"""The networks: the cluster's bridge and the BMCs' bridge, and for each host a network namespace with a link to each.

A host's links are 'tbN' and 'tbmN' on the bridges, 'eth0' and 'eth1' in the host. The BMCs' addresses are this machine's,
on the bridge of their network.
"""

import os
import re

from base import BMC_BRIDGE, BMC_NETWORK, BRIDGE, NETWORK, STORAGE_IP, Problem, run, succeeds

# tbf never sends a packet larger than its bucket; a veth carries segments of up to 64 KiB.
_LEAST_BURST_BYTES = 128 * 1024

# Network cards keep their address over a reboot. With a new one each time, the others went on sending to the old one
# for 45 s.
_MAC, _BMC_MAC = "52:54:00:77:01", "52:54:00:77:02"
_NOBODY = f"{_MAC}:fd"  # no host's


def namespace(host):
    """Name of the host's network namespace, until the host has started."""
    return f"tb-{host.name}"


def namespace_path(host):
    """Path of the host's network namespace, for nspawn."""
    return f"/run/netns/{namespace(host)}"


def link(host):
    """The bridge's end of the host's link."""
    return f"tb{host.number}"


def bmc_link(host):
    """The BMC bridge's end of the host's second link."""
    return f"tbm{host.number}"


def make_bridges():
    """Makes both bridges with this machine's addresses; that on the cluster's is the storage server's."""
    for bridge, ip, mac in ((BRIDGE, STORAGE_IP, _MAC), (BMC_BRIDGE, f"{BMC_NETWORK}.254", _BMC_MAC)):
        if not os.path.exists(f"/sys/class/net/{bridge}"):
            run(["ip", "link", "add", bridge, "address", f"{mac}:fe", "type", "bridge"])
            run(["ip", "addr", "add", f"{ip}/24", "dev", bridge])
        run(["ip", "link", "set", bridge, "up"])


def plug(host, rate=None):
    """Gives the host a fresh namespace with its links, whatever was there before."""
    unplug(host)
    name = namespace(host)
    run(["ip", "netns", "add", name])
    run(["ip", "-n", name, "link", "set", "lo", "up"])
    _plug_link(host, link(host), "eth0", f"{_MAC}:{host.number:02x}", host.ip, BRIDGE)
    _plug_link(host, bmc_link(host), "eth1", f"{_BMC_MAC}:{host.number:02x}", host.bmc_network_ip, BMC_BRIDGE)
    limit(host, rate)


def _plug_link(host, outer, inner, mac, ip, bridge):
    name = namespace(host)
    run(["ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "address", mac, "netns", name])
    run(["ip", "-n", name, "addr", "add", f"{ip}/24", "dev", inner])
    run(["ip", "-n", name, "link", "set", inner, "up"])
    run(["ip", "link", "set", outer, "master", bridge, "up"])


def leave_to_host(host):
    """Takes the namespace's name away once the host runs in it.

    The namespace and its links then end with the host's last process, whoever powers it off; with a name, the kernel would go
    on to answer pings and refuse connections for a host that is off.
    """
    run(["ip", "netns", "del", namespace(host)])


def unplug(host):
    """Removes the host's links and namespace, with every connection in it: nobody is told, as in a power cut."""
    for outer in (link(host), bmc_link(host)):
        succeeds(["ip", "link", "del", outer])
    succeeds(["ip", "netns", "del", namespace(host)])


def cut(host, bmc_network=False):
    """Takes the cluster link down, or both links: the host runs on, alone."""
    for outer in (link(host), bmc_link(host)) if bmc_network else (link(host),):
        run(["ip", "link", "set", outer, "down"])


def join(host):
    """Brings the links up again."""
    for outer in (link(host), bmc_link(host)):
        run(["ip", "link", "set", outer, "up"])


def separate(one, other):
    """Nothing from either host reaches the other any more; both reach everybody else. Nobody is told: what is sent is lost."""
    for host, gone in ((one, other), (other, one)):
        run(["nsenter", "-t", str(host.need_on()), "-n", "ip", "neigh", "replace", gone.ip, "lladdr", _NOBODY, "nud", "permanent",
             "dev", "eth0"])


def unite(one, other):
    """Takes back what separate() did; a host that was booted since has forgotten it anyway."""
    for host, gone in ((one, other), (other, one)):
        if host.leader():
            succeeds(["nsenter", "-t", str(host.leader()), "-n", "ip", "neigh", "del", gone.ip, "dev", "eth0"])


def add_bmc(ip):
    """Gives this machine a BMC's address. A /32, because a second address of one subnet would go with the first."""
    succeeds(["ip", "addr", "add", f"{ip}/32", "dev", BMC_BRIDGE])


def remove_bmc(ip):
    """Takes a BMC's address away: nothing answers there any more, not even with a refusal."""
    succeeds(["ip", "addr", "del", f"{ip}/32", "dev", BMC_BRIDGE])


def is_cut(host):
    """True when the host's link is down."""
    try:
        with open(f"/sys/class/net/{link(host)}/flags", encoding="ascii") as file:
            return not int(file.read(), 16) & 1
    except OSError:
        return False


def limit(host, rate):
    """Limits the link in both directions to a rate in bits per second; None takes the limit away."""
    leader = host.leader()
    inside = ["nsenter", "-t", str(leader), "-n", "tc"] if leader else ["tc", "-n", namespace(host)]
    ends = (["tc"], link(host)), (inside, "eth0")
    for command, device in ends:
        if rate is None:
            succeeds(command + ["qdisc", "del", "dev", device, "root"])
            continue
        burst = max(_LEAST_BURST_BYTES, rate // 8 // 100)
        run(command + ["qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{rate}bit", "burst", str(burst),
                       "latency", "50ms"])


def remove_all():
    """Removes every link, namespace and bridge of a testbed, whoever made them."""
    for name in sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []:
        if name.startswith("tb-host"):
            succeeds(["ip", "netns", "del", name])
    for name in os.listdir("/sys/class/net"):
        if re.fullmatch(r"tbm?\d+", name):
            succeeds(["ip", "link", "del", name])
    for bridge in (BRIDGE, BMC_BRIDGE):
        if os.path.exists(f"/sys/class/net/{bridge}"):
            raise Problem(f"cannot delete the bridge {bridge}; see 'ip link show {bridge}'")


def outer_uri(host):
    """The libvirt URI by which this machine reaches the host."""
    return f"qemu+tcp://{NETWORK}.{host.number}/system"
