"""One sampling pass over a host with 200 domains (libvirt's test driver): calls, and CPU time against virsh and
Debian's prometheus-libvirt-exporter."""

import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
import urllib.request

VMS = 200
PASSES = 200
SCRAPES = 20
PORT = 19177
EXPORTER = "prometheus-libvirt-exporter"


def row(case, metric, value, unit, peer=None, target=None, ok=True):
    """One row of the table."""
    return {"case": case, "metric": metric, "value": value, "unit": unit, "peer": peer, "target": target, "ok": ok}


def test_host(folder):
    """A file for the test driver with a host of 200 running domains; its URI."""
    domains = "".join(
        f"<domain type='test'><name>vm{i:03}</name><uuid>00000000-0000-4000-8000-{i:012}</uuid><memory>1048576</memory><vcpu>2</vcpu>"
        "<os><type>hvm</type></os><devices><disk type='file' device='disk'><source file='/srv/vms/a.img'/><target dev='vda'/></disk>"
        "<interface type='network'><mac address='52:54:00:00:%02x:%02x'/><source network='default'/><target dev='vnet%d'/></interface>"
        "</devices></domain>" % (i // 256, i % 256, i) for i in range(VMS))
    path = os.path.join(folder, "host.xml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"<node><cpu><mhz>2000</mhz><model>x86_64</model><active>64</active><nodes>1</nodes><sockets>2</sockets>"
                  f"<cores>16</cores><threads>2</threads></cpu><memory>1073741824</memory>{domains}</node>")
    return f"test://{path}"


def children_cpu():
    """CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ours(build, uri, passes=PASSES, env=None):
    """The bench program's figures."""
    done = subprocess.run([os.path.join(build, "bin", "bench_sampling"), uri, str(passes)], check=True, capture_output=True,
                          text=True, env={**os.environ, **(env or {})})
    return json.loads(done.stdout)


def calls_of_a_pass(build, uri, folder):
    """Which of libvirt's public functions one pass calls, and how often, from libvirt's own log."""
    counts = []
    for passes in (1, 2):
        log = os.path.join(folder, f"calls-{passes}")
        ours(build, uri, passes, {"LIBVIRT_DEBUG": "1", "LIBVIRT_LOG_OUTPUTS": f"1:file:{log}", "LIBVIRT_LOG_FILTERS": "1:libvirt"})
        with open(log, encoding="utf-8", errors="replace") as lines:
            counts.append(re.findall(r": (vir(?:Connect|Domain|Node)\w+):\d+ :", lines.read()))
    extra = list(counts[1])
    for name in counts[0]:
        extra.remove(name)
    return extra


def virsh_pass(uri):
    """CPU seconds of one `domstats` of the same groups within a virsh session, its start left out."""
    groups = "--state --cpu-total --balloon --vcpu --interface --block --dirtyrate --nowait"
    def session(commands):
        before = children_cpu()
        subprocess.run(["virsh", "-c", uri], input="\n".join(commands) + "\nquit\n", text=True, check=True, stdout=subprocess.DEVNULL)
        return children_cpu() - before
    return (session([f"domstats {groups}"] * PASSES) - session(["version"])) / PASSES


def exporter_scrape(uri):
    """CPU seconds of one scrape of the exporter; None when it cannot be had."""
    if not shutil.which(EXPORTER):
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", EXPORTER], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if not shutil.which(EXPORTER):
        return None
    server = subprocess.Popen([EXPORTER, f"--libvirt.uri={uri}", f"--web.listen-address=127.0.0.1:{PORT}"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        scrape(40)
        before = cpu_of(server.pid)
        for _ in range(SCRAPES):
            scrape()
        return (cpu_of(server.pid) - before) / SCRAPES
    finally:
        server.kill()
        server.wait()


def scrape(tries=1):
    """Reads the exporter's metrics; all domains have to be in them."""
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=30) as answer:
                found = answer.read().count(b"libvirt_domain_info_cpu_time_seconds_total{")
            if found != VMS:
                raise RuntimeError(f"the exporter shows {found} of {VMS} domains")
            return
        except OSError:
            if not left:
                raise
            time.sleep(0.25)


def cpu_of(pid):
    """CPU seconds of a running process."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(build):
    """The rows."""
    with tempfile.TemporaryDirectory() as folder:
        uri = test_host(folder)
        calls = calls_of_a_pass(build, uri, folder)
        stats, per_vm = calls.count("virConnectGetAllDomainStats"), sum(name.startswith("virDomain") and name not in LOCAL for name in calls)
        mine = ours(build, uri)["cpu_s"] / PASSES
        virsh, exporter = virsh_pass(uri), exporter_scrape(uri)
    case = f"{VMS} domains"
    rows = [row(case, "stats calls a pass", stats, "calls", None, "= 1", stats == 1),
            row(case, "further calls per domain", per_vm, "calls", None, "= 0", per_vm == 0),
            row(case, "CPU time a pass, virsh domstats as peer", round(mine * 1e3, 4), "ms", round(virsh * 1e3, 4), "<= 1x", mine <= virsh)]
    if exporter is None:
        return rows + [row(case, "CPU time a pass, exporter as peer", round(mine * 1e3, 4), "ms", None, "the exporter could not be installed", False)]
    return rows + [row(case, "CPU time a pass, exporter as peer", round(mine * 1e3, 4), "ms", round(exporter * 1e3, 4), "< 1/3x", mine < exporter / 3)]


# These read what the stats record already holds; they ask nobody.
LOCAL = {"virDomainGetName", "virDomainGetID", "virDomainGetUUIDString", "virDomainGetUUID", "virDomainStatsRecordListFree",
         "virDomainFree", "virDomainDispose", "virDomainRef"}
