"""The guests' kernel and initrd: Debian's cloud kernel, some of its modules, and the agent as the only program."""

import glob
import os
import shutil
import tempfile

from base import CACHE, Problem, read_text, run, state, write_text

SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest-agent.c")
_PACKAGE = "linux-image-cloud-amd64"
# In the order they have to be loaded.
_MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_console",
            "virtio_balloon", "virtio_blk", "failover", "net_failover", "virtio_net", "button", "evdev")


def provide():
    """Puts vmlinuz and initrd into the folder all hosts see, building what the cache lacks."""
    os.makedirs(state("vms"), exist_ok=True)
    for path in provide_cached():
        shutil.copy2(path, state("vms"))


def provide_cached():
    """Builds what the cache lacks; returns the paths of kernel and initrd in it. Needs the network the first time."""
    kernel, initrd = os.path.join(CACHE, "vmlinuz"), os.path.join(CACHE, "initrd")
    if not os.path.exists(kernel):
        _fetch_kernel(kernel)
    recipe = read_text(SOURCE) + read_text(os.path.abspath(__file__))
    if not os.path.exists(initrd) or read_text(initrd + ".recipe") != recipe:
        _build_initrd(initrd)
        write_text(initrd + ".recipe", recipe)
    return kernel, initrd


def _fetch_kernel(kernel):
    wanted = [line.split()[-1] for line in run(["apt-cache", "depends", _PACKAGE]).splitlines() if "cloud-amd64" in line]
    if len(wanted) < 2:
        raise Problem(f"apt knows no {_PACKAGE}; run 'apt-get update'")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        run(["sh", "-c", f"cd {folder} && apt-get -q download {wanted[1]} && dpkg -x ./*.deb ."], timeout=300)
        modules = os.path.join(CACHE, "modules")
        shutil.rmtree(modules, ignore_errors=True)
        os.makedirs(modules)
        for name in _MODULES:
            for found in glob.glob(f"{folder}/lib/modules/**/{name}.ko", recursive=True):
                shutil.copy2(found, modules)
        shutil.copy2(glob.glob(f"{folder}/boot/vmlinuz-*")[0], kernel)


def _build_initrd(initrd):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("proc", "sys", "dev", "modules"):
            os.mkdir(os.path.join(folder, name))
        run(["gcc", "-static", "-Os", "-s", "-Wall", "-pthread", SOURCE, "-o", f"{folder}/init"])
        for name in _MODULES:
            shutil.copy2(f"{CACHE}/modules/{name}.ko", f"{folder}/modules")
        write_text(f"{folder}/modules/list", "".join(f"{name}.ko\n" for name in _MODULES))
        # Not compressed: unpacking would cost an emulated guest more than reading 2 MB.
        run(["sh", "-c", f"cd {folder} && find . | cpio -o -H newc --quiet > {initrd}.new && mv {initrd}.new {initrd}"])
