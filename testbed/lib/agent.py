"""Talks to the agent in a guest over its virtio-serial port, wherever the guest runs now.

libvirt names the port's socket after the domain in the host's own file system, so the socket is looked for in every
host that is on: no libvirtd is asked, and it works while one is frozen, and again after a migration.
"""

import glob
import os
import socket
import time

from base import Problem
from host import hosts_on

PORT = "org.ballast.testbed.0"
_ANSWER_TIMEOUT_S = 5.0  # the agent looks ten times a second; a starved host may need much longer than that


def sockets(name):
    """[(host, path)] of the guest's sockets; during a migration there are two."""
    found = []
    for host in hosts_on():
        folder = f"/proc/{host.leader()}/root/var/lib/libvirt/qemu/channel/target"
        # libvirt keeps 20 characters of the name: domain-<id>-<name>
        found += [(host, path) for path in glob.glob(f"{folder}/domain-*-{name[:20]}/{PORT}")]
    return found


def ask(name, request, timeout=_ANSWER_TIMEOUT_S):
    """Sends one request to the guest; returns the answer as a dict. Raises a Problem when none answers."""
    deadline = time.monotonic() + timeout
    found = []
    while True:
        found = sockets(name)
        for _, path in found:
            answer = _ask_one(path, request, min(1.0, timeout))
            if answer is not None:
                return _parse(name, request, answer)
        if not found or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if not found:
        raise Problem(f"guest {name} runs on no host that is on; see 'testbed guest list'")
    raise Problem(f"guest {name} on {found[0][0].name} does not answer within {timeout:g} s: still booting, paused or "
                  f"starved; see 'testbed heartbeat'")


def _ask_one(path, request, timeout):
    """The rest of the answer's line after its id, or None."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(timeout)
            # Through the descriptor, since a socket's address holds 107 characters only.
            channel.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
            channel.sendall(f"{mark} {request}\n".encode())
            return _read_answer(channel, mark, time.monotonic() + timeout)
    except OSError:
        return None
    finally:
        os.close(folder)


def _read_answer(channel, mark, deadline):
    text = b""
    while time.monotonic() < deadline:
        more = channel.recv(4096)
        if not more:
            return None
        text += more
        for line in text.decode(errors="replace").split("\n")[:-1]:
            if line.startswith(mark + " "):
                return line[len(mark) + 1:]
    return None


def _parse(name, request, answer):
    if not answer.startswith("ok"):
        raise Problem(f"guest {name} refused '{request}': {answer.removeprefix('error ')}")
    pairs = (word.split("=", 1) for word in answer.split()[1:] if "=" in word)
    return {key: int(value) if value.isdigit() and key != "boot" else value for key, value in pairs}
