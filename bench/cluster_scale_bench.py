"""Daemons on a real etcd: the leader of a thousand hosts (`cluster-scale`), members at rest (`cluster-rest`), and one
whose leader dies (`leader-loss`).

Each ballastd runs in a mount and a UTS namespace of its own, with a libvirtd of its own without guests: for the daemon a
host of that name. Of `cluster-scale` the first two hosts have one, the leader and a follower; the other 998 are simulated
agents (bench/cluster_agents.cc).
"""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

from sampling_bench import cpu_of, row

RETENTION = "1m"  # as docs/cluster.md advises
MINUTES = float(os.environ.get("BALLAST_BENCH_MINUTES", "20"))
HOSTS = int(os.environ.get("BALLAST_BENCH_HOSTS", "1000"))
VMS, INTERVAL, TTL = 20, 10, int(os.environ.get("BALLAST_BENCH_TTL", "10"))
BURSTS = 6
REST_S = 60
KILLS = 6
WARM = bool(os.environ.get("BALLAST_BENCH_WARM"))  # all VMs' records are in the store before: a leader takes over
REAL = 2  # hosts of the large cluster with a ballastd
PRIVATE = ("/etc/libvirt", "/var/lib/libvirt", "/run/libvirt", "/var/cache/libvirt", "/var/log/libvirt")
# libvirtd ends with it.
HOST = """
set -e
hostname "$1"
for folder in %s; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
touch /etc/libvirt/libvirtd.conf /etc/libvirt/qemu.conf
setpriv --pdeathsig KILL libvirtd --pid-file /run/libvirt/libvirtd.pid 2>"$4/libvirtd.log" &
for try in $(seq 100); do virsh -c qemu:///system list >/dev/null 2>&1 && break; sleep 0.1; done
virsh -c qemu:///system capabilities >/dev/null; virsh -c qemu:///system domcapabilities >/dev/null
exec "$2" --config "$3"
""" % " ".join(PRIVATE)
POLICY = """mode: automatic
reserve: {cpu: 10%, memory: 5%, memory_min: 0B}
"""


def free_port():
    """Free at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what, look, timeout):
    """Looks until it is true."""
    deadline = time.monotonic() + timeout
    while not look():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {timeout} s for {what}")
        time.sleep(0.2)


class Etcd:
    """One member, with its data in `folder`."""

    def __init__(self, folder):
        self.url = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            ["etcd", "--name=m", f"--data-dir={folder}/etcd", f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}",
             f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=m={peer}",
             "--auto-compaction-mode=periodic", f"--auto-compaction-retention={RETENTION}", "--log-level=error"],
            stdout=subprocess.DEVNULL, stderr=open(f"{folder}/etcd.log", "w", encoding="utf-8"))
        wait_for("etcd", lambda: self.metrics() is not None, 30)

    def metrics(self):
        """Its metrics' text; None while it does not serve."""
        try:
            with urllib.request.urlopen(self.url + "/metrics", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def put(self, entries):
        """Keys and values of Ballast's, by etcd's JSON gateway."""
        def coded(text):
            return base64.b64encode(text.encode()).decode()
        puts = [{"request_put": {"key": coded("/ballast/data" + key), "value": coded(value)}} for key, value in entries]
        for begin in range(0, len(puts), 100):
            body = json.dumps({"success": puts[begin:begin + 100]}).encode()
            with urllib.request.urlopen(urllib.request.Request(self.url + "/v3/kv/txn", body), timeout=30) as answer:
                answer.read()

    def figure(self, name):
        """One metric without labels."""
        return float(re.search(rf"^{name} (\S+)$", self.metrics(), re.M).group(1))

    def size(self):
        """Of its database's file, and what of that is in use, in MiB."""
        return (self.figure("etcd_mvcc_db_total_size_in_bytes") / 2**20, self.figure("etcd_mvcc_db_total_size_in_use_in_bytes") / 2**20)

    def revision(self):
        """Of the store: one a write."""
        return self.figure("etcd_debugging_mvcc_current_revision")


class Daemon:
    """A ballastd as the host of this name."""

    def __init__(self, build, folder, name, hosts, etcd, policy):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder + "/policy.d", exist_ok=True)
        self.metrics_port = free_port()
        with open(self.folder + "/policy.d/10.yaml", "w", encoding="utf-8") as out:
            out.write(policy)
        config = self.folder + "/ballast.yaml"
        with open(config, "w", encoding="utf-8") as out:
            out.write("hosts:\n" + "".join(hosts) + f"shared_storage: [/srv/vms]\nstate_dir: {self.folder}/state\n"
                      f"policy_dir: {self.folder}/policy.d\nsocket: {self.folder}/socket\ninterval: {INTERVAL}s\ncall_deadline: 60s\n"
                      f"metrics: {{listen: '127.0.0.1:{self.metrics_port}'}}\nhealth: {{probe: []}}\n"
                      f"store: {{kind: etcd, endpoints: [\"{etcd.url}\"]}}\ncluster: {{enabled: true, time_to_live: {TTL}s}}\n")
        self.log = self.folder + "/log"
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--uts", "sh", "-c", HOST, "sh", name,
             os.path.join(build, "bin", "ballastd"), config, self.folder],
            stdout=open(self.log, "w", encoding="utf-8"), stderr=subprocess.STDOUT)
        wait_for("ballastd of " + name, lambda: self.pid() is not None, 180)

    def pid(self):
        """The daemon's, once it is more than the shell; None before."""
        with open(f"/proc/{self.process.pid}/comm", encoding="utf-8") as text:
            return self.process.pid if text.read().strip() == "ballastd" else None

    def says(self, text):
        """Whether its log has that."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return text in log.read()

    def ask(self, build, *words):
        """What its ballastctl answers, as JSON."""
        done = subprocess.run([os.path.join(build, "bin", "ballastctl"), "--socket", self.folder + "/socket", "-o", "json", *words],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def memory(self):
        """Resident, in MiB."""
        with open(f"/proc/{self.pid()}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024

    def metric(self, name):
        """One sample of its metrics; None: there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(found.group(1)) if found else None


