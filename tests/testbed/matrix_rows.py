"""The kinds of guests and of migrations that tests/testbed/matrix shows, one row each."""

import contextlib
import os
import re
import time
from dataclasses import dataclass, field

from support import link, named, network, virsh, wait_until

IMAGES = "/var/lib/libvirt/images"
POOL = "local-images"
PKI = "/etc/pki/qemu"
UEFI = "/usr/share/OVMF/OVMF_CODE_4M.fd"
SOURCE, TARGET = "host2", "host3"
_MEGABIT = 1_000_000


@dataclass
class Row:
    """One guest on host2 that `ballastctl migrate` is to bring to host3."""

    name: str
    asked: str                                     # for people
    outcome: str = "done"                          # the operation's state, or "refused" before there is one
    says: str = ""                                 # what its method, or its message, has to contain
    guest: dict = field(default_factory=dict)      # as `testbed guest create` takes it
    load: dict = field(default_factory=dict)       # once it has booted
    migration: str = ""                            # keys of `migration` in the policy
    edit: object = None                            # makes another definition of the usual one
    setting: object = None                         # a context manager around the row: what host3 has, how fast the link is
    meanwhile: object = None                       # called with the matrix and the operation's id once memory travels
    needs: tuple = ()                              # programs and files that the hosts must have
    boots_within: int = 90                         # seconds
    ends_within: int = 180
    needs_kvm: bool = False                        # an emulated guest of this kind does not boot in any time worth waiting for
    and_back: bool = False                         # and then to host2 again
    memory_needed: int = 0                         # MiB of this machine that have to be free


# -- what differs in a definition


def devices(xml):
    return lambda text: text.replace("</devices>", xml + "</devices>")


def shared_memory(text):
    """Memory that another process can map, as virtiofsd has to."""
    return text.replace("<os>", "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking><os>")


def virtiofs(text):
    share = ("<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
             "<binary><sandbox mode='chroot'/></binary><source dir='/srv'/><target dir='data'/></filesystem>")
    return devices(share)(shared_memory(text))


def uefi(text):
    name = re.search("<name>(.*)</name>", text)[1]
    return text.replace("<kernel>", f"<loader readonly='yes' type='pflash'>{UEFI}</loader>"
                        f"<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/qemu/nvram/{name}.fd</nvram><kernel>")


def huge_pages(text):
    return text.replace("<os>", "<memoryBacking><hugepages/></memoryBacking><os>")


TPM = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
NINE_P = "<filesystem type='mount' accessmode='mapped'><source dir='/srv'/><target dir='data'/></filesystem>"
SHARED_MEMORY = "<shmem name='shm0' role='peer'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>"
OWNER_SAYS_NO = "<b:vm xmlns:b='urn:ballast:vm:1'><b:post-copy>no</b:post-copy></b:vm>"
OWNER_SAYS_YES = "<b:vm xmlns:b='urn:ballast:vm:1'><b:post-copy>yes</b:post-copy></b:vm>"


# -- what surrounds a row


def slow_link(megabit):
    @contextlib.contextmanager
    def setting(_matrix):
        link(SOURCE, megabit * _MEGABIT)
        try:
            yield
        finally:
            link(SOURCE, None)
    return setting


def images_of(size):
    """Both hosts have a storage pool of their own in the folder of local disks; host3's has this size."""
    @contextlib.contextmanager
    def setting(_matrix):
        named(TARGET).run(["mkdir", "-p", IMAGES])
        named(TARGET).run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", IMAGES])
        try:
            for host in (SOURCE, TARGET):
                named(host).run(["mkdir", "-p", IMAGES])
                virsh(host, "pool-create-as", POOL, "dir", "--target", IMAGES)
            yield
        finally:
            for host in (SOURCE, TARGET):
                named(host).virsh("pool-destroy", POOL, check=False)
            named(TARGET).run(["umount", "-l", IMAGES], check=False)
    return setting


@contextlib.contextmanager
def certificates(matrix):
    """QEMU's certificates on both hosts, of one authority that is made for it."""
    folder = matrix.scratch
    run = matrix.run_here
    if not os.path.exists(f"{folder}/ca.pem"):
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=testbed", "-keyout", f"{folder}/ca.key",
             "-out", f"{folder}/ca.pem"])
    for host in (named(SOURCE), named(TARGET)):
        with open(f"{folder}/names", "w", encoding="ascii") as file:
            file.write(f"subjectAltName=DNS:{host.name},IP:{host.ip}\n")
        run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host.name}", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/req"])
        run(["openssl", "x509", "-req", "-in", f"{folder}/req", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial",
             "-days", "2", "-extfile", f"{folder}/names", "-out", f"{folder}/cert.pem"])
        for name in ("server", "client"):
            host.install(f"{folder}/cert.pem", f"{PKI}/{name}-cert.pem", 0o644)
            host.install(f"{folder}/key.pem", f"{PKI}/{name}-key.pem", 0o600)
        host.install(f"{folder}/ca.pem", f"{PKI}/ca-cert.pem", 0o644)
    try:
        yield
    finally:
        for host in (named(SOURCE), named(TARGET)):
            host.run(["rm", "-rf", PKI], check=False)


