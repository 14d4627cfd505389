"""The test guests: their XML, their life, their load."""

import json
import os
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import agent
import kvm
import nfs
import process
from base import Problem, read_json, read_text, state, write_text, write_whole
from host import all_hosts, hosts_on

# Leaves out what a test guest never needs at boot.
_KERNEL_LINE = ("console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off nokaslr no_timer_check audit=0 cryptomgr.notests "
                "random.trust_cpu=on i8042.noaux i8042.nokbd {clock}ballast.cpu={cpu} ballast.ws={ws} ballast.dirty={dirty}")
# A guest that boots while its host's quota holds it up measures its TSC wrongly, and its clock then ran 4 times too fast.
_EMULATED_CLOCK = "tsc=unstable clocksource=acpi_pm "

_XML = """<domain type='{type}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  {metadata}
  <memory unit='KiB'>{memory_kib}</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>/srv/vms/vmlinuz</kernel><initrd>/srv/vms/initrd</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/>{tcg}</features>
  <clock offset='utc'><timer name='hpet' present='no'/></clock>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <serial type='file'><source path='/srv/heartbeat/{name}.hb' append='on'/></serial>
    <channel type='unix'><target type='virtio' name='{port}'/></channel>
    <controller type='usb' model='none'/>
    <memballoon model='virtio'><stats period='2'/></memballoon>
    {disk}
    {network}
  </devices>
</domain>
"""

_LOCAL_DISK = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/>"
               "<target dev='vda' bus='virtio'/></disk>")
_LOCAL_DISK_SIZE = 48 << 20
_NETWORK = "<interface type='network'><source network='default'/><model type='virtio'/></interface>"
# Debian's kernel unpacks itself to 16 MiB and needs 51.5 MiB from there (its header's pref_address and init_size).
LEAST_MEMORY = 72 << 20
# The translation cache is most of what an emulated guest costs beyond its own memory; this one needs little.
_TCG = "<tcg><tb-cache unit='MiB'>32</tb-cache></tcg>"


def check_name(name):
    """Names are parts of file names and of virsh's words."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}", name):
        raise Problem(f"'{name}' is not a guest's name: letters, digits, '-', '_' and '.', at most 50")


def settings(name):
    """The last load settings of the guest: cpu, dirty, ws."""
    return read_json(state("guests", name + ".json"), {})


def _keep_settings(name, **changes):
    write_whole(state("guests", name + ".json"), json.dumps({**settings(name), **changes}))


def build_xml(options, domain_type):
    """The domain XML for the options of `guest create`."""
    metadata = ""
    if options.metadata:
        metadata = read_text(options.metadata, None)
        if metadata is None:
            raise Problem(f"cannot read {options.metadata}; --metadata wants a file with XML elements")
        if not metadata.lstrip().startswith("<metadata"):
            metadata = f"<metadata>{metadata}</metadata>"
    line = _KERNEL_LINE.format(clock=_EMULATED_CLOCK if domain_type == "qemu" else "", cpu=options.cpu,
                               dirty=options.dirty, ws=options.working_set)
    return _XML.format(type=domain_type, name=options.name, uuid=uuid.uuid4(), metadata=metadata,
                       memory_kib=options.memory // 1024, vcpus=options.vcpus, cmdline=line, port=agent.PORT,
                       tcg=_TCG if domain_type == "qemu" else "", disk=_disk_xml(options),
                       network=_NETWORK if options.network == "default" else "")


def _local_disk(name):
    return f"/var/lib/libvirt/images/{name}.raw"


def _disk_xml(options):
    if options.disk == "local":
        return _LOCAL_DISK.format(path=_local_disk(options.name))
    return nfs.disk_xml(options.name) if options.disk == "nfs" else ""


def _create_local_disk(host, name):
    path = host.path(_local_disk(name))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:  # no zeros: what copies it has something to copy
        file.write(os.urandom(_LOCAL_DISK_SIZE))


def create(options, host, edit=None):
    """Defines (unless transient) and starts a guest on a host. `edit` makes another definition of the usual one."""
    check_name(options.name)
    host.need_on()
    for row in listing():
        if row["name"] == options.name:
            raise Problem(f"guest {options.name} exists on {row['host']} ({row['state']}); 'testbed guest destroy "
                          f"{options.name}' removes it")
    if options.disk == "nfs":
        if not nfs.running():
            raise Problem("the cluster has no NFS server; run 'testbed up N --nfs' or use --disk none")
        nfs.create_disk(options.name)
    if options.disk == "local":
        _create_local_disk(host, options.name)
    xml = build_xml(options, "kvm" if kvm.usable() else "qemu")
    xml = edit(xml) if edit else xml
    write_text(state("vms", options.name + ".xml"), xml)
    file = f"/srv/vms/{options.name}.xml"
    if options.transient:
        host.virsh("create", file, timeout=60)
    else:
        host.virsh("define", file)
        _start(host, options)
    _keep_settings(options.name, cpu=options.cpu, dirty=options.dirty, ws=options.working_set)


def _start(host, options):
    try:
        host.virsh("start", options.name, timeout=60)
        if options.autostart:
            host.virsh("autostart", options.name)
    except Problem:
        host.virsh("undefine", options.name, check=False)
        raise


def listing():
    """Every domain each host's libvirt knows: dicts of name, host, state, id. A host that does not answer says so."""
    hosts = hosts_on()
    with ThreadPoolExecutor(max_workers=4) as pool:
        rows = [row for part in pool.map(_list_one, hosts) for row in part]
    return sorted(rows, key=lambda row: (row["name"], row["host"]))


