"""What every module of the testbed shares: the error type, the state folder, the lock, units, running commands."""

import contextlib
import fcntl
import itertools
import json
import os
import re
import subprocess
import tempfile

NETWORK = "10.77.0"
STORAGE_IP = NETWORK + ".254"
BRIDGE = "tb0"
BMC_NETWORK = "10.78.0"
BMC_BRIDGE = "tbm0"
MAX_HOSTS = 16
# Which testbed of this machine's: '' is its own, others are made by 'testbed/apart'.
APART = os.environ.get("BALLAST_TESTBED", "")
_NAME = "ballast-testbed" + ("-" + APART if APART else "")
CGROUP = _NAME
STATE = os.environ.get("BALLAST_TESTBED_STATE", f"/var/lib/{_NAME}")
# Kernel, initrd and the KVM verdict outlive `down`: they take seconds to make and depend only on this machine.
CACHE = os.environ.get("BALLAST_TESTBED_CACHE", "/var/cache/ballast-testbed")
LOCK_FILE = f"/run/{_NAME}.lock"  # outside the state folder, which `up` mounts and `down` unmounts


# Held by whoever needs the whole cluster for a while: the tests, the demo.
WHOLE_CLUSTER_LOCK = f"/run/{_NAME}-tests.lock"


class Problem(Exception):
    """An operational failure; its text is one line: what failed, why, what to do."""


def state(*parts):
    """Path below the state folder."""
    return os.path.join(STATE, *parts)


def is_up():
    """True when the state folder is there, that is between `up` and `down`."""
    return os.path.ismount(STATE) and os.path.exists(state("cluster.json"))


def need_up():
    """Fails unless a cluster is up."""
    if not is_up():
        raise Problem(f"no cluster: nothing is mounted on {STATE}; run 'testbed up 3' first")


@contextlib.contextmanager
def locked(path):
    """Keeps out every other process that locks the same file."""
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def exclusive():
    """Serialises the verbs that change something, across processes."""
    return locked(LOCK_FILE)


@contextlib.contextmanager
def whole_cluster(told):
    """The cluster for the caller alone; told() is called once when somebody else has it and must be waited for."""
    with open(WHOLE_CLUSTER_LOCK, "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command, check=True, timeout=60, stdin=None):
    """Runs a command, returns its stdout; on failure raises a Problem with the last line of its stderr."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
                              stdin=None if stdin is not None else subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Problem(f"'{short(command)}' did not end within {timeout} s; see 'testbed status'") from None
    except FileNotFoundError:
        raise Problem(f"{command[0]} is not installed; run 'tools/packages testbed'") from None
    if check and done.returncode:
        lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()]
        raise Problem(f"'{short(command)}' failed with status {done.returncode}: {lines[-1] if lines else 'no message'}")
    return done.stdout


def succeeds(command, timeout=10):
    """True when the command ends with status 0 within the timeout."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=timeout, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def short(command):
    """A command for a message, without the machinery that enters a host."""
    words = list(command)
    if words and words[0] == "nsenter" and "--" in words:
        words = words[words.index("--") + 1:]
        words = list(itertools.dropwhile(lambda word: word in ("env", "-i") or re.match("[A-Z]+=", word), words))
    text = " ".join(words)
    return text if len(text) <= 100 else text[:97] + "..."


def read_text(path, default=""):
    """The file's text, or the default when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return default


def write_text(path, text, mode=None):
    """Writes a file, making its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if mode is not None:
        os.chmod(path, mode)


def write_whole(path, text):
    """Writes a file so that a reader sees the old text or the new, never half."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(name, path)


def read_json(path, default):
    """The file's JSON value, or the default when there is none."""
    try:
        return json.loads(read_text(path) or "null") or default
    except ValueError:
        return default


_UNITS = {"": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}


def parse_bytes(text):
    """'1GiB', '96MiB', '512KiB' or a plain number of bytes. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if not match or match[2].lower() not in _UNITS:
        raise ValueError(f"'{text}' is not a size such as 1GiB or 96MiB")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def parse_rate(text):
    """'200mbit', '1gbit', '500kbit' as bits per second. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(k|m|g)bit", text.strip().lower())
    if not match:
        raise ValueError(f"'{text}' is not a rate such as 200mbit")
    return int(float(match[1]) * {"k": 1e3, "m": 1e6, "g": 1e9}[match[2]])


def show_bytes(number):
    """A size for a table."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB")):
        if number >= unit:
            return f"{number / unit:.1f}".rstrip("0").rstrip(".") + name
    return f"{number >> 10}KiB"


def show_table(header, rows):
    """Prints columns the way virsh does: indented by one space under a dashed rule."""
    widths = [max(len(str(row[i])) for row in [header] + rows) for i in range(len(header))]
    line = lambda row: " " + "   ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
    print(line(header))
    print("-" * (sum(widths) + 3 * len(widths) - 1))
    for row in rows:
        print(line(row))
