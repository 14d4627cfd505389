"""The packing solvers against an exact one (CBC) and against bounds (GLPK's linear relaxation)."""

import json
import math
import os
import re
import subprocess
import tempfile

from sampling_bench import children_cpu, row

EVACUATIONS = int(os.environ.get("BALLAST_BENCH_EVACUATIONS", "200"))
FIRST_EVACUATION = int(os.environ.get("BALLAST_BENCH_FIRST_EVACUATION", "0"))  # instances that nobody has looked at yet
EXACT_LIMIT_S = float(os.environ.get("BALLAST_BENCH_EXACT_LIMIT_S", "20"))  # CPU seconds of CBC for one instance
CONSOLIDATIONS = {100: 40, 1000: 20}  # instances of so many hosts
FIRST_CONSOLIDATION = int(os.environ.get("BALLAST_BENCH_FIRST_CONSOLIDATION", "0"))


def bench_lines(build, *arguments):
    """The bench program's instances."""
    done = subprocess.run([os.path.join(build, "bin", "bench_packing"), *map(str, arguments)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def exact(path):
    """(lower, upper) bound of the number of VMs that have to be left behind, and CBC's CPU seconds. They are equal when it
    decided; upper is None when it found nothing, or crashed, as it does on an instance in some hundred."""
    before = children_cpu()
    done = subprocess.run(["cbc", path, "timemode", "cpu", "sec", str(EXACT_LIMIT_S), "solve", "quit"], check=False, capture_output=True, text=True)
    cpu = children_cpu() - before
    found = re.search(r"^Objective value:\s+(\S+)", done.stdout, re.MULTILINE)
    upper = None if not found or "No feasible solution" in done.stdout else round(float(found.group(1)))
    if re.search(r"^Result - Optimal solution found", done.stdout, re.MULTILINE):
        return upper, upper, cpu
    bound = re.search(r"^Lower bound:\s+(\S+)", done.stdout, re.MULTILINE)
    return (math.ceil(float(bound.group(1)) - 1e-6) if bound else 0), upper, cpu


def evacuation_exact(build):
    """Group 3: emptying hosts of clusters whose memory is 85-95 % full."""
    with tempfile.TemporaryDirectory() as folder:
        plans = bench_lines(build, "evacuation", EVACUATIONS, folder, FIRST_EVACUATION)
        # A complete ordered plan proves that the instance is feasible: CBC is asked about the others.
        bounds = [(0, 0, 0.0) if plan["left"] == 0 and plan["stranded"] == 0 else exact(os.path.join(folder, f"{plan['number']}.lp")) for plan in plans]
    judged = list(zip(plans, bounds))
    feasible = [plan for plan, (_, upper, _) in judged if upper == 0]
    infeasible = [(plan, upper) for plan, (lower, upper, _) in judged if lower > 0 and lower == upper]
    # Left behind although the exact solver's own solution leaves fewer, decided or not.
    worse = [plan for plan, (_, upper, _) in judged if upper is not None and plan["left"] > upper]
    complete = sum(plan["left"] == 0 and plan["stranded"] == 0 for plan in feasible)
    most = sum(plan["left"] <= upper for plan, upper in infeasible)
    undecided = [plan["number"] for plan, (lower, upper, _) in judged if lower != upper and upper != 0 and plan["left"] > 0]
    cpu, cbc = sum(plan["cpu_s"] for plan in plans), sum(taken for _, _, taken in bounds)
    moved, displaced = sum(plan["wanted"] - plan["left"] for plan in plans), sum(plan["displaced"] for plan in plans)
    case = f"{len(plans)} instances, 16-64 hosts"
    return [row(case, "complete ordered plans; feasible by them or by CBC as peer", complete, "plans", len(feasible), "= peer", complete == len(feasible)),
            row(case, "as many moved as possible; proven infeasible by CBC as peer", most, "plans", len(infeasible), "= peer", most == len(infeasible)),
            row(case, "fewer moved than in CBC's best solution", len(worse), "plans", None, "= 0", not worse),
            row(case, f"open, incomplete and CBC undecided: {undecided}", len(undecided), "plans", None, None, True),
            row(case, "VMs moved though they need not, a VM evacuated", round(displaced / max(1, moved), 3), "VMs", None, None, True),
            row(case, "CPU time of all, places and order; of CBC on the incomplete ones as peer", round(cpu, 2), "s", round(cbc, 1), None, True),
            row(case, "CPU time of the slowest", max(plan["cpu_s"] for plan in plans), "s", None, None, True)]


def bound(case):
    """Hosts needed by the linear relaxation: each resource's sum on fractions of hosts, by GLPK; equal hosts need no solver."""
    capacities, demand = case["capacities"], case["demand"]
    if len(set(capacities)) == 1:
        return max(math.ceil(sum_ / capacities[0] - 1e-9) for sum_ in demand)
    with tempfile.TemporaryDirectory() as folder:
        path, report = os.path.join(folder, "bound.lp"), os.path.join(folder, "out")
        names = [f"x{i}" for i in range(len(capacities))]
        covers = "\n".join(f" r{k}: " + "\n + ".join(f"{capacity} {name}" for capacity, name in zip(capacities, names)) + f" >= {sum_}"
                           for k, sum_ in enumerate(demand))
        with open(path, "w", encoding="utf-8") as out:
            out.write("Minimize\n obj: " + "\n + ".join(names) + f"\nSubject To\n{covers}\nBounds\n" + "".join(f" 0 <= {name} <= 1\n" for name in names) + "End\n")
        subprocess.run(["glpsol", "--lp", path, "-w", report], check=True, stdout=subprocess.DEVNULL)
        with open(report, encoding="utf-8") as lines:
            status = next(line.split() for line in lines if line.startswith("s bas"))
    return math.ceil(float(status[-1]) - 1e-6)


def consolidation(build):
    """Group 4: hosts kept on, against the lower bound."""
    rows = []
    for hosts, count in CONSOLIDATIONS.items():
        for reserve in (0, 1):
            cases = bench_lines(build, "consolidation", count, hosts, reserve, FIRST_CONSOLIDATION)
            ratios = [case["hosts_on"] / (bound(case) + reserve) for case in cases]
            mean, worst = sum(ratios) / len(ratios), max(ratios)
            name = f"{count} instances, {hosts} hosts" + (", N+1" if reserve else "")
            target = "<= 1.02" if not reserve else None
            rows += [row(name, "hosts kept on / bound, mean", round(mean, 4), "x", None, target, mean <= 1.02 or not target),
                     row(name, "hosts kept on / bound, worst", round(worst, 4), "x", None, target, worst <= 1.02 or not target),
                     row(name, "migrations / VMs on hosts that go off", round(sum(case["moves"] for case in cases) / sum(case["moves_needed"] for case in cases), 3),
                         "x", None, None, True),
                     row(name, "reserve kept", sum(case["reserve_kept"] for case in cases), "plans", None, f"= {count}", all(case["reserve_kept"] for case in cases)),
                     row(name, "CPU time, mean", round(sum(case["cpu_s"] for case in cases) / count, 3), "s", None, None, True),
                     row(name, "CPU time of the slowest", max(case["cpu_s"] for case in cases), "s", None, None, True)]
    return rows


ALL = {"evacuation-exact": evacuation_exact, "consolidation": consolidation}
