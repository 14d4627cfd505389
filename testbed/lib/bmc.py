"""The hosts' BMCs: one ipmi_sim each, on a network of their own, and Redfish where asked for.

A BMC lives on when its host has no power.

What it is told goes to bmc-chassis.sh, which answers at once and leaves orders in the BMC's folder; perform_order() carries
them out, without the lock of the verbs, so that a power cut waits for no verb and no verb for the BMC.
"""

import os
import secrets
import time

import cgroup
import network
import process
import redfish
from base import BMC_NETWORK, CACHE, STATE, Problem, locked, need_up, read_text, run, state, write_text, write_whole
from host import Host, all_hosts

USER = "admin"
PORT, REDFISH_PORT = 623, 443
# Watts of a small server with one socket: its BMC alone, idle, and with its CPUs busy.
STANDBY_WATTS, IDLE_WATTS, PEAK_WATTS = 5, 60, 180
# What a test may break, and how its value is called. Those with a count end by themselves.
FAULTS = {"slow": "SECONDS", "fail-off": "COUNT", "ignore-off": "COUNT", "ignore-on": "COUNT", "lie": "COUNT",
          "wrong-password": None}
_START_TIMEOUT_S = 10  # ipmi_sim itself needs 0.1 s

_SOURCES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_TOOL = os.path.join(_SOURCES, "testbed")
_MODULE = os.path.join(CACHE, "bmc-power-reading.so")

_LAN_CONF = """name "{name}"
set_working_mc 0x20
  startlan 1
    addr {ip} {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid ba11a57000004000800000000000{number:04x}
  endlan
  chassis_control "{folder}/chassis"
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
loadlib "{module}" "{module_options}"
"""

# The numbers are those of a Dell BMC, which tools know; "no-device-sdrs": it has no sensors of its own.
_EMULATION = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""


def provide():
    """Compiles the module that answers for the power, unless the cache has it."""
    source = os.path.join(_SOURCES, "bmc-power-reading.c")
    if read_text(_MODULE + ".recipe") != read_text(source):
        run(["gcc", "-shared", "-fPIC", "-Os", "-Wall", source, "-o", _MODULE])
        write_text(_MODULE + ".recipe", read_text(source))


class Bmc:
    """The BMC of one host."""

    def __init__(self, host):
        self.host = host
        self.ip = f"{BMC_NETWORK}.{host.number}"
        self.folder = state("bmc", host.name)
        self.password_file = os.path.join(self.folder, "password")

    def _path(self, *parts):
        return os.path.join(self.folder, *parts)

    def process(self):
        """Pid of its ipmi_sim, or None."""
        return process.recorded(self._path("ipmi_sim.json"))

    def state(self):
        """'on', 'cut' (on, not reachable) or 'dead'."""
        if not self.process():
            return "dead"
        return "cut" if self._is_cut() else "on"

    def _is_cut(self):
        return os.path.exists(self._path("cut"))

    def has_redfish(self):
        """True when it offers Redfish as well."""
        return os.path.exists(self._path("redfish.crt"))

    # -- life

    def start(self):
        """Starts it, making its folder the first time; one that runs stays as it is."""
        if self.process():
            return
        self._make_folder()
        self._configure()
        # It cannot bind to an address that is not there; a cut one loses its address again.
        network.add_bmc(self.ip)
        self._start_part("ipmi_sim", ["ipmi_sim", "-c", self._path("lan.conf"), "-f", self._path("emulation"), "-s",
                                      self._path("state"), "-n"], "udp", PORT)
        if self.has_redfish():
            self._start_part("redfish", [_TOOL, "_redfish", self.host.name], "tcp", REDFISH_PORT)
        if self._is_cut():
            network.remove_bmc(self.ip)

    def _start_part(self, name, command, protocol, port):
        log = self._path(f"{name}.log")
        process.start_daemon(command, log, self._path(f"{name}.json"), environment={**os.environ, "TESTBED": _TOOL})
        address = "".join(f"{int(part):02X}" for part in reversed(self.ip.split("."))) + f":{port:04X}"
        if not process.wait_until(lambda: f" {address} " in read_text(f"/proc/net/{protocol}"), _START_TIMEOUT_S, 0.01):
            raise Problem(f"the BMC of {self.host.name} does not listen on {self.ip} port {port}; see {log}")

    def add_redfish(self):
        """From now on it offers Redfish, too; it is restarted."""
        if not self.has_redfish():
            run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
                 "-subj", f"/CN={self.host.name}-bmc", "-addext", f"subjectAltName=IP:{self.ip},DNS:{self.host.name}-bmc",
                 "-keyout", self._path("redfish.key"), "-out", self._path("redfish.crt")])
        if self.process():
            self.kill()
        self.start()

    def _make_folder(self):
        if os.path.exists(self._path("last-order")):
            return
        for name in ("orders", "faults", "state"):
            os.makedirs(self._path(name), mode=0o700, exist_ok=True)
        os.chmod(self.folder, 0o700)
        write_text(self.password_file, secrets.token_hex(8), 0o600)  # 16 characters, the most that every IPMI takes
        write_text(self._path("emulation"), _EMULATION)
        os.symlink(os.path.join(_SOURCES, "bmc-chassis.sh"), self._path("chassis"))
        write_text(self._path("last-order"), "0\n")

    def _configure(self):
        password = read_text(self.password_file)
        if "wrong-password" in self.faults():
            password = secrets.token_hex(8)
        write_text(self._path("password-wanted"), password, 0o600)
        settings = os.path.join(self.host.folder, "settings.json")
        options = f"{cgroup.detect().cpu_usage_file(self.host.name)} {settings} {STANDBY_WATTS} {IDLE_WATTS} {PEAK_WATTS}"
        write_text(self._path("lan.conf"), _LAN_CONF.format(
            name=self.host.name, number=self.host.number, ip=self.ip, port=PORT, folder=self.folder, user=USER,
            password=password, module=_MODULE, module_options=options), 0o600)

    def kill(self):
        """Ends it, without a trace on the network: its address goes first."""
        pid = self.process()
        if not pid:
            raise Problem(f"the BMC of {self.host.name} is dead already; run 'testbed bmc start {self.host.name}'")
        network.remove_bmc(self.ip)
        for part in {pid, process.recorded(self._path("redfish.json"))} - {None}:
            process.kill(-part)  # the group: a bmc-chassis.sh that a fault holds up must not act for a dead BMC
            process.wait_gone(part, 10, f"the BMC of {self.host.name}")

    def cut(self):
        """Takes it off its network; it runs on."""
        write_text(self._path("cut"), "")
        network.remove_bmc(self.ip)

    def join(self):
        """Brings it back to its network."""
        if self._is_cut():
            os.unlink(self._path("cut"))
        if self.process():
            network.add_bmc(self.ip)

    # -- faults

    def faults(self):
        """{fault: its value as text} of what is broken now."""
        folder = self._path("faults")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return {name: read_text(os.path.join(folder, name)).strip() for name in names if name in FAULTS}

    def break_it(self, changes):
        """Sets faults to a value, or ends them (None); others stay."""
        before = self.faults()
        for name, value in changes.items():
            if value is not None:
                write_whole(self._path("faults", name), f"{value}\n")
            elif name in before:
                os.unlink(self._path("faults", name))
        if ("wrong-password" in before) != ("wrong-password" in self.faults()) and self.process():
            self.kill()  # it reads its password when it starts
            self.start()

    def heal(self):
        """Ends every fault: it lives, is joined, obeys and tells the truth."""
        self.join()
        self.break_it(dict.fromkeys(FAULTS))
        self.start()

    # -- use

    def ipmitool(self, *words):
        """The command line that asks it over its network. Without the cipher suite each call would wait 10 s."""
        return ["ipmitool", "-I", "lanplus", "-C", "3", "-H", self.ip, "-U", USER, "-f", self.password_file, *words]


