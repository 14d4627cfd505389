"""The shared storage: nfs-ganesha, which needs no kernel server, on the bridge's address."""

import os

import process
from base import STORAGE_IP, Problem, run, state, succeeds, write_text

EXPORT = "/vms"  # what clients name; the files lie in the state folder

_CONFIG = """NFS_CORE_PARAM {{
  Bind_addr = {ip};
  Protocols = 3, 4;
  Enable_NLM = false;
  Enable_RQUOTA = false;
  NFS_Port = 2049;
  MNT_Port = 20048;
}}
NFSv4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = {folder}/recovery; }}
EXPORT {{
  Export_Id = 1;
  Path = {folder}/export;
  Pseudo = {export};
  Tag = vms;
  Access_Type = RW;
  Squash = None;
  SecType = sys;
  Protocols = 3, 4;
  FSAL {{ Name = VFS; }}
}}
LOG {{ Default_Log_Level = EVENT; }}
"""


def export_path():
    """The path NFSv3 clients mount, and below which the guests' disks lie on this machine."""
    return state("nfs", "export")


def start():
    """Starts rpcbind (unless this machine runs one) and the server; waits until it serves."""
    for name in ("export", "recovery"):
        os.makedirs(state("nfs", name), exist_ok=True)
    write_text(state("nfs", "ganesha.conf"), _CONFIG.format(ip=STORAGE_IP, folder=state("nfs"), export=EXPORT))
    if not succeeds(["rpcinfo", "-T", "tcp", "127.0.0.1", "100000"], 3):
        os.makedirs("/run/rpcbind", exist_ok=True)
        process.start_daemon(["rpcbind", "-f", "-w"], state("nfs", "rpcbind.log"), state("nfs", "rpcbind.json"))
        process.wait_until(lambda: succeeds(["rpcinfo", "-T", "tcp", "127.0.0.1", "100000"], 3), 10, 0.1)
    if not process.recorded(state("nfs", "ganesha.json")):
        log = state("nfs", "ganesha.log")
        process.start_daemon(["ganesha.nfsd", "-F", "-L", log, "-f", state("nfs", "ganesha.conf"), "-p",
                              state("nfs", "ganesha.pid")], log, state("nfs", "ganesha.json"))
    if not process.wait_until(serves, 20, 0.2) or not exports():
        raise Problem(f"nfs-ganesha does not serve; see {state('nfs', 'ganesha.log')} or use 'up --no-nfs'")


def serves():
    """True when the server answers a client; one whose export is faulty answers too: see exports()."""
    return succeeds(["rpcinfo", "-T", "tcp", STORAGE_IP, "100005", "3"], 3) \
        and succeeds(["rpcinfo", "-T", "tcp", STORAGE_IP, "100003", "3"], 3)


def exports():
    """True when the server offers the export."""
    return export_path() in run(["showmount", "-e", "--no-headers", STORAGE_IP], check=False, timeout=5)


def running():
    """True when our server runs."""
    return process.recorded(state("nfs", "ganesha.json")) is not None


def stop():
    """Stops what start() started."""
    for name in ("ganesha.json", "rpcbind.json"):
        pid = process.recorded(state("nfs", name))
        if pid:
            process.kill(pid)


def create_disk(name, size_mib=64):
    """Makes a small qcow2 for a guest; an old one of that name is replaced."""
    path = os.path.join(export_path(), f"{name}.qcow2")
    run(["qemu-img", "create", "-q", "-f", "qcow2", path, f"{size_mib}M"])


def disk_xml(name):
    """The libvirt disk element of a guest's disk, through QEMU's own NFS client."""
    return f"""<disk type='network' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source protocol='nfs' name='{export_path()}/{name}.qcow2'>
        <host name='{STORAGE_IP}'/><identity user='+0' group='+0'/>
      </source>
      <target dev='vda' bus='virtio'/>
    </disk>"""
