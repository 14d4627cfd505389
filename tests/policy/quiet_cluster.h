// Clusters that want little, for tests of consolidation: watched for long enough, with a power driver that obeys.
#pragma once

#include <set>
#include <string>

#include "tests/policy/plan_text.h"
#include "tests/policy/random_cluster.h"

namespace ballast::test {

// Three hosts of 10 CPUs that want 3 of them all together, watched for an hour.
inline Cluster quiet(bool managed = true) {
    Cluster cluster;
    for (const char* name : {"host1", "host2", "host3"}) cluster.host(name).power_managed = managed;
    cluster.host("host4").power_managed = managed;
    for (int i = 0; i < 8; ++i)
        cluster.vm("v" + std::to_string(i), "host" + std::to_string(1 + i % 4), i % 4 == 2 ? 0.2 : 0.4, gib(2), 2);
    cluster.options.consolidation.enabled = true;
    cluster.options.consolidation.min_hosts_on = 1;
    cluster.options.consolidation.min_time_on = 0s;
    cluster.options.cooldown.vm = 0s;
    for (int i = 0; i < 60; ++i) cluster.tick(1min);
    return cluster;
}

inline void switch_power(Cluster& cluster, const std::string& name, PowerState state) {
    Host& host = cluster.at(name);
    host.power = state;
    host.power_since = cluster.now;
    host.connection = state == PowerState::on ? Connection::up : Connection::down;
    host.stale = state != PowerState::on;
    host.load = {};
}

// What a power driver would have done by now with changes that wait for no move.
inline void carry_out_power(Cluster& cluster, const Plan& plan) {
    for (const PowerChange& change : plan.power)
        if (change.wave == 0) switch_power(cluster, change.host.value, change.on ? PowerState::on : PowerState::off);
}

inline void settle(Cluster& cluster, int cycles = 12) {
    for (int i = 0; i < cycles; ++i) {
        const Plan plan = cluster.plan();
        cluster.carry_out(plan);
        carry_out_power(cluster, plan);
        cluster.tick(1min);
    }
}

inline std::size_t hosts_on(const Cluster& cluster) {
    std::size_t on = 0;
    for (const auto& [id, host] : cluster.inventory.hosts) on += host.power == PowerState::on;
    return on;
}

inline std::size_t in_use(const Cluster& cluster) {
    std::set<HostId> hosts;
    for (const auto& [id, vm] : cluster.inventory.vms) hosts.insert(vm.host);
    return hosts.size();
}

inline const PowerChange* change_of(const Plan& plan, const std::string& host) {
    for (const PowerChange& change : plan.power)
        if (change.host.value == host) return &change;
    return nullptr;
}

}  // namespace ballast::test
