"""Balancing large clusters with every kind of limit on; see bench/scale.cc for what they are."""
import json
import math
import os
import subprocess

SMALL, LARGE, VMS_PER_HOST = 1000, 10_000, 20
LONG_S = 60  # the search whose score is the measure
GROWTH_HOSTS = (250, 1000, 4000)  # growth is fitted where the solver's budget grows with the cluster


def measured(program, *arguments):
    """What bench_scale prints."""
    done = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def row(hosts, metric, value, unit, target, ok, peer=None):
    """One row of the table."""
    case = f"{hosts} hosts, {hosts * VMS_PER_HOST} VMs"
    return {"case": case, "metric": metric, "value": value, "unit": unit, "peer": peer, "target": target, "ok": ok}


def exponent(points):
    """Least squares slope of log(seconds) over log(n)."""
    logs = [(math.log(n), math.log(seconds)) for n, seconds in points]
    mean_x, mean_y = (sum(axis) / len(logs) for axis in zip(*logs))
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def n_log_n_exponent(sizes):
    """What n log n itself would show over these sizes."""
    return exponent([(n, n * math.log(n)) for n in sizes])


def run(build):
    """For bench/run. Seconds are CPU seconds of one thread."""
    program = os.path.join(build, "bin", "bench_scale")
    plan = measured(program, "plan", SMALL, 1)
    long = measured(program, "plan", SMALL, 1, int(plan["steps"] / plan["cpu_s"] * LONG_S))
    excess = plan["score"] / long["score"] - 1
    yield row(SMALL, "first valid plan", plan["first_s"], "s CPU", "< 0.1 s", plan["first_s"] < 0.1)
    yield row(SMALL, "good plan", plan["cpu_s"], "s CPU", "< 1 s", plan["cpu_s"] < 1)
    yield row(SMALL, f"its score over that after {long['cpu_s']:.0f} s", 100 * excess, "%", "<= 2 %", excess <= 0.02)
    rest = measured(program, "rest", SMALL, 1)
    share = rest["unchanged_s"] / rest["full_s"] if "full_s" in rest else 1.0
    yield row(SMALL, "a cycle in which nothing changed", 100 * share, "% of a plan", "< 1 %", share < 0.01)
    large = measured(program, "plan", LARGE, 1)
    yield row(LARGE, "good plan", large["cpu_s"], "s CPU", "< 10 s", large["cpu_s"] < 10)
    yield row(LARGE, "peak memory", large["peak_mib"], "MiB", "< 2048 MiB", large["peak_mib"] < 2048)
    times = [(hosts, measured(program, "plan", hosts, 1)["cpu_s"]) for hosts in GROWTH_HOSTS]
    fitted, most = exponent(times), n_log_n_exponent(GROWTH_HOSTS)
    yield row(GROWTH_HOSTS[-1], f"time grows as hosts to the power of (from {GROWTH_HOSTS[0]})", fitted, "", f"<= {most:.2f} (n log n)",
              fitted <= most)
