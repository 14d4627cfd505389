"""The verb `heartbeat`: shows the analysis of the guests' heartbeats."""

import argparse
import dataclasses
import json
import time

import base
import heartbeat


def add_heartbeat(verbs):
    """Adds the verb to the command line."""
    text = "where each guest ran, its longest gap, and whether it ever ran twice (exit status 1)"
    verb = verbs.add_parser("heartbeat", help=text, description=text, allow_abbrev=False)
    verb.add_argument("--json", action="store_true")
    verb.add_argument("--since", type=_since, default=0, metavar="T",
                      help="leave out earlier beats: seconds since 1970, or -S for the last S seconds")
    verb.set_defaults(perform=_heartbeat, changes=False)


def _since(text):
    """Milliseconds since 1970 from '1700000000.5' or from '-30' (30 s ago)."""
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is neither seconds since 1970 nor -S for S seconds ago") from None
    return int((time.time() + seconds if seconds < 0 else seconds) * 1000)


def _clock(milliseconds):
    return time.strftime("%H:%M:%S", time.localtime(milliseconds / 1000)) + f".{milliseconds % 1000:03d}"


def _heartbeat(options):
    now = int(time.time() * 1000)
    reports = heartbeat.reports(options.since)
    if options.json:
        print(json.dumps([{**dataclasses.asdict(report), "last_beat_age_ms": now - report.last_beat_ms}
                          for report in reports], indent=2))
    else:
        _show(reports, now)
    return 1 if any(report.double_runs for report in reports) else 0


def _path(handovers):
    """The hosts of a chain of handovers, in order."""
    return [handover["from"] for handover in handovers[:1]] + [handover["to"] for handover in handovers]


def _show(reports, now):
    rows = []
    for report in reports:
        path = " > ".join(_path(report.handovers[-3:]) or report.hosts)
        rows.append([report.guest, path, sum(beats for _, _, beats in report.hosts.values()), report.last_seq,
                     f"{now - report.last_beat_ms} ms",
                     f"{report.handovers[-1]['gap_ms']} ms" if report.handovers else "-",
                     f"{report.longest_gap_ms} ms at {_clock(report.longest_gap_at_ms)} on {report.longest_gap}"])
    base.show_table(["Guest", "Ran on", "Beats", "Last seq", "Last beat", "Last move", "Longest gap"], rows)
    for report in reports:
        for double in report.double_runs:
            print(f"DOUBLE RUN {report.guest}: {double}")