@contextlib.contextmanager
def pages(matrix, extra):
    """Huge pages of this machine, which all hosts see: enough for one guest, and `extra` beside it once it runs."""
    path = "/proc/sys/vm/nr_hugepages"
    with open(path, encoding="ascii") as file:
        before = file.read()

    def have(count):
        with open(path, "w", encoding="ascii") as file:
            file.write(str(count))
    have(48)
    try:
        for host in (SOURCE, TARGET):
            named(host).run(["sh", "-c", "mkdir -p /dev/hugepages && (mountpoint -q /dev/hugepages || mount -t hugetlbfs none /dev/hugepages)"])
            named(host).run(["systemctl", "restart", "libvirtd"])
            named(host).wait()
        def once_running():
            have(48 + extra)
            matrix.look_anew()
        matrix.once_running = once_running
        yield
    finally:
        matrix.once_running = None
        matrix.forget_guest()
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


def pages_for(extra):
    return lambda matrix: pages(matrix, extra)


@contextlib.contextmanager
def both(matrix, *settings):
    with contextlib.ExitStack() as stack:
        for setting in settings:
            stack.enter_context(setting(matrix))
        yield


def all_of(*settings):
    return lambda matrix: both(matrix, *settings)


# -- what happens while it is under way


def cut_in_post_copy(seconds):
    """Takes host3 off the network as soon as the guest runs there, and back later."""
    def meanwhile(matrix, identity):
        wait_until("the switch to post-copy", lambda: matrix.ballast.operation(identity)["method"], lambda method: "post-copy" in method.split(",")[0],
                   timeout=120, step=0.2)
        wait_until("the guest to run on the target", lambda: named(TARGET).virsh("domstate", matrix.vm, "--reason", check=False),
                   lambda state: "post-copy" in state, timeout=30, step=0.1)
        # What the guest's kernel needs all the time has to be there: emulated, QEMU waits for a page that an interrupt needs
        # with its lock held, and answers nobody any more.
        time.sleep(8)
        network.cut(named(TARGET))
        try:
            wait_until("the alarm", lambda: matrix.ballast.operation(identity), lambda op: op["alarm"], timeout=seconds + 60)
            matrix.note(matrix.ballast.operation(identity)["message"])
            time.sleep(seconds)
        finally:
            network.join(named(TARGET))
    return meanwhile


BUSY = {"memory": 256 << 20, "cpu": 0}
DIRTY = {"dirty": 60, "working_set": 96}

