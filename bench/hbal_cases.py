"""Clusters in hbal's text format, made from a seed: 20 VMs a host of 1 to 16 GiB, placed unevenly, on shared storage."""
import math
import os
import random

GROUP = "11111111-1111-1111-1111-111111111111"
HOST_MIB, HOST_CPUS, OWN_MIB, DISK_MIB, VCPU_RATIO = 131072, 32, 4096, 4 << 20, 4.0
MEMORY_MIB, MEMORY_WEIGHTS = (1024, 2048, 4096, 8192, 16384), (25, 30, 25, 15, 5)
VCPUS, VCPU_WEIGHTS = (1, 2, 4, 8), (35, 35, 20, 10)


def make_vm(dice, number):
    """A VM and its utilisation, as parts of one ordinary host's CPU, memory, disk and network."""
    memory = dice.choices(MEMORY_MIB, MEMORY_WEIGHTS)[0]
    vcpus = dice.choices(VCPUS, VCPU_WEIGHTS)[0]
    busy = (vcpus * dice.betavariate(1.2, 3.6) / HOST_CPUS, memory * dice.betavariate(3, 2) / HOST_MIB,
            min(0.3, dice.lognormvariate(-4.4, 0.9)), min(0.3, dice.lognormvariate(-4.4, 1.1)))
    return {"name": f"vm-{number:05}", "memory": memory, "vcpus": vcpus, "busy": busy}


def place(dice, hosts, vm, liking):
    """Puts the VM on a host with room, some hosts being liked more than others."""
    for _ in range(1000):
        host = dice.choices(hosts, liking)[0]
        if (host["used"] + vm["memory"] <= 0.92 * (host["memory"] - OWN_MIB)
                and host["vcpus"] + vm["vcpus"] <= 0.9 * VCPU_RATIO * host["cpus"]):
            host["used"] += vm["memory"]
            host["vcpus"] += vm["vcpus"]
            vm["host"] = host["name"]
            return
    raise ValueError("the VMs do not fit")


def make(host_count, seed, unequal, folder):
    """Writes folder/cluster.data and folder/util.txt."""
    dice = random.Random(seed)
    hosts = []
    for number in range(host_count):
        size = dice.choice((1, 1, 1.5, 2)) if unequal else 1
        hosts.append({"name": f"host-{number:04}", "memory": int(HOST_MIB * size), "cpus": int(HOST_CPUS * size), "used": 0, "vcpus": 0})
    liking = [math.exp(dice.gauss(0, 0.45)) * host["memory"] for host in hosts]
    vms = [make_vm(dice, number) for number in range(20 * host_count)]
    for vm in sorted(vms, key=lambda vm: -vm["memory"]):
        place(dice, hosts, vm, liking)
    spec = f"4096,2,20480,1,1,1|128,1,1024,1,1,1;65536,16,1048576,16,8,12|ext|{VCPU_RATIO}|32.0"
    lines = [f"default|{GROUP}|preferred||", ""]
    lines += [f"{h['name']}|{h['memory']}|{OWN_MIB}|{h['memory'] - OWN_MIB - h['used']}|{DISK_MIB}|{DISK_MIB}|{h['cpus']}|N|{GROUP}|1||N|0|0|1.0"
              for h in hosts] + [""]
    lines += [f"{v['name']}|{v['memory']}|20480|{v['vcpus']}|running|Y|{v['host']}||ext||1|-|N" for v in vms] + ["", ""]
    lines += ["|" + spec, "default|" + spec, ""]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "cluster.data"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines))
    with open(os.path.join(folder, "util.txt"), "w", encoding="utf-8") as out:
        out.writelines(f"{v['name']} " + " ".join(f"{busy:.6f}" for busy in v["busy"]) + "\n" for v in vms)
