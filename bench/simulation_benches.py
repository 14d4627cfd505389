"""Benches on simulated clusters: consolidation over PlanetLab days against CloudSim's policies in the same run, and how
quiet the policy is on a synthetic cluster for a week. They need neither root nor the testbed."""

import glob
import json
import os
import subprocess
import tempfile

from sampling_bench import row

# What is run beside ours. CloudSim 3.0.3 is the release the targets are set against; LR equals LRR there.
PEERS = ("thr", "iqr", "mad", "lrr")
SHIPPED_DATA = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "shared", "data", "planetlab")
ENERGY_LIMIT = 1.3
ENERGY_AIM = 1.15


def sim(build, *arguments):
    """The figures of one run of ballast-sim."""
    done = subprocess.run([os.path.join(build, "bin", "ballast-sim"), *arguments, "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def days(folder):
    """The traces found, in order of their names."""
    return sorted(glob.glob(os.path.join(folder, "*.csv.gz")))


def planetlab(build, folder=None):
    """Three rows a day, each beside the best of the peers; one that says so when there is no day."""
    folder = folder or os.environ.get("BALLAST_PLANETLAB") or SHIPPED_DATA
    found = days(folder)
    if not found:
        return [row("-", f"no *.csv.gz in {folder}: name the folder with --data or BALLAST_PLANETLAB", 0, "days", None, "-", False)]
    rows = []
    for day in found:
        rows += one_day(build, day)
    return rows


def one_day(build, day):
    """Energy, ESV, migrations and shortage."""
    case = os.path.basename(day).removesuffix(".csv.gz")
    ours = sim(build, "planetlab", day)
    peers = [sim(build, "planetlab", day, "--peer", name) for name in PEERS]
    best = {key: min(peer[key] for peer in peers) for key in ("energy_kwh", "esv", "migrations", "shortage_pct")}
    energy, esv, moves = ours["energy_ratio"], ours["esv"], ours["migrations"]
    return [row(case, f"energy / least possible (aim {ENERGY_AIM})", round(energy, 3), "x", round(best["energy_kwh"] / ours["bound_kwh"], 3),
                f"<= {ENERGY_LIMIT}x bound", energy <= ENERGY_LIMIT),
            row(case, "ESV", float(f"{esv:.3g}"), "kWh", float(f"{best['esv']:.3g}"), "<= 1/200x", esv <= best["esv"] / 200),
            row(case, "migrations", moves, "", best["migrations"], "<= 1/15x", moves <= best["migrations"] / 15),
            row(case, "CPU wanted and not got", round(ours["shortage_pct"], 4), "%", round(best["shortage_pct"], 4), "<= 1x",
                ours["shortage_pct"] <= best["shortage_pct"])]


def stability(build):
    """A week at 10 % noise and bursts."""
    rows = []
    for seed in (1, 2, 3):
        found = sim(build, "synthetic", "--seed", str(seed))
        case = f"{found['hosts']} hosts, {found['vms']} VMs, {found['days']} days, seed {seed}"
        for key, metric, unit, limit in (("moved_twice_within_cooldown", "VMs moved twice within the cooldown", "", 0),
                                         ("returns_within_an_hour", "A-B-A within an hour", "", 0)):
            rows.append(row(case, metric, found[key], unit, None, "= 0", found[key] <= limit))
        for key, metric, unit, limit in (("moves_per_vm_and_day", "moves per VM and day", "", 0.05),
                                         ("overload_minutes_pct", "host minutes overloaded", "%", 0.1)):
            rows.append(row(case, metric, round(found[key], 4), unit, None, f"< {limit}", found[key] < limit))
    return rows


def morning(build):
    """Four days with a load that doubles within a quarter of an hour each morning: with the forecast, one of them is enough."""
    rows = []
    for seed in (1, 2):
        found = {}
        for forecast in ("true", "false"):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as policy:
                policy.write(f"consolidation: {{enabled: true}}\nforecast: {{enabled: {forecast}}}\n")
                policy.flush()
                found[forecast] = sim(build, "synthetic", "--days", "4", "--load", "0.3", "--steepness", "40", "--phase-spread", "0.05",
                                      "--bursts", "0", "--seed", str(seed), "--policy", policy.name)
        ours, without = found["true"], found["false"]
        case = f"{ours['hosts']} hosts, {ours['vms']} VMs, 4 steep mornings, seed {seed}"
        rows.append(row(case, "minutes overloaded after the first day, without forecast as peer", ours["overload_minutes_later"], "",
                        without["overload_minutes_later"], "= 0", ours["overload_minutes_later"] == 0))
        rows.append(row(case, "minutes with the brake on moves set", ours["braked_minutes"], "", without["braked_minutes"], "= 0",
                        ours["braked_minutes"] == 0))
        rows.append(row(case, "host hours off", round(ours["host_hours_off"]), "h", round(without["host_hours_off"]), "-"))
    return rows