def _list_one(host):
    try:
        text = host.virsh("list", "--all", timeout=8)
    except Problem:
        return [{"name": "?", "host": host.name, "state": "libvirtd does not answer", "id": None}]
    rows = []
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) == 3:
            rows.append({"name": words[1], "host": host.name, "state": words[2].strip(),
                         "id": int(words[0]) if words[0].isdigit() else None})
    return [{**row, **settings(row["name"])} for row in rows]


def running_on(name):
    """The host on which libvirt says the guest is active; raises a Problem when there is none."""
    rows = [row for row in listing() if row["name"] == name]
    active = [row for row in rows if row["id"] is not None]
    if not active:
        raise Problem(f"guest {name} runs nowhere" + (f" (defined on {rows[0]['host']})" if rows else "")
                      + "; see 'testbed guest list'")
    return next(host for host in all_hosts() if host.name == active[0]["host"])


def change(name, cpu=None, dirty=None, working_set=None):
    """Changes the load of a running guest; returns what the guest says it has now."""
    wanted = {"ws": working_set, "cpu": cpu, "dirty": dirty}
    words = [f"{key}={value}" for key, value in wanted.items() if value is not None]
    answer = agent.ask(name, "set " + " ".join(words))
    _keep_settings(name, **answer)
    return answer


def shutdown(name, mode, timeout):
    """Lets the guest power itself off, by ACPI or by its agent, and waits until it has."""
    host = running_on(name)
    if mode == "agent":
        agent.ask(name, "poweroff")
    else:
        host.virsh("shutdown", name, "--mode", "acpi")
    gone = lambda: not any(row["name"] == name and row["id"] is not None for row in _list_one(host))
    if not process.wait_until(gone, timeout, 0.2):
        raise Problem(f"guest {name} on {host.name} has not powered off within {timeout} s; try --mode agent or "
                      f"'testbed guest destroy {name}'")


def destroy(name):
    """Pulls the guest's plug on every host and forgets its definition and its disk."""
    rows = [row for row in listing() if row["name"] == name]
    for row in rows:
        host = next(host for host in all_hosts() if host.name == row["host"])
        if row["id"] is not None:
            host.virsh("destroy", name, check=False)
        host.virsh("undefine", name, "--nvram", "--tpm", check=False)
    disks = [os.path.join(nfs.export_path(), name + ".qcow2")] + [host.path(_local_disk(name)) for host in all_hosts()]
    for path in [state("vms", name + ".xml"), state("guests", name + ".json")] + disks:
        if os.path.exists(path):
            os.unlink(path)
    if not rows:
        raise Problem(f"no host that is on knows a guest {name}; see 'testbed guest list'")
