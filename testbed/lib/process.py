"""Processes of this machine as the testbed needs them.

The machine's PID 1 may not reap: a dead child of a dead parent stays as a zombie for ever, so presence proves nothing
and the state has to be looked at. Pids are kept with their start time, because pids are used again.
"""

import json
import os
import signal
import subprocess
import time

from base import APART, Problem, read_json, read_text, write_whole

_daemons = []  # what this process started in the background


def start_time(pid):
    """Start of the process in clock ticks since boot, or None when it is gone or a zombie."""
    text = read_text(f"/proc/{pid}/stat")
    if not text:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return None if fields[0] in "ZX" else int(fields[19])


def record(path, pid):
    """Keeps the pid and its start time in a file."""
    write_whole(path, json.dumps({"pid": pid, "start": start_time(pid)}))


def recorded(path):
    """The pid of a record whose process still lives, or None."""
    kept = read_json(path, {})
    if kept and start_time(kept["pid"]) == kept["start"] and kept["start"] is not None:
        return kept["pid"]
    return None


def children(pid):
    """Pids of the direct children that live."""
    found = []
    for task in _listdir(f"/proc/{pid}/task"):
        found += [int(child) for child in read_text(f"/proc/{pid}/task/{task}/children").split()]
    return [child for child in found if start_time(child) is not None]


def all_pids():
    """Every living process of this machine."""
    return [int(name) for name in _listdir("/proc") if name.isdigit() and start_time(name) is not None]


def command_line(pid):
    """Arguments of a process, as a list."""
    return read_text(f"/proc/{pid}/cmdline").split("\0")[:-1]


def is_ours(pid):
    """True for what was started for this testbed, not for another one of this machine's."""
    variables = read_text(f"/proc/{pid}/environ").split("\0")
    return next((text.partition("=")[2] for text in variables if text.startswith("BALLAST_TESTBED=")), "") == APART


def same_pid_namespace(leader):
    """Pids of all processes that live in the leader's pid namespace."""
    wanted = _namespace(leader)
    return [pid for pid in all_pids() if wanted and _namespace(pid) == wanted]


def named_in_namespace(leader, name):
    """Pids in the leader's pid namespace whose program is called name."""
    return [pid for pid in same_pid_namespace(leader) if read_text(f"/proc/{pid}/comm").strip() == name]


def start_daemon(command, log, pid_file=None, join=(), environment=None):
    """Starts a background process with its output in a log, after moving it into the cgroups named by `join`.

    `join` lists cgroup.procs files. Returns the pid; with pid_file also records it.
    """
    def enter():
        for procs in join:
            with open(procs, "w", encoding="ascii") as file:
                file.write("0")
    with open(log, "ab") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=enter,
                                 start_new_session=True, cwd="/", env=environment)
    _daemons.append(child)
    if pid_file:
        record(pid_file, child.pid)
    return child.pid


def kill(pid, number=signal.SIGKILL):
    """Sends a signal; a process that is gone already is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill_all(list_pids, timeout, what):
    """Kills what list_pids() returns until it returns nothing that lives; raises a Problem after the timeout."""
    def gone():
        living = [pid for pid in list_pids() if start_time(pid) is not None]
        for pid in living:
            kill(pid)
        return not living
    if not wait_until(gone, timeout):
        raise Problem(f"{what} still has processes {timeout} s after they were killed; see 'ps -eo pid,stat,wchan,args'")


def wait_gone(pid, timeout, what):
    """Waits until the process is gone or a zombie; raises a Problem after the timeout."""
    started = start_time(pid)
    if not wait_until(lambda: started is None or start_time(pid) != started, timeout):
        raise Problem(f"{what} is still running after {timeout} s; 'testbed down' kills everything")


def wait_until(condition, timeout, step=0.05):
    """Polls until the condition holds; returns whether it did within the timeout."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        _reap()
        time.sleep(step)
    return True


def _reap():
    """Collects our own dead background processes, which would look alive to nobody but confuse the table of processes.

    Only those: to wait for any child would take the exit status away from a command that runs in another thread,
    whose failure would then look like success.
    """
    for child in list(_daemons):
        if child.poll() is not None:
            _daemons.remove(child)


def _namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def _listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        return []
