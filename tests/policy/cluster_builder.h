// A small cluster for policy tests, in words: hosts, VMs, time that passes, and what the policy makes of it.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "policy/estimators.h"
#include "policy/policy.h"

namespace ballast::test {

using namespace std::chrono_literals;

class Cluster {
public:
    Inventory inventory;
    policy::Options options;
    policy::Memory memory;
    Instant now = Instant{} + 24h;
    bool measures_hosts = true;  // sample() derives the hosts' load from their VMs

    Cluster() { options.overload.cpu = {0.80, 0.70, 5min}; }

    Host& host(const std::string& name, unsigned cpus = 10, Bytes total = gib(64)) {
        Host host;
        host.id = {name};
        host.facts.hostname = name;
        host.facts.cpus = cpus;
        host.facts.memory_total = total;
        host.facts.arch = "x86_64";
        host.facts.cpu_by_virt_type["kvm"] = {
            {"qemu64", "Skylake"}, {"sse4.2", "avx2"}, "Intel Skylake", {"pc-q35-7.2"}};
        host.facts.networks = {"default"};
        host.facts.bridges = {"br0"};
        host.facts.pools = {{"vms", "/srv/vms"}};
        host.facts.shared_paths = {"/srv/vms"};
        host.connection = Connection::up;
        host.stale = false;
        host.sampled_at = now;
        host.load.cpu_used_cores = 0;
        host.load.memory_available = total;
        return inventory.hosts[host.id] = host;
    }

    Vm& vm(const std::string& name, const std::string& on, double cpu, Bytes size = gib(2), unsigned vcpus = 4) {
        Vm vm;
        vm.id = {"id-" + name};
        vm.host = {on};
        vm.state = VmState::running;
        vm.facts_known = true;
        vm.facts.name = name;
        vm.facts.vcpus = vcpus;
        vm.facts.memory = size;
        vm.facts.requirements.virt_type = "kvm";
        vm.facts.requirements.arch = "x86_64";
        vm.facts.requirements.machine = "pc-q35-7.2";
        vm.facts.requirements.cpu.model = "qemu64";
        vm.facts.requirements.networks = {"default"};
        vm.facts.requirements.files = {"/srv/vms/" + name + ".qcow2"};
        vm.load.cpu_used_cores = cpu;
        vm.load.ready_ratio = 0;
        vm.load.memory_rss = size;
        return inventory.vms[vm.id] = vm;
    }

    Host& at(const std::string& name) { return inventory.hosts.at({name}); }
    Vm& guest(const std::string& name) { return inventory.vms.at({"id-" + name}); }
    policy::HostMemory& seen(const std::string& name) { return memory.hosts.at({name}); }

    /// A new sample of every host that reports, now.
    void sample() {
        for (auto& [id, host] : inventory.hosts) {
            if (host.stale || host.connection != Connection::up) continue;
            host.sampled_at = now;
            if (measures_hosts) measure(host);
        }
    }
    void observe() { memory = policy::observe(memory, inventory, options, now); }
    void tick(Duration step = 10s) {
        now += step;
        sample();
        observe();
    }
    /// Long enough for every detector that its condition asks for.
    void persist(Duration time = 6min) {
        for (const Instant end = now + time; now < end;) tick();
    }

    Plan plan() const { return policy::plan(inventory, memory, options, now); }
    Plan plan_after(Duration time) {
        persist(time);
        return plan();
    }

    std::vector<Rejection> refusals(const std::string& name, const std::string& target) const {
        return policy::refusals(inventory, memory, options, {"id-" + name}, {target}, now);
    }

    void under_way(const std::string& name, const std::string& to) {
        inventory.in_flight.push_back({{"op-" + name}, {"id-" + name}, guest(name).host, {to}});
    }
    void moved(const std::string& name, const std::string& from, const std::string& to, Duration ago,
               bool succeeded = true, bool by_hand = false) {
        inventory.past_moves.push_back({{"id-" + name}, {from}, {to}, now - ago, succeeded, by_hand});
    }

    /// What the executor would have done by now: all moves of the plan ended well. Who was moved for anything but
    /// maintenance has no other home any more.
    void carry_out(const Plan& plan) {
        for (const Move& move : plan.moves) {
            std::erase_if(inventory.homes, [&](const Home& home) {
                return home.vm == move.vm && (move.trigger != Trigger::maintenance || home.host == move.to);
            });
            inventory.vms.at(move.vm).host = move.to;
            inventory.past_moves.push_back({move.vm, move.from, move.to, now, true, false});
        }
    }

private:
    void measure(Host& host) {
        double cpu = 0;
        Bytes used;
        for (const auto& [id, vm] : inventory.vms) {
            if (vm.host != host.id || !policy::occupies_host(vm)) continue;
            cpu += policy::known(vm.load.cpu_used_cores).value_or(0);
            used += vm.load.memory_rss.value_or(vm.facts.memory);
        }
        host.load.cpu_used_cores = std::min(cpu, static_cast<double>(host.facts.cpus));
        host.load.memory_available = host.facts.memory_total - used;
    }
};

/// Three hosts h1, h2, h3 alike; a on h1, b and c on h2, measured.
inline Cluster small_cluster() {
    Cluster cluster;
    for (const char* name : {"h1", "h2", "h3"}) cluster.host(name, 10, gib(32));
    cluster.vm("a", "h1", 1, gib(8));
    cluster.vm("b", "h2", 1, gib(8));
    cluster.vm("c", "h2", 1, gib(4));
    cluster.persist(1min);
    return cluster;
}

inline const Move* move_of(const Plan& plan, const std::string& name) {
    for (const Move& move : plan.moves)
        if (move.vm.value == "id-" + name) return &move;
    return nullptr;
}

inline const Finding* finding_of(const Plan& plan, const std::string& host) {
    for (const Finding& finding : plan.findings)
        if (finding.host.value == host) return &finding;
    return nullptr;
}

inline bool has(const std::vector<Rejection>& rejections, Reason reason) {
    for (const Rejection& rejection : rejections)
        if (rejection.reason == reason) return true;
    return false;
}

inline bool has(const std::vector<Rejection>& rejections, const std::string& name, Reason reason) {
    for (const Rejection& rejection : rejections)
        if (rejection.reason == reason && rejection.vm.value == "id-" + name) return true;
    return false;
}

}  // namespace ballast::test
