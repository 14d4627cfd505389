"""What makes a host of the testbed differ from this machine, whose root file system it is an overlay of."""

import glob
import os
import shutil

from base import BMC_NETWORK, MAX_HOSTS, NETWORK, STORAGE_IP, state, write_text

# Everything this machine enables is switched off in the hosts; these are switched on.
_UNITS = {
    "multi-user.target.wants": ("ssh.service", "libvirtd.service", "libvirt-guests.service"),
    "sockets.target.wants": ("libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket", "libvirtd-tcp.socket"),
}
# Units that others pull in and that have no business in a container sharing one kernel.
_MASKED = ("systemd-udevd.service", "systemd-timesyncd.service", "rpcbind.service", "rpcbind.socket", "nfs-ganesha.service",
           "lxcfs.service", "systemd-resolved.service", "systemd-networkd.service", "networking.service",
           "openipmi.service", "ipmievd.service", "systemd-journald-audit.socket", "apparmor.service",
           "proc-fs-nfsd.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "nfs-blkmap.service",
           "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "e2scrub_reap.service")
# As on any host with a BMC (docs/power.md); preflight warns where they are not.
_NO_SLEEP = ("sleep.target", "suspend.target", "hibernate.target", "hybrid-sleep.target", "suspend-then-hibernate.target")

_QEMU_CONF = """user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
migration_host = "{ip}"
"""

_LIBVIRTD_CONF = """host_uuid = "{uuid}"
auth_tcp = "none"
"""

_GUESTS_DEFAULT = """ON_BOOT=ignore
ON_SHUTDOWN=shutdown
PARALLEL_SHUTDOWN=10
SHUTDOWN_TIMEOUT=20
"""

# lxcfs gives each host its own figures; nspawn cannot bind over /proc itself, so a unit of the host does it.
# Not /proc/uptime: ps and libvirt reckon with the machine's boot, and negative ages come out.
_OWN_PROC_UNIT = """[Unit]
Description=Show this host's own figures in /proc
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for f in stat meminfo loadavg; do mount --bind /var/lib/lxcfs/proc/$$f /proc/$$f; done'
"""

_SSH_CONFIG = """Host host* storage {network}.*
  User root
  IdentityFile {key}
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  ConnectTimeout 5
"""

_NETWORK_XML = """<network>
  <name>default</name>
  <uuid>0ba11a57-0000-4000-8000-0000000000de</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='52:54:00:77:00:{number:02x}'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp></ip>
</network>
"""

_POOL_XML = """<pool type='dir'>
  <name>vms</name>
  <uuid>0ba11a57-0000-4000-8000-0000000000d0</uuid>
  <target><path>/srv/vms</path></target>
</pool>
"""


def seed(host):
    """Writes the host's own files into its mounted root, once in its life."""
    _identity(host)
    _clear_units(host)
    _libvirt(host)
    _ssh(host)


def host_uuid(host):
    """The UUID libvirt reports for the host; the machine's own would be the same for all."""
    return f"00000000-0000-4000-8000-{host.number:012d}"


def _identity(host):
    write_text(host.path("/etc/hostname"), host.name + "\n")
    write_text(host.path("/etc/fstab"), "")
    # No resolver: one that does not answer costs 40 to 80 s in each migration.
    write_text(host.path("/etc/resolv.conf"), "")
    names = [f"{NETWORK}.{i} host{i}\n{BMC_NETWORK}.{i} host{i}-bmc\n" for i in range(1, MAX_HOSTS + 1)]
    write_text(host.path("/etc/hosts"), "127.0.0.1 localhost\n" + "".join(names) + f"{STORAGE_IP} storage\n")
    machine_id = host.path("/etc/machine-id")
    if os.path.lexists(machine_id):
        os.unlink(machine_id)
    write_text(machine_id, f"{0xba11a570 + host.number:032x}\n")


def _clear_units(host):
    folder = host.path("/etc/systemd/system")
    for wants in glob.glob(folder + "/*.wants"):
        shutil.rmtree(wants)
    for target, units in _UNITS.items():
        os.makedirs(f"{folder}/{target}", exist_ok=True)
        for unit in units:
            os.symlink(f"/lib/systemd/system/{unit}", f"{folder}/{target}/{unit}")
    for unit in _MASKED + _NO_SLEEP:
        if os.path.lexists(f"{folder}/{unit}"):
            os.unlink(f"{folder}/{unit}")
        os.symlink("/dev/null", f"{folder}/{unit}")
    write_text(f"{folder}/own-proc.service", _OWN_PROC_UNIT)
    os.makedirs(f"{folder}/sysinit.target.wants", exist_ok=True)
    os.symlink("../own-proc.service", f"{folder}/sysinit.target.wants/own-proc.service")


def _libvirt(host):
    libvirt = host.path("/etc/libvirt")
    for stale in glob.glob(libvirt + "/qemu/*.xml") + glob.glob(libvirt + "/qemu/autostart/*"):
        os.unlink(stale)
    for folder in ("storage", "qemu/networks"):
        shutil.rmtree(f"{libvirt}/{folder}", ignore_errors=True)
    write_text(libvirt + "/qemu.conf", _QEMU_CONF.format(ip=host.ip))
    write_text(libvirt + "/libvirtd.conf", _LIBVIRTD_CONF.format(uuid=host_uuid(host)))
    write_text(libvirt + "/storage/vms.xml", _POOL_XML)
    write_text(libvirt + "/qemu/networks/default.xml", _NETWORK_XML.format(number=host.number))
    for folder, name in (("storage", "vms.xml"), ("qemu/networks", "default.xml")):
        os.makedirs(f"{libvirt}/{folder}/autostart", exist_ok=True)
        os.symlink(f"/etc/libvirt/{folder}/{name}", f"{libvirt}/{folder}/autostart/{name}")
    # Without a timeout libvirtd stays: domains, pools and networks start with the host, not with the first caller.
    write_text(host.path("/etc/default/libvirtd"), 'LIBVIRTD_ARGS=""\n')
    write_text(host.path("/etc/default/libvirt-guests"), _GUESTS_DEFAULT)


def _ssh(host):
    home = host.path("/root/.ssh")
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home, mode=0o700)
    write_text(home + "/id_ed25519", open(state("ssh/id_ed25519"), encoding="ascii").read(), 0o600)
    write_text(home + "/authorized_keys", open(state("ssh/id_ed25519.pub"), encoding="ascii").read(), 0o600)
    write_text(home + "/config", _SSH_CONFIG.format(network=NETWORK, key="/root/.ssh/id_ed25519"), 0o600)
    # PAM would ask logind for a session, which costs a second under a tight quota.
    write_text(host.path("/etc/ssh/sshd_config.d/testbed.conf"), "PermitRootLogin prohibit-password\nUsePAM no\nUseDNS no\n")


def outer_ssh_config():
    """The ssh configuration with which this machine reaches the hosts by name."""
    hosts = "".join(f"Host host{i}\n  HostName {NETWORK}.{i}\n" for i in range(1, MAX_HOSTS + 1))
    return hosts + _SSH_CONFIG.format(network=NETWORK, key=state("ssh/id_ed25519"))