ROWS = [
    Row("plain", "persistent guest, nothing said", says="pre-copy"),
    Row("transient", "a guest without a definition", guest={"transient": True}, says="transient"),
    Row("autostart", "persistent, starts with its host", guest={"autostart": True}),
    Row("2 vCPUs", "2 vCPUs", guest={"vcpus": 2}),
    Row("8 vCPUs", "8 vCPUs", guest={"vcpus": 8, "memory": 160 << 20}, boots_within=180),
    Row("16 vCPUs", "16 vCPUs", guest={"vcpus": 16, "memory": 192 << 20}, boots_within=300),
    Row("32 vCPUs", "32 vCPUs", guest={"vcpus": 32, "memory": 256 << 20}, boots_within=500, ends_within=300),
    Row("64 vCPUs", "64 vCPUs", guest={"vcpus": 64, "memory": 384 << 20}, boots_within=500, ends_within=400, needs_kvm=True),
    Row("busy, pre-copy", "writes 30 MiB/s, link of 24 MiB/s: slowed down until it converges", guest=BUSY, load={"dirty": 30, "working_set": 64},
        setting=slow_link(200), migration="deadline_min: 3min", ends_within=240),
    Row("busy, never converges", "writes 60 MiB/s, link of 12 MiB/s, not slowed down and no post-copy", outcome="rolled_back", says="not finished within", guest=BUSY,
        load=DIRTY, setting=slow_link(100), migration="auto_converge: false, deadline_min: 40s"),
    Row("busy, slowed down in vain", "the same, slowed down, which five times what the link carries is too much for", outcome="rolled_back",
        says="not finished within", guest=BUSY, load=DIRTY, setting=slow_link(100), migration="deadline_min: 3min", ends_within=300),
    Row("post-copy at last", "the same, post-copy when all of downtime_steps are used", says="post-copy", guest=BUSY, load=DIRTY,
        setting=slow_link(100), migration="auto_converge: false, post_copy: true", ends_within=300),
    Row("post-copy", "the same, post-copy after 2 passes", says="post-copy", guest=BUSY, load=DIRTY, setting=slow_link(100),
        migration="auto_converge: false, post_copy: true, post_copy_passes: 2"),
    Row("post-copy by its owner", "allowed by the guest's metadata alone, after 15 s", says="post-copy", guest={**BUSY, "owner": OWNER_SAYS_YES},
        load=DIRTY, setting=slow_link(100), migration="auto_converge: false, post_copy_after: 15s"),
    Row("post-copy against its owner", "policy allows it, metadata says no", outcome="rolled_back", says="not finished within",
        guest={**BUSY, "owner": OWNER_SAYS_NO}, load=DIRTY, setting=slow_link(100),
        migration="auto_converge: false, post_copy: true, post_copy_passes: 2, deadline_min: 40s"),
    Row("post-copy, network fails", "host3 cut off in post-copy for 20 s", says="post-copy", guest=BUSY, load=DIRTY,
        setting=slow_link(50), migration="auto_converge: false, post_copy: true, post_copy_passes: 1", meanwhile=cut_in_post_copy(20),
        ends_within=300),
    Row("4 connections", "512 MiB over 4 connections", says="4 connections", guest={"memory": 512 << 20}, load={"dirty": 20, "working_set": 300},
        migration="parallel_connections: 4"),
    Row("4 connections and post-copy", "connections by policy, post-copy by the guest", says="post-copy allowed",
        guest={"owner": OWNER_SAYS_YES}, migration="parallel_connections: 4"),
    Row("xbzrle", "what is written again is sent as a difference", says="compressed by xbzrle", guest=BUSY, load=DIRTY,
        migration="compression: xbzrle"),
    Row("mt", "compressed by QEMU's threads", says="compressed by mt", guest=BUSY, load={"dirty": 20, "working_set": 96}, migration="compression: mt"),
    Row("zstd", "compressed connections, which libvirt 9.0 does not know", outcome="rolled_back", says="compression method",
        migration="compression: zstd, parallel_connections: 2"),
    Row("TLS", "encrypted, with QEMU's certificates on both hosts", says="TLS", migration="tls: true", setting=certificates, needs=("/usr/bin/openssl",)),
    Row("TLS and 2 connections", "encrypted, 2 connections", says="TLS, 2 connections", migration="tls: true, parallel_connections: 2",
        setting=certificates, needs=("/usr/bin/openssl",)),
    Row("TLS without certificates", "encrypted, and the hosts have none", outcome="rolled_back", says="credentials", migration="tls: true"),
    Row("NFS disk", "disk on the network", guest={"disk": "nfs"}),
    Row("local disk", "disk that host3 does not see", outcome="refused", says="not on storage declared shared", guest={"disk": "local"}, setting=images_of("128m")),
    Row("local disk, copied", "the same with copy_disks, and back", says="disk vda copied", guest={"disk": "local"}, setting=images_of("128m"),
        migration="copy_disks: true", and_back=True),
    Row("local disk, at most 8 MiB/s", "the same within a bandwidth", says="disk vda copied", guest={"disk": "local"}, setting=images_of("128m"),
        migration="copy_disks: true, bandwidth: 8MiB/s"),
    Row("local disk, TLS", "the same, encrypted", says="TLS, disk vda copied", guest={"disk": "local"}, migration="copy_disks: true, tls: true",
        setting=all_of(images_of("128m"), certificates), needs=("/usr/bin/openssl",)),
    Row("local disk, no room", "the same, 12 MiB free on host3", outcome="refused", says="no room for a copy", guest={"disk": "local"},
        setting=images_of("12m"), migration="copy_disks: true"),
    Row("local disk, no pool", "the same, no storage pool there", outcome="refused", says="no active pool", guest={"disk": "local"},
        migration="copy_disks: true"),
    Row("UEFI", "OVMF with a variable store of its own, and back", edit=uefi, guest={"memory": 256 << 20}, needs=(UEFI,), boots_within=240,
        and_back=True),
    Row("TPM", "a TPM that swtpm emulates, and back", edit=devices(TPM), needs=("/usr/bin/swtpm", "/usr/bin/swtpm_setup"), and_back=True),
    Row("virtiofs", "a folder shared by virtiofs", outcome="refused", says="virtiofs share /srv as data cannot be migrated", edit=virtiofs),
    Row("9p", "a folder shared by 9p", outcome="refused", says="9p share /srv as data", edit=devices(NINE_P)),
    Row("device of the host", "shared memory with another guest, which counts as one", outcome="refused", says="passed through to it",
        edit=devices(SHARED_MEMORY)),
    Row("huge pages", "96 MiB on pages of 2 MiB, and room for them on host3", edit=huge_pages, setting=pages_for(48)),
    Row("huge pages, none free", "the same, all pages in use", outcome="refused", says="not enough huge pages", edit=huge_pages, setting=pages_for(0)),
    Row("1 GiB", "1 GiB, writes 100 MiB/s over 512 MiB", guest={"memory": 1 << 30, "vcpus": 2}, load={"dirty": 100, "working_set": 512},
        memory_needed=2500, ends_within=300),
    Row("8 GiB", "8 GiB, 4 vCPUs, writes 200 MiB/s over 2 GiB: post-copy after 2 passes", says="post-copy",
        guest={"memory": 8 << 30, "vcpus": 4}, load={"dirty": 200, "working_set": 2048}, boots_within=240, ends_within=900, memory_needed=7000,
        migration="post_copy: true, post_copy_passes: 2, deadline_min: 15min"),
]
