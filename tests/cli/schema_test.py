#!/usr/bin/python3
"""What every verb of ballastctl prints with -o json is what docs/ballastctl.schema.json says, and nothing else.
  schema_test.py SCHEMA SIMULATED-DAEMON BALLASTD BALLASTCTL [--only-samples]
Asks a daemon on simulated hosts in several situations, a real one with libvirt's test driver, and a member of a cluster on a
real etcd. A field that the schema does not name, a missing one or one of another type is a failure, and a verb that nobody
looked at is one. The validator is written here, so that nothing is left out where python3-jsonschema is missing; where it is
there, both have to agree."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "page"))
from simulated import Cluster, eventually

SCHEMA, SIMULATED, BALLASTD, BALLASTCTL = sys.argv[1:5]
schema = json.loads(pathlib.Path(SCHEMA).read_text(encoding="utf-8"))
# They print no JSON: what they say comes from ballastd, or is a script.
WITHOUT = {"store restore", "store migrate", "cluster restore", "completion"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$ref", "type", "enum", "anyOf", "properties", "required", "items", "additionalProperties", "pattern"}
failures, seen = [], {}


def is_of(kind, value):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])


def wrong(part, value, path=""):
    """What is wrong with the value, as a list of sentences. Fields without a description are wrong."""
    assert set(part) <= KNOWN, f"the schema uses {set(part) - KNOWN}, which this validator does not know"
    if "$ref" in part:
        return wrong(schema["$defs"][part["$ref"].removeprefix("#/$defs/")], value, path)
    if "anyOf" in part:
        tried = [wrong(one, value, path) for one in part["anyOf"] if value is None or one != {"type": "null"}]
        return [] if [] in tried else min(tried, key=len)
    if "enum" in part:
        return [] if value in part["enum"] else [f"{path}: {value!r} is none of {part['enum']}"]
    kinds = part.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_of(kind, value) for kind in kinds):
        return [f"{path}: {value!r} is no {' or '.join(kinds)}"]
    found = []
    if isinstance(value, str) and "pattern" in part and not re.search(part["pattern"], value):
        found.append(f"{path}: {value!r} does not look like {part['pattern']}")
    if isinstance(value, list) and "items" in part:
        for i, one in enumerate(value):
            found += wrong(part["items"], one, f"{path}[{i}]")
    if isinstance(value, dict):
        found += [f"{path}.{name} is missing" for name in part.get("required", []) if name not in value]
        for name, one in value.items():
            if name in part.get("properties", {}):
                found += wrong(part["properties"][name], one, f"{path}.{name}")
            elif "additionalProperties" in part:
                found += wrong(part["additionalProperties"], one, f"{path}.{name}")
            elif "properties" in part:
                found.append(f"{path}.{name} is not in the schema")
    return found


def other_validator():
    try:
        import jsonschema
        return jsonschema.Draft202012Validator
    except ImportError:
        return None


Other = other_validator()


def check(verb, value, where):
    if verb not in schema["verbs"]:
        failures.append(f"{where}: the schema has no {verb}")
        return
    failures.extend(f"{where}: {one}" for one in wrong(schema["verbs"][verb], value)[:5])
    seen.setdefault(verb, []).append(value)
    if Other is not None:
        whole = {"$schema": schema["$schema"], "$defs": schema["$defs"], **schema["verbs"][verb]}
        failures.extend(f"{where}: jsonschema: {one.message[:300]}" for one in list(Other(whole).iter_errors(value))[:3])


def words_of_verbs(*verb):
    """Every verb that --help leads to, without those that only have others under them."""
    text = subprocess.run([BALLASTCTL, *verb, "--help"], capture_output=True, text=True, check=True).stdout
    below = re.findall(r"^  ([a-z-]+) ", text.partition("\nSubcommands:\n")[2].partition("\n\n")[0] + " ", re.M)
    usage = re.search(r"^Usage: .*", text, re.M)[0]
    if verb and (not below or "[SUBCOMMAND]" in usage):
        yield " ".join(verb)
    for one in below:
        yield from words_of_verbs(*verb, one)


class Asked:
    """ballastctl against one daemon."""

    def __init__(self, socket_file, about):
        self.socket, self.about = socket_file, about

    def __call__(self, verb, *words, status=(0,)):
        command = [BALLASTCTL, "--socket", str(self.socket), "-o", "json", *verb.split(), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        where = f"{self.about}: {' '.join(command[3:])}"
        if done.returncode not in status:
            failures.append(f"{where}: exit status {done.returncode}: {done.stderr.strip()}")
            return None
        try:
            value = json.loads(done.stdout)
        except ValueError as error:
            failures.append(f"{where}: prints no JSON ({error}): {done.stdout[:200]!r} {done.stderr[:300]!r}")
            return None
        check(verb, value, where)
        return value


LOOKING = ["status", "top", "hosts", "vms", "plan", "capacity", "history", "energy", "power list", "fence list", "maintenance list",
           "policy show", "mode"]


def look_at(ask, vm, host):
    for verb in LOOKING:
        ask(verb)
    ask("vms", "--host", host)
    ask("history", "--limit", "2")
    ask("explain vm", vm)
    ask("explain host", host)
    ask("explain cycle", "last")
    ask("plan", "--what-if", f"lose {host}")


def simulated(folder):
    """A busy cluster with a lost host; a calm one that moves, and switches hosts."""
    busy = Cluster(SIMULATED, hosts=5)
    try:
        ask = Asked(busy.socket, "busy")
        look_at(ask, "vm1-0", "host1")
        look_at(ask, "vm5-0", "host5")
        record = folder / "record.json"
        ask("record", str(record))
        ask("record", "--anonymise", str(folder / "anonymous.json"))
        ask("replay", str(record))
        ask("replay", str(record), "--capacity")
        ask("replay", str(record), "--what-if", "lose host2")
        ask("replay", str(record), "--explain", "vm", "vm1-0")
        ask("replay", str(record), "--explain", "host", "host1")
        watched = subprocess.run(["timeout", "--signal=INT", "4", BALLASTCTL, "--socket", busy.socket, "-o", "json", "status", "--watch",
                                  "0.5"], capture_output=True, text=True, check=False)
        lines = watched.stdout.splitlines()
        if len(lines) < 2:
            failures.append(f"status --watch wrote {len(lines)} lines: {watched.stdout[:200]!r} {watched.stderr!r}")
        for line in lines:
            check("status", json.loads(line), "a line of status --watch")
    finally:
        busy.close()
    calm = Cluster(SIMULATED, hosts=3, calm=True, power=True)
    try:
        ask = Asked(calm.socket, "calm")
        look_at(ask, "vm1-0", "host1")
        ask("pause")
        ask("resume")
        ask("mode", "confirm")
        ask("maintenance enter", "host1", "host2")
        eventually(lambda: [one for one in history(ask) if one["state"] == "waiting"], "moves wait for approval")
        ids = [one["id"] for one in history(ask) if one["state"] == "waiting"]
        ask("approve", ids[0])
        eventually(lambda: [one for one in history(ask) if one["id"] != ids[0] and one["state"] == "waiting"], "another one waits")
        ask("cancel", [one["id"] for one in history(ask) if one["state"] == "waiting"][0])
        ask("maintenance list")
        ask("maintenance leave", "host1", "host2")
        ask("mode", "observe")
        ask("migrate", "vm1-5", "--to", "host2", "--force", "--wait")
        ask("mode", "policy")
        ask("maintenance enter", "spare", "--wait")
        ask("maintenance leave", "spare")
        ask("power off", "spare", "--force", "--wait")
        look_at(ask, "vm1-0", "spare")
        ask("power on", "spare", "--wait")
        ask("power drill", "spare", "--force", "--wait", status=(0, 1))
        ask("rolling-reboot status")
        ask("rolling-reboot", "--host", "spare")
        ask("rolling-reboot stop")
        ask("rolling-reboot status", "--wait", status=(0, 3))
        ask("rolling-reboot resume", status=(0,))
        ask("rolling-reboot status", "--wait", status=(0, 3))
        ask("status")
    finally:
        calm.close()


def history(ask):
    done = subprocess.run([BALLASTCTL, "--socket", str(ask.socket), "-o", "json", "history"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["active"]


class Daemon:
    """A real one, with libvirt's test driver."""

    def __init__(self, folder, *lines):
        self.folder, self.socket = folder, folder / "ballast.sock"
        (folder / "policy.d").mkdir()
        (folder / "state").mkdir()
        (folder / "policy.d" / "10-policy.yaml").write_text("mode: observe\n")
        self.config = folder / "ballast.yaml"
        text = [f"state_dir: {folder}/state", f"socket: {self.socket}", f"policy_dir: {folder}/policy.d", 'metrics: {listen: ""}',
                'page: {listen: ""}', "health: {probe: []}", f"power: {{broker: {folder}/none.sock}}", *lines]
        self.config.write_text("\n".join(text) + "\n")
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen([BALLASTD, "-c", self.config], stdout=log, stderr=log)
        eventually(self.serves, "the daemon answers", 60)

    def serves(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        done = subprocess.run([BALLASTCTL, "--socket", self.socket, "-o", "json", "status"], capture_output=True, text=True, check=False)
        return done.returncode == 0 and json.loads(done.stdout)["last_cycle"]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def real(folder):
    folder.mkdir()
    name = socket.gethostname().split(".")[0]
    daemon = Daemon(folder, "hosts:", f'  - {{name: {name}, uri: "test:///default"}}')
    try:
        ask = Asked(daemon.socket, "real")
        eventually(lambda: ask("vms")["vms"], "the VM of libvirt's test driver is seen")
        look_at(ask, "test", name)
        ask("preflight", status=(0, 3))
        ask("store backup", str(folder / "backup.json"))
        ask("cluster backup", str(folder / "backup2.json"))
        ask("reload")
        ask("doctor", "--config", str(daemon.config), "--bundle", str(folder / "bundle.tar.gz"), status=(0, 3))
        ask("policy test", str(folder / "policy.d" / "10-policy.yaml"), "--history", made_history(folder))
    finally:
        daemon.close()
    Asked(daemon.socket, "dead")("doctor", "--config", str(daemon.config), status=(3,))


def made_history(folder):
    """The daemon writes one once a minute: as long as there is none, an empty file does."""
    there = folder / "state" / "history"
    there.mkdir(exist_ok=True)
    if not list(there.glob("*.history")):
        (there / "0.history").write_text("")
    return str(there)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def member(folder):
    """One that leads a cluster of two, the other of which is not there."""
    folder.mkdir()
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    with open(folder / "etcd.log", "w") as log:
        etcd = subprocess.Popen(["etcd", "--data-dir", str(folder / "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
                                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"],
                                stdout=log, stderr=log)
    try:
        name = socket.gethostname().split(".")[0]
        daemon = Daemon(folder, f'store: {{kind: etcd, endpoints: ["{client}"]}}', "cluster: {enabled: true, time_to_live: 3s}", "hosts:",
                        f'  - {{name: {name}, uri: "test:///default", peer_uri: "qemu+tcp://127.0.0.1:1/system"}}',
                        '  - {name: nobody, uri: "qemu+tcp://127.0.0.1:1/system"}')
        try:
            ask = Asked(daemon.socket, "member")
            for verb in ("cluster status", "cluster members", "cluster leader"):
                ask(verb)
            ask("doctor", "--config", str(daemon.config), status=(0, 3))
        finally:
            daemon.close()
    finally:
        etcd.terminate()
        etcd.wait(30)


def without_daemon(folder):
    ask = Asked("/nowhere/ballast.sock", "without a daemon")
    ask("version")
    ask("policy show", "--defaults")
    (folder / "policy.yaml").write_text("mode: observe\n")
    ask("policy check", str(folder / "policy.yaml"))
    ask("init", "--yes", "--host", "a=qemu+tls://192.0.2.1/system", "--into", str(folder / "etc"))
    hbal = HERE.parent.parent / "tests" / "interchange" / "samples"
    cluster = folder / "hbal.data"
    cluster.write_text(HBAL)
    ask("import hbal", str(cluster), "--into", str(folder / "hbal.json"))


# Two nodes and one instance, in the text format of hbal -t.
HBAL = """default|00000000-0000-0000-0000-000000000000|preferred||

node1|16384|1024|15000|102400|100000|8|N|00000000-0000-0000-0000-000000000000|1
node2|16384|1024|15000|102400|100000|8|N|00000000-0000-0000-0000-000000000000|1

inst1|1024|10240|1|running|Y|node1||ext||1
"""

# Answers that need a death, or another member: as the contract has them, by hand.
POWER = {"host": "h", "state": "fencing", "since": None, "reason": "", "requested_by": "", "message": "", "alarm": False,
         "quarantined": False, "drill": False, "own": False, "bmc": True, "switchable": True, "proven": False, "proven_at": None,
         "went_off": None, "came_back": None, "shutdown_ms": None, "boot_ms": None}
BY_HAND = {"fence now": POWER, "fence confirm": POWER, "power release": POWER, "fence forget": {"vm": "u", "name": "n", "host": "h"},
           "cluster transfer-leader": {"leader_was": "h"}}
SAMPLES = {"status": "status", "hosts": "hosts", "vms": "vms", "history": "history", "plan": "plan", "explain_vm": "explain vm",
           "explain_host": "explain host", "cycle": "explain cycle", "preflight": "preflight", "policy": "policy show",
           "rolling": "rolling-reboot status", "plan_empty": "plan", "plan_lost": "plan"}


def samples():
    """Of older daemons: they lack fields, but have none of others."""
    for name, verb in SAMPLES.items():
        value = json.loads((HERE / "samples" / f"{name}.json").read_text(encoding="utf-8"))
        failures.extend(f"samples/{name}.json: {one}" for one in wrong(schema["verbs"][verb], value) if not one.endswith(" is missing"))


def changed(value):
    """The same with a field that nobody described, and with one field less."""
    if isinstance(value, dict) and value:
        yield {**value, "nobody_described_this": 1}
    if isinstance(value, dict):
        for name in value:
            yield {key: one for key, one in value.items() if key != name}


def the_validator_can_fail():
    for verb, values in seen.items():
        part = schema["verbs"][verb]
        first = next(changed(values[0]), None)
        if first is not None and not wrong(part, first):
            failures.append(f"{verb}: a field that the schema does not name passes")
        required = {name for name in schema_of(part).get("required", [])}
        for other in changed(values[0]):
            if set(values[0]) - set(other) & required and not wrong(part, other):
                failures.append(f"{verb}: passes without {set(values[0]) - set(other)}")


def schema_of(part):
    return schema_of(schema["$defs"][part["$ref"].removeprefix("#/$defs/")]) if "$ref" in part else part


def main():
    samples()
    with tempfile.TemporaryDirectory(prefix="ballast-schema-") as name:
        folder = pathlib.Path(name)
        without_daemon(folder)
        simulated(folder)
        real(folder / "real")
        member(folder / "member")
    for verb, value in BY_HAND.items():
        check(verb, value, "by hand")
    verbs = set(words_of_verbs()) - WITHOUT
    failures.extend(f"{verb} has no schema" for verb in sorted(verbs - set(schema["verbs"])))
    failures.extend(f"the schema has {verb}, which is no verb" for verb in sorted(set(schema["verbs"]) - verbs))
    failures.extend(f"nobody looked at {verb}" for verb in sorted(verbs - set(seen)))
    the_validator_can_fail()
    print("\n".join(failures) or f"{sum(map(len, seen.values()))} outputs of {len(seen)} verbs are as the schema says")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
