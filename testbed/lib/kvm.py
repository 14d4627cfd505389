"""Does /dev/kvm really boot a guest here? Its presence proves nothing, so the real guest is booted once."""

import os
import subprocess
import tempfile
import time

from base import CACHE, read_text, state, write_text

_TIMEOUT_S = 6  # with working KVM the guest is up in under one second


def usable():
    """The kept verdict; probes when there is none for this boot of the machine."""
    return verdict().startswith("yes")


def verdict(again=False):
    """'yes ...' or 'no: why', kept with the machine's boot id, since a reboot may change the answer."""
    boot = read_text("/proc/sys/kernel/random/boot_id").strip()
    kept = read_text(os.path.join(CACHE, "kvm")).split("\n", 1)
    if again or kept[0] != boot or len(kept) < 2:
        kept = [boot, _probe()]
        write_text(os.path.join(CACHE, "kvm"), "\n".join(kept))
    if os.path.ismount(os.path.dirname(state("kvm"))):
        write_text(state("kvm"), kept[1])
    return kept[1]


def _probe():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no: /dev/kvm is missing"
    with tempfile.NamedTemporaryFile(prefix="kvm-probe-") as serial:
        command = ["qemu-system-x86_64", "-accel", "kvm", "-m", "96", "-nodefaults", "-display", "none", "-no-reboot",
                   "-serial", f"file:{serial.name}", "-kernel", os.path.join(CACHE, "vmlinuz"), "-initrd",
                   os.path.join(CACHE, "initrd"), "-append", "console=ttyS0 quiet panic=-1"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as guest:
            try:
                return _watch(guest, serial.name)
            finally:
                guest.kill()


def _watch(guest, serial):
    start = time.monotonic()
    while time.monotonic() < start + _TIMEOUT_S:
        if "GUEST-UP" in read_text(serial):
            return f"yes: GUEST-UP after {time.monotonic() - start:.1f} s"
        if guest.poll() is not None:
            message = guest.stderr.read().strip().splitlines()
            return f"no: QEMU ended with status {guest.returncode}: {message[-1] if message else 'no message'}"
        time.sleep(0.05)
    return f"no: the guest did not come up within {_TIMEOUT_S} s"
