"""Balancing against Ganeti's hbal, under hbal's own score."""
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import time

import hbal_cases

# What bench/run measures: folder name, hosts, seed, unequal hosts.
CASES = (("8-hosts", 8, 1, False), ("16-hosts", 16, 2, False), ("16-unequal", 16, 3, True), ("32-hosts", 32, 4, False))
MOST_OF_SCORE, MOST_OF_SCORE_2X = 0.8, 0.4
LEAST_SPEED, SPEED_FROM_HOSTS = 1000, 32


def ours(program, *arguments):
    """What bench_hbal prints."""
    done = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def limit_cpu(seconds):
    """For the child: hbal never ends by itself within hours on large clusters."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def run_hbal(folder, timeout_s):
    """hbal's score, moves and CPU seconds; None when it did not end within so many CPU seconds, or is not there."""
    command = ["hbal", "-t", os.path.join(folder, "cluster.data")]
    if os.path.exists(os.path.join(folder, "util.txt")):
        command += ["-U", os.path.join(folder, "util.txt")]
    try:
        with tempfile.TemporaryFile("w+") as out, subprocess.Popen(
                command, stdout=out, stderr=subprocess.DEVNULL, preexec_fn=lambda: limit_cpu(timeout_s)) as child:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            text = out.read()
    except FileNotFoundError:
        return None
    if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return None
    cpu_s = usage.ru_utime + usage.ru_stime
    if child.returncode != 0:
        raise RuntimeError(f"hbal failed on {folder}: {text[-500:]}")
    scores = re.findall(r"^\s*\d+\. \S+\s.*?\s(\d+\.\d+) a=", text, re.M)
    start = re.search(r"(?:Initial score: |initial score )([\d.]+\d)", text)
    return {"score": float(scores[-1] if scores else start.group(1)), "moves": len(scores), "cpu_s": cpu_s}


def compare(program, folder, peer_timeout_s, placements=None):
    """One case. With peer_timeout_s 0 hbal is not run: its own rule, which needs no hbal, says how many moves it makes."""
    name = os.path.basename(os.path.normpath(folder))
    peer = run_hbal(folder, peer_timeout_s) if peer_timeout_s else None
    basis = peer or ours(program, "rule", folder)
    row = {"case": name, "peer_ran": peer is not None, "peer_score": basis["score"], "peer_moves": basis["moves"],
           "peer_cpu_s": peer["cpu_s"] if peer else None}
    for suffix, moves in (("", basis["moves"]), ("_2x", 2 * basis["moves"])):
        target = [os.path.join(placements, f"{name}{suffix.replace('_', '-')}.csv")] if placements else []
        plan = ours(program, "plan", folder, moves, *target)
        row |= {"hosts": plan["hosts"], "vms": plan["vms"], "score_before": plan["score_before"], "score" + suffix: plan["score"],
                "moves" + suffix: plan["moves"], "cpu_s" + suffix: plan["cpu_s"],
                "ratio" + suffix: plan["score"] / basis["score"] if basis["score"] > 0 else 1.0}
    row["speed"] = peer["cpu_s"] / max(row["cpu_s"], row["cpu_s_2x"]) if peer else None
    row["ok"] = verdict(row)
    return row


def verdict(row):
    """Is every target reached? Where hbal finds nothing to move there is nothing to beat."""
    if row["peer_moves"] == 0:
        return row["score"] <= row["peer_score"] + 1e-9
    quick = row["speed"] is None or row["hosts"] < SPEED_FROM_HOSTS or row["speed"] >= LEAST_SPEED
    return row["ratio"] <= MOST_OF_SCORE and row["ratio_2x"] <= MOST_OF_SCORE_2X and quick


def run(build):
    """For bench/run."""
    program = os.path.join(build, "bin", "bench_hbal")
    with tempfile.TemporaryDirectory() as folder:
        for name, hosts, seed, unequal in CASES:
            case = os.path.join(folder, name)
            hbal_cases.make(hosts, seed, unequal, case)
            row = compare(program, case, 600)
            yield from rows_of(row)


def rows_of(row):
    """The rows of bench/run's table."""
    for suffix, title, most in (("", "score, no more moves than hbal", MOST_OF_SCORE), ("_2x", "score, up to twice its moves", MOST_OF_SCORE_2X)):
        yield {"case": row["case"], "metric": title, "value": row["score" + suffix], "unit": f"after {row['moves' + suffix]} moves",
               "peer": row["peer_score"], "target": f"<= {most}x hbal's", "ok": row["ratio" + suffix] <= most}
    if row["speed"] is not None:
        fast = row["hosts"] < SPEED_FROM_HOSTS or row["speed"] >= LEAST_SPEED
        target = f">= {LEAST_SPEED}x" if row["hosts"] >= SPEED_FROM_HOSTS else "-"
        yield {"case": row["case"], "metric": "CPU", "value": max(row["cpu_s"], row["cpu_s_2x"]), "unit": "s", "peer": row["peer_cpu_s"],
               "target": target, "ok": fast}
