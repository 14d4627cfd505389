"""CPU quota and memory limit of each host, on cgroup v1 (one tree a controller) and v2 (one tree).

All paths come from one root, so that the tests can use a folder of plain files.
"""

import os

from base import CGROUP, Problem, read_text

# A short period keeps the stop-and-go of the quota below the heartbeat's 100 ms.
PERIOD_US = 25000
# What else the machine does, such as compiling, must not take from the hosts what their quotas promise.
_SHARES, _WEIGHT = 16384, 10000
_V2_CONTROLLERS = ("cpu", "memory", "cpuset")


def detect(root="/sys/fs/cgroup"):
    """The machine's cgroups: V2 where the root itself is a cgroup, V1 otherwise."""
    if os.path.exists(os.path.join(root, "cgroup.controllers")):
        return V2(root)
    trees = _v1_trees(root)
    for needed in ("cpu", "memory"):
        if needed not in trees:
            raise Problem(f"no cgroup controller '{needed}' below {root}; mount it or boot with cgroup v2")
    return V1(trees)


def _v1_trees(root):
    """{controller: folder}; 'cpu,cpuacct' mounted together and its symlinks appear once under each name."""
    trees = {}
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        if os.path.exists(os.path.join(folder, "cgroup.procs")):
            for controller in name.split(","):
                trees[controller] = os.path.realpath(folder)
    return trees


def _write(path, value):
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(value))
    except OSError as error:
        raise Problem(f"cannot write {value} to {path}: {error.strerror}; is this the machine's root cgroup tree?") from None


def _remove_tree(folder):
    """Removes a cgroup and its children; one that still has processes stays."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            pass


def _processes(folders):
    """Pids of all processes in the folders and below, whatever became of their parents."""
    pids = set()
    for folder in folders:
        for path, _, _ in os.walk(folder):
            pids.update(int(word) for word in read_text(os.path.join(path, "cgroup.procs")).split())
    return pids - {os.getpid()}


class V1:
    """cgroup v1: the host has a folder in every mounted tree, so that its systemd sees a tree of its own."""

    version = 1

    def __init__(self, trees):
        self.trees = trees

    def folders(self, host):
        """The host's folders, one a tree."""
        return [os.path.join(tree, CGROUP, host) for tree in sorted(set(self.trees.values()))]

    def create(self, host):
        """Makes the host's folders."""
        for folder in self.folders(host):
            os.makedirs(folder, exist_ok=True)
        _write(os.path.join(self.trees["cpu"], CGROUP, "cpu.shares"), _SHARES)
        if "cpuset" in self.trees:  # an empty cpuset takes no process
            self._copy_cpuset(os.path.join(self.trees["cpuset"], CGROUP), self.trees["cpuset"])
            self._copy_cpuset(os.path.join(self.trees["cpuset"], CGROUP, host), self.trees["cpuset"])

    @staticmethod
    def _copy_cpuset(folder, source):
        for name in ("cpuset.cpus", "cpuset.mems"):
            _write(os.path.join(folder, name), read_text(os.path.join(source, name)).strip())

    def procs(self, host, inside=False):
        """The cgroup.procs files a process of the host is written to (v1 does not care whether it runs inside)."""
        del inside
        return [os.path.join(folder, "cgroup.procs") for folder in self.folders(host)]

    def limit(self, host, cpu, memory):
        """cpu in cores, memory in bytes."""
        folder = os.path.join(self.trees["cpu"], CGROUP, host)
        _write(os.path.join(folder, "cpu.cfs_period_us"), PERIOD_US)
        _write(os.path.join(folder, "cpu.cfs_quota_us"), int(cpu * PERIOD_US))
        _write(os.path.join(self.trees["memory"], CGROUP, host, "memory.limit_in_bytes"), memory)

    def used_memory(self, host):
        """Bytes charged to the host."""
        return int(read_text(os.path.join(self.trees["memory"], CGROUP, host, "memory.usage_in_bytes"), "0") or 0)

    def cpu_usage_file(self, host):
        """The file with the host's CPU time, in nanoseconds."""
        return os.path.join(self.trees.get("cpuacct", self.trees["cpu"]), CGROUP, host, "cpuacct.usage")

    def used_cpu_seconds(self, host):
        """CPU seconds the host has used since its cgroup was made."""
        return int(read_text(self.cpu_usage_file(host), "0") or 0) / 1e9

    def remove(self, host=None):
        """Removes the host's folders, or all."""
        for tree in set(self.trees.values()):
            _remove_tree(os.path.join(tree, CGROUP, host or ""))

    def processes(self, host=""):
        """Pids of everything that runs in the host, or in all."""
        return _processes(self.folders(host))


class V2:
    """cgroup v2: one folder a host; nspawn makes 'payload' and 'supervisor' in it, the tool's own go to 'tool'."""

    version = 2

    def __init__(self, root):
        self.root = root

    def folder(self, host=""):
        """The host's folder, or that of all hosts."""
        return os.path.join(self.root, CGROUP, host).rstrip("/")

    def create(self, host):
        """Makes the host's folder with the controllers switched on down to it."""
        available = read_text(os.path.join(self.root, "cgroup.controllers")).split()
        for needed in ("cpu", "memory"):
            if needed not in available:
                raise Problem(f"cgroup v2 offers no '{needed}' controller at {self.root}; see cgroup.controllers")
        switch = " ".join("+" + name for name in _V2_CONTROLLERS if name in available)
        os.makedirs(self.folder(), exist_ok=True)
        for folder in (self.root, self.folder()):
            _write(os.path.join(folder, "cgroup.subtree_control"), switch)
        _write(os.path.join(self.folder(), "cpu.weight"), _WEIGHT)
        os.makedirs(self.folder(host), exist_ok=True)

    def procs(self, host, inside=False):
        """Where to write a process: the host's folder before nspawn splits it, a leaf for one that joins later.

        A cgroup whose children have controllers may hold no process itself, hence the leaf.
        """
        if not inside:
            return [os.path.join(self.folder(host), "cgroup.procs")]
        leaf = os.path.join(self.folder(host), "tool")
        os.makedirs(leaf, exist_ok=True)
        return [os.path.join(leaf, "cgroup.procs")]

    def limit(self, host, cpu, memory):
        """cpu in cores, memory in bytes."""
        _write(os.path.join(self.folder(host), "cpu.max"), f"{int(cpu * PERIOD_US)} {PERIOD_US}")
        _write(os.path.join(self.folder(host), "memory.max"), memory)

    def used_memory(self, host):
        """Bytes charged to the host."""
        return int(read_text(os.path.join(self.folder(host), "memory.current"), "0") or 0)

    def cpu_usage_file(self, host):
        """The file with the host's CPU time, 'usage_usec' among others."""
        return os.path.join(self.folder(host), "cpu.stat")

    def used_cpu_seconds(self, host):
        """CPU seconds the host has used since its cgroup was made."""
        for line in read_text(self.cpu_usage_file(host)).splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) / 1e6
        return 0.0

    def remove(self, host=None):
        """Removes the host's folder, or all."""
        _remove_tree(self.folder(host or ""))

    def processes(self, host=""):
        """Pids of everything that runs in the host, or in all."""
        return _processes([self.folder(host)])