def all_bmcs():
    """The BMC of every host, in order."""
    return [Bmc(host) for host in all_hosts()]


def status():
    """What `bmc status --json` prints. The BMCs are not asked: that would count their faults down."""
    return [{"host": one.host.name, "bmc": one.state(), "ip": one.ip, "user": USER, "password_file": one.password_file,
             "redfish": one.has_redfish(), "host_power": "on" if one.host.leader() else "off", "faults": one.faults()} for one in all_bmcs()]


def perform_order(name):
    """Carries out the oldest order of a host's BMC; there is one process for each order, and the lock keeps them in turn."""
    need_up()
    bmc = Bmc(Host(name))
    orders = os.path.join(bmc.folder, "orders")
    with locked(os.path.join(bmc.folder, "orders.lock")):
        number = min(os.listdir(orders), key=int)
        order = read_text(os.path.join(orders, number)).strip()
        os.unlink(os.path.join(orders, number))
        print(time.strftime("%H:%M:%S"), number, order, flush=True)
        try:
            _perform(bmc.host, order)
        except Problem as problem:
            print(f"{number} {order}: {problem}", flush=True)


def _perform(host, order):
    """A host without power takes no reset and no shutdown; one that has power takes no power-on."""
    if order in ("off", "reset") and host.leader():
        host.kill()
        if order == "reset":
            host.boot()
    elif order == "on":
        host.boot()
    elif order == "shutdown" and host.leader():
        host.press_power_button()


def serve_redfish(name):
    """The process of a BMC's Redfish service."""
    one = Bmc(Host(name))
    redfish.run(one.ip, REDFISH_PORT, USER, one.folder)


def end_all():
    """Ends every BMC and what carries out its orders, also those of a testbed that was not ended properly."""
    process.kill_all(_processes, 10, "the BMCs")


def _processes():
    found = []
    for pid in process.all_pids():
        words = process.command_line(pid)
        if words and os.path.basename(words[0]) == "ipmi_sim" and any(STATE + "/" in word for word in words[1:]):
            found.append(pid)
        elif len(words) > 3 and words[-2] in ("_order", "_redfish") and words[-3].endswith("testbed") and process.is_ours(pid):
            found.append(pid)
    return found