def stop(processes):
    """Ends them, the last one first."""
    for process in reversed(processes):
        process.terminate()
    for process in reversed(processes):
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def host_line(number, extra=""):
    """A host of the configuration; its address is this machine, where nobody listens."""
    return f"  - {{name: n{number:04}, uri: \"qemu+tcp://127.1.{number // 250}.{number % 250 + 1}/system\"{extra}}}\n"


def vm_record(number):
    """Of the simulated VM of that number, from 1 on, as the leader keeps it (executor/vm_records.h)."""
    uuid = f"{number:08x}-0000-4000-8000-{number:012x}"
    ports = "".join(f"<controller type='pci' index='{i}' model='pcie-root-port'><model name='pcie-root-port'/><alias name='pci.{i}'/></controller>\n"
                    for i in range(1, 24))
    memory = (8 if (number - 1) % VMS % 4 == 0 else 4) << 20
    definition = (f"<domain type='kvm'><name>guest-{number}</name><uuid>{uuid}</uuid><memory unit='KiB'>{memory}</memory><vcpu>4</vcpu>"
                  "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><cpu mode='custom' match='exact'><model>qemu64</model></cpu>"
                  "<devices>\n<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
                  f"<source file='/srv/vms/guest-{number}.qcow2'/><target dev='vda' bus='virtio'/></disk>\n{ports}</devices></domain>")
    record = {"vm": uuid, "name": f"guest-{number}", "host": f"n{REAL + (number - 1) // VMS:04}", "generation": 1, "persistent": True,
              "autostart": False, "definition": definition, "down": False, "left": [], "images": [], "ended": False}
    return "/ballast/vms/" + uuid, json.dumps(record, separators=(",", ":"))


def report_to_plan(leader, agents, lines):
    """Seconds from the report of a VM's burst to the plan that knows of it, and from the burst to that."""
    took, whole = [], []
    metric = 'ballast_host_cpu_demand_ratio{host="n%04d"}' % REAL
    for _ in range(BURSTS):
        time.sleep(INTERVAL + 3)
        before = leader.metric(metric)
        del lines[:]
        began = time.time()
        agents.send_signal(signal.SIGUSR1)
        wait_for("the plan that knows of it", lambda b=before: abs((leader.metric(metric) or b) - b) > 0.01, 60)
        now = time.time()
        reported = [float(line.split()[1]) for line in lines if line.startswith("reported") and float(line.split()[1]) >= began]
        took.append(now - reported[0] if reported else 0.0)
        whole.append(now - began)
    return took, whole


