"""The verbs `bmc ...`: the hosts' BMCs, what is broken of them, and a way to ask them."""

import argparse
import json
import os
import sys

import base
import bmc
import host
from arguments import add_verb, converted, number


def add_bmc(verbs):
    """Adds the verbs to the command line."""
    text = "ask, break and mend the hosts' BMCs"
    group = verbs.add_parser("bmc", help=text, description=text[0].upper() + text[1:] + ".")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    status = add_verb(actions, "status", "show the BMCs, whether their hosts are on, and their faults; asks no BMC", _status)
    status.add_argument("--json", action="store_true")
    ask = _bmc_verb(actions, "ipmitool", "run ipmitool against a host's BMC, with its password; its exit status", _ipmitool)
    ask.add_argument("words", metavar="WORD", nargs=argparse.REMAINDER, help="e.g. chassis power status, dcmi power reading")
    _bmc_verb(actions, "kill", "end a BMC; nothing answers at its address", lambda one, _: one.kill(), True)
    _bmc_verb(actions, "start", "start a dead BMC", lambda one, _: one.start(), True)
    _bmc_verb(actions, "cut", "take a BMC off its network; it runs on", lambda one, _: one.cut(), True)
    _bmc_verb(actions, "join", "bring a BMC back to its network", lambda one, _: one.join(), True)
    _bmc_verb(actions, "redfish", "let a BMC offer Redfish as well; restarts it", lambda one, _: one.add_redfish(), True)
    _bmc_verb(actions, "heal", "end every fault of a BMC, dead and cut included", lambda one, _: one.heal(), True)
    _add_fault(actions)


def _bmc_verb(actions, name, text, perform_it, changes=False):
    verb = add_verb(actions, name, text, lambda options: perform_it(bmc.Bmc(host.named(options.host)), options), changes)
    verb.add_argument("host", metavar="HOST")
    return verb


def _add_fault(actions):
    fault = _bmc_verb(actions, "fault", "break a BMC; faults that are not named stay as they are, 0 ends one", _fault, True)
    fault.add_argument("--slow", type=number(0, 600, float), metavar="SECONDS", help="each chassis command takes so long")
    count = converted(_count)
    fault.add_argument("--fail-off", type=count, metavar="COUNT", help="answers the next COUNT power-offs with an error")
    fault.add_argument("--ignore-off", type=count, metavar="COUNT", help="accepts COUNT power-offs and does nothing")
    fault.add_argument("--ignore-on", type=count, metavar="COUNT", help="accepts COUNT power-ons and does nothing")
    fault.add_argument("--lie", type=count, metavar="COUNT", help="tells the opposite of the host's power COUNT times")
    fault.add_argument("--wrong-password", action=argparse.BooleanOptionalAction, help="wants another password than its file has")
    fault.epilog = "COUNT is a number or 'always'."


def _count(text):
    if text == "always" or text.isdigit():
        return text
    raise ValueError(f"'{text}' is neither a count nor 'always'")


def changes(options):
    """{fault: value or None to end it} of what was asked for."""
    asked = {name: getattr(options, name.replace("-", "_")) for name in bmc.FAULTS}
    return {name: value if value not in ("0", 0, False) else None for name, value in asked.items() if value is not None}


def _fault(one, options):
    asked = changes(options)
    if not asked:
        raise base.Problem("nothing to break; see 'testbed bmc fault --help', or mend it with 'testbed bmc heal'")
    one.break_it(asked)


def _ipmitool(one, options):
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    line = one.ipmitool(*words)
    sys.stdout.flush()
    os.execvp(line[0], line)


def _status(options):
    rows = bmc.status()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    shown = [[row["host"], row["bmc"], row["ip"], row["host_power"],
              ", ".join(name if value == "True" else f"{name} {value}" for name, value in row["faults"].items()) or "-"]
             for row in rows]
    base.show_table(["BMC of", "State", "Address", "Host", "Faults"], shown)
