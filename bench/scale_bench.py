"""Planning for large clusters: the policy as the daemon calls it, on clusters with every kind of rule, wish and hardware
(bench/large_cluster.h), and the solver alone with every kind of limit on (bench/scale.cc)."""
import json
import math
import os
import subprocess

SMALL, LARGE, VMS_PER_HOST = 1000, 10_000, 20
LONG_S = 60  # the search whose score is the measure
GROWTH_HOSTS = (250, 1000, 4000)  # growth is fitted where the solver's budget grows with the cluster
PLAN_GROWTH_HOSTS = (500, 1000, 2000, 4000)
LEAST_STEPS = 1  # of balance's search: the first and shortest of those it is made of


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


def good_plan(program, trouble):
    """A whole plan of 1,000 hosts, beside one with a search of a minute where it searches."""
    whole = measured(program, trouble, SMALL, 1)
    what = {"overload": "hosts overloaded", "uneven": "load uneven"}[trouble]
    first = whole if trouble == "overload" else measured(program, trouble, SMALL, 1, LEAST_STEPS)
    yield row(SMALL, f"plan(), {what}: first valid plan", first["cpu_s"], "s CPU", "< 0.1 s", first["cpu_s"] < 0.1)
    yield row(SMALL, f"plan(), {what}: whole plan", whole["cpu_s"], "s CPU", "< 1 s", whole["cpu_s"] < 1)
    if trouble == "overload":
        share = whole["resolved"] / whole["findings"]
        yield row(SMALL, "plan(), hosts overloaded: of them relieved", 100 * share, "%", "-", True)
        return
    steps = LONG_S / max(whole["cpu_s"] - first["cpu_s"], 1e-3) * whole_steps(SMALL)
    long = measured(program, trouble, SMALL, 1, int(steps))
    excess = whole["uneven"] / long["uneven"] - 1
    yield row(SMALL, f"plan(), {what}: unevenness over that after {long['cpu_s']:.0f} s", 100 * excess, "%", "<= 2 %", excess <= 0.02)


def whole_steps(hosts):
    """As many as solver::sensible_steps() gives a cluster of this size."""
    vms = hosts * VMS_PER_HOST
    return min(max(300 * vms + 5700 * min(vms, 3000), 2_000_000), 80_000_000)


def whole_plans(build):
    """Rows of the policy itself."""
    program = os.path.join(build, "bin", "bench_plan")
    for trouble in ("overload", "uneven"):
        yield from good_plan(program, trouble)
    again = measured(program, "unchanged", SMALL, 1)
    share = again["unchanged_s"] / again["full_s"]
    yield row(SMALL, "plan(): a cycle in which nothing changed", 100 * share, "% of a plan", "< 1 %", share < 0.01)
    for trouble in ("overload", "uneven"):
        large = measured(program, trouble, LARGE, 1)
        yield row(LARGE, f"plan(), {trouble}: whole plan", large["cpu_s"], "s CPU", "< 10 s", large["cpu_s"] < 10)
        yield row(LARGE, f"plan(), {trouble}: peak memory", large["peak_mib"], "MiB", "< 2048 MiB", large["peak_mib"] < 2048)
        times = [(hosts, measured(program, trouble, hosts, 1)["cpu_s"]) for hosts in PLAN_GROWTH_HOSTS]
        fitted, most = exponent(times), n_log_n_exponent(PLAN_GROWTH_HOSTS)
        yield row(PLAN_GROWTH_HOSTS[-1], f"plan(), {trouble}: time grows as hosts to the power of (from {PLAN_GROWTH_HOSTS[0]})",
                  fitted, "", f"<= {most:.2f} (n log n)", fitted <= most)


def run(build):
    """For bench/run. Seconds are CPU seconds of one thread."""
    yield from whole_plans(build)
    yield from solver_alone(build)


def solver_alone(build):
    """Rows of the balance solver."""
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