def collect(stream, lines):
    """Appends what comes to `lines`, in a thread."""
    import threading

    def read():
        for line in stream:
            lines.append(line)
    threading.Thread(target=read, daemon=True).start()


def scale(build):
    """A leader, a follower, 998 agents of hosts with 20 VMs each."""
    folder = tempfile.mkdtemp(prefix="ballast-scale-", dir="/dev/shm")
    processes = []
    try:
        etcd = Etcd(folder)
        processes.append(etcd.process)
        hosts = [host_line(i, ", target: false") for i in range(REAL)] + [host_line(i) for i in range(REAL, HOSTS)]
        vms = (HOSTS - REAL) * VMS
        if WARM:
            etcd.put([vm_record(number) for number in range(1, vms + 1)])
        leader = Daemon(build, folder, "n0000", hosts, etcd, POLICY)
        processes.append(leader.process)
        wait_for("the lead", lambda: leader.says("leads the cluster"), 60)
        follower = Daemon(build, folder, "n0001", hosts, etcd, POLICY)
        processes.append(follower.process)
        # pylint: disable-next=consider-using-with
        agents = subprocess.Popen([os.path.join(build, "bin", "bench_cluster_agents"), etcd.url, folder, str(REAL), str(HOSTS - REAL), str(VMS),
                                   str(INTERVAL), str(TTL)], stdout=subprocess.PIPE, stderr=open(folder + "/agents.log", "w", encoding="utf-8"),
                                  text=True)
        processes.append(agents)
        lines = []
        collect(agents.stdout, lines)
        began = time.monotonic()
        # Until the definitions of all VMs are known.
        records = f"etcdctl --endpoints={etcd.url} get --prefix --keys-only /ballast/data/ballast/vms/ | grep -c vms"
        known = lambda: int(subprocess.run(records, shell=True, capture_output=True, text=True, check=False,
                                           env={**os.environ, "ETCDCTL_API": "3"}).stdout or 0)
        while known() < vms and time.monotonic() - began < 1200:
            time.sleep(5)
        settled = time.monotonic() - began
        records_known = known()
        time.sleep(30)
        revision, cpu, at = etcd.revision(), cpu_of(leader.pid()), time.monotonic()
        cycles = leader.metric("ballast_cycles_total")
        etcd_cpu = cpu_of(etcd.process.pid)
        sizes = []
        while time.monotonic() - at < MINUTES * 60:
            time.sleep(10)
            sizes.append(etcd.size())
        elapsed = time.monotonic() - at
        cores = (cpu_of(leader.pid()) - cpu) / elapsed
        etcd_cores = (cpu_of(etcd.process.pid) - etcd_cpu) / elapsed
        writes = (etcd.revision() - revision) / elapsed
        cycle_rate = ((leader.metric("ballast_cycles_total") or 0) - (cycles or 0)) / elapsed
        rss = leader.memory()
        took, whole = report_to_plan(leader, agents, lines)
        began = time.monotonic()
        told = len(follower.ask(build, "vms")["vms"])
        asked = time.monotonic() - began
        half = sizes[len(sizes) // 2:]
        case = f"{HOSTS} hosts, {VMS} VMs each, {INTERVAL} s"
        return [row(case, "all VMs' definitions known after", round(settled), "s", None, "-", records_known == vms),
                row(case, "etcd writes a second", round(writes, 1), "", None, "-"),
                row(case, "etcd's CPU", round(etcd_cores, 2), "cores", None, "-"),
                row(case, f"its database after {elapsed / 60:.0f} min", round(sizes[-1][0]), "MiB", None, "< 200", sizes[-1][0] < 200),
                row(case, f"in use of it, at most, in the last {elapsed / 120:.0f} min", round(max(used for _, used in half)), "MiB"),
                row(case, "growth of the file in that time", round(half[-1][0] - half[0][0]), "MiB"),
                row(case, "the leader's CPU", round(cores, 3), "cores", None, "<= 0.25", cores <= 0.25),
                row(case, "its resident memory", round(rss), "MiB", None, "<= 300", rss <= 300),
                row(case, "plans a minute", round(cycle_rate * 60, 1), ""),
                row(case, f"report to plan, worst of {len(took)}", round(max(took), 2), "s", None, f"<= {INTERVAL}", max(took) <= INTERVAL),
                row(case, f"load to plan, worst of {len(whole)}", round(max(whole), 2), "s", None, "-"),
                row(case, "VMs that `vms` shows at a follower", told, "", None, f"= {vms}", told == vms),
                row(case, "until it does", round(asked, 2), "s", None, "-"),
                row(case, "the leader's resident memory afterwards", round(leader.memory()), "MiB", None, "-")]
    finally:
        stop(processes)
        if os.environ.get("BALLAST_BENCH_KEEP"):
            print("kept:", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def three_members(build):
    """Hosts without VMs on one etcd, each with its daemon; the first leads. `daemons` and what makes another one of a host."""
    folder = tempfile.mkdtemp(prefix="ballast-rest-", dir="/dev/shm")
    processes = []
    try:
        etcd = Etcd(folder)
        processes.append(etcd.process)

        def member(number):
            daemon = Daemon(build, folder, f"n{number:04}", [host_line(j) for j in range(3)], etcd, POLICY)
            processes.append(daemon.process)
            wait_for("its registration", lambda: daemon.says("registered with the cluster"), 60)
            return daemon

        daemons = [member(number) for number in range(3)]
        wait_for("the lead", lambda: daemons[0].says("leads the cluster"), 60)
        yield daemons, member
    finally:
        stop(processes)
        if os.environ.get("BALLAST_BENCH_KEEP"):
            print("kept:", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def rest(build):
    """Three members, nothing to do."""
    with three_members(build) as (daemons, _):
        time.sleep(30)
        before = [cpu_of(daemon.pid()) for daemon in daemons]
        time.sleep(REST_S)
        shares = [(cpu_of(daemon.pid()) - then) / REST_S * 100 for daemon, then in zip(daemons, before)]
        memory = [daemon.memory() for daemon in daemons]
    case = "3 members, no VMs, 10 s"
    rows = []
    for who, share, rss in (("leader", shares[0], memory[0]), ("follower", max(shares[1:]), max(memory[1:]))):
        rows += [row(case, f"{who}: CPU of one core", round(share, 3), "%", None, "< 0.5", share < 0.5),
                 row(case, f"{who}: resident memory", round(rss, 1), "MiB", None, "< 45", rss < 45)]
    return rows


def leader_loss(build):
    """From the end of the daemon that leads, by kill -9, to the next plan of another one."""
    leads, plans = [], []
    with three_members(build) as (daemons, member):
        for kill in range(KILLS):
            time.sleep(5 + 10 * kill / KILLS)  # not always at the same time after a plan
            number = next(i for i, daemon in enumerate(daemons) if daemon.metric("ballast_leader") == 1)
            others = [daemon for daemon in daemons if daemon is not daemons[number]]
            began, wall = time.monotonic(), time.time()
            daemons[number].process.kill()
            wait_for("another leader", lambda: any(daemon.metric("ballast_leader") == 1 for daemon in others), 60)
            leads.append(time.monotonic() - began)
            wait_for("its plan", lambda: any(daemon.metric("ballast_leader") == 1 and (daemon.metric("ballast_last_cycle_timestamp_seconds") or 0) > wall
                                             for daemon in others), 60)
            plans.append(time.monotonic() - began)
            daemons[number].process.wait()
            daemons[number] = member(number)
    case = f"3 members, time_to_live {TTL} s, interval {INTERVAL} s"
    return [row(case, f"until another leads, worst of {KILLS}", round(max(leads), 1), "s", None, None, True),
            row(case, f"until its plan, worst of {KILLS}", round(max(plans), 1), "s", None, f"<= {TTL + INTERVAL}", max(plans) <= TTL + INTERVAL)]


ALL = {"cluster-scale": scale, "cluster-rest": rest, "leader-loss": leader_loss}
