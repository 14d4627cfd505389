// Random clusters for properties: small enough that constraints collide, odd enough to contain what reality contains.
// The generator is our own (splitmix64), because the standard's distributions differ between libraries.
#pragma once

#include <limits>

#include "tests/policy/cluster_builder.h"

namespace ballast::test {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    // splitmix64 [Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014]
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    unsigned below(unsigned limit) { return static_cast<unsigned>(next() % limit); }
    unsigned between(unsigned low, unsigned high) { return low + below(high - low + 1); }
    double ratio() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    bool one_in(unsigned n) { return below(n) == 0; }

private:
    std::uint64_t state_;
};

inline std::string host_name(unsigned i) {
    return "host" + std::to_string(i);
}

inline void add_host(Cluster& cluster, Dice& dice, unsigned i) {
    Host& host = cluster.host(host_name(i), dice.between(2, 12), gib(dice.between(8, 48)));
    if (dice.one_in(6)) host.maintenance = true;
    if (dice.one_in(10)) host.accepts_vms = false;
    if (dice.one_in(10)) host.facts.networks.insert("extra");
    if (dice.one_in(8)) host.facts.networks.clear();
    if (dice.one_in(8)) host.facts.cpu_by_virt_type["kvm"].models.erase("Skylake");
    if (dice.one_in(8)) host.facts.cpu_by_virt_type["kvm"].host_model = "AMD EPYC";
    if (dice.one_in(8)) host.facts.shared_paths = {"/srv/other"};
    if (dice.one_in(8)) host.facts.pools.clear();
    if (dice.one_in(8)) host.load.pressure.memory_some = dice.ratio() * 0.5;
}

inline void add_wishes(Vm& vm, Dice& dice, unsigned hosts) {
    VmRequirements& needs = vm.facts.requirements;
    if (dice.one_in(8)) vm.facts.wishes.keep_apart = {"g" + std::to_string(dice.below(3))};
    if (dice.one_in(12)) vm.facts.wishes.only_on = {{host_name(dice.below(hosts))}, {host_name(dice.below(hosts))}};
    if (dice.one_in(15)) vm.facts.wishes.no_migrate = true;
    if (dice.one_in(4)) vm.facts.wishes.priority = static_cast<int>(dice.below(5)) - 2;
    if (dice.one_in(15)) vm.facts.blockers = {{Reason::host_device, "gpu"}};
    if (dice.one_in(6)) needs.cpu.model = "Skylake";
    if (dice.one_in(10)) needs.cpu = {CpuRequirement::Mode::host_passthrough, "", {}};
    if (dice.one_in(6)) needs.pools = {"vms"};
    if (dice.one_in(15)) needs.files.insert("/var/lib/local.img");
}

inline void add_vm(Cluster& cluster, Dice& dice, unsigned i, unsigned hosts) {
    const unsigned vcpus = dice.between(1, 4);
    Vm& vm = cluster.vm("v" + std::to_string(i), host_name(dice.below(hosts)), dice.ratio() * vcpus,
                        mib(256) + mib(dice.below(6 * 1024)), vcpus);
    vm.load.memory_rss = scaled(vm.facts.memory, dice.ratio());
    vm.load.ready_ratio = dice.one_in(4) ? dice.ratio() * 0.3 : 0;
    if (dice.one_in(4)) vm.load.dirty_rate_mib_per_s = dice.ratio() * 150;
    if (dice.one_in(15)) vm.load.cpu_used_cores.reset();
    if (dice.one_in(20)) vm.state = dice.one_in(2) ? VmState::paused : VmState::shut_off;
    if (dice.one_in(25)) vm.facts_known = false;
    add_wishes(vm, dice, hosts);
}

inline void add_history(Cluster& cluster, Dice& dice, unsigned vms, unsigned hosts) {
    for (unsigned i = 0; i < vms; ++i) {
        Vm& vm = cluster.guest("v" + std::to_string(i));
        const std::string other = host_name(dice.below(hosts));
        if (other == vm.host.value || vm.state != VmState::running) continue;
        if (dice.one_in(15))
            cluster.under_way("v" + std::to_string(i), other);
        else if (dice.one_in(10))
            cluster.moved("v" + std::to_string(i), other, vm.host.value, std::chrono::minutes{dice.below(60)});
        else if (dice.one_in(10))
            cluster.moved("v" + std::to_string(i), vm.host.value, other, std::chrono::minutes{dice.below(9)}, false);
    }
}

/// Maintenances that are over, or last, and whom they sent away.
inline void add_homes(Cluster& cluster, Dice& dice, unsigned hosts) {
    cluster.options.maintenance.return_home = true;
    std::map<HostId, std::optional<Instant>> ended;
    for (const auto& [id, host] : cluster.inventory.hosts)
        if (!host.maintenance) ended[id] = cluster.now - std::chrono::hours{dice.below(30)};
    for (const auto& [id, vm] : cluster.inventory.vms) {
        const HostId home{host_name(dice.below(hosts))};
        if (home == vm.host || !dice.one_in(2)) continue;
        cluster.inventory.homes.push_back({id, home, ended[home]});
        if (dice.one_in(2))
            cluster.moved(vm.facts.name, home.value, vm.host.value, std::chrono::minutes{dice.below(90)});
    }
}

inline void add_options(Cluster& cluster, Dice& dice, unsigned hosts) {
    using policy::Rule;
    policy::Options& options = cluster.options;
    options.limits = {dice.between(1, 3), dice.between(1, 3), dice.between(1, 6)};
    options.overload.max_moves_per_cycle = dice.between(1, 6);
    options.reserve.memory = dice.one_in(3) ? 0 : 0.05;
    if (dice.one_in(2)) options.rules.push_back({Rule::Kind::keep_apart, "apart", {"v1*", "v2"}, {}, ""});
    if (dice.one_in(3))
        options.rules.push_back({Rule::Kind::pin, "pin", {"v3*"}, {{host_name(dice.below(hosts))}}, ""});
    if (dice.one_in(3)) options.rules.push_back({Rule::Kind::never_move, "stay", {"v?5"}, {}, ""});
}

/// A cluster whose detectors had the time to set. Half of the hosts may be overcommitted from the beginning.
inline Cluster random_cluster(std::uint64_t seed) {
    Dice dice(seed);
    Cluster cluster;
    const unsigned hosts = dice.between(2, 6);
    const unsigned vms = dice.between(1, 24);
    for (unsigned i = 0; i < hosts; ++i) add_host(cluster, dice, i);
    for (unsigned i = 0; i < vms; ++i) add_vm(cluster, dice, i, hosts);
    add_options(cluster, dice, hosts);
    if (seed % 4 == 1)  // with room to return to
        for (auto& [id, vm] : cluster.inventory.vms)
            if (vm.load.cpu_used_cores) *vm.load.cpu_used_cores *= 0.2;
    if (seed % 3 == 0) cluster.options.balance.imbalance = {0.03, 0.02, 1min};
    for (int i = 0; i < 7; ++i) cluster.tick(1min);
    add_history(cluster, dice, vms, hosts);
    if (seed % 4 == 1) add_homes(cluster, dice, hosts);
    for (auto& [id, host] : cluster.inventory.hosts) {
        if (dice.one_in(12)) host.stale = true;
        if (dice.one_in(20)) host.connection = Connection::down;
    }
    return cluster;
}

/// Values that no sane source reports, each of them seen from one.
inline double absurd(Dice& dice) {
    static const double values[] = {std::numeric_limits<double>::quiet_NaN(),
                                    std::numeric_limits<double>::infinity(),
                                    -std::numeric_limits<double>::infinity(),
                                    -1,
                                    -0.0,
                                    1e300,
                                    1e-300,
                                    1e18};
    return values[dice.below(8)];
}

inline void spoil(Cluster& cluster, Dice& dice) {
    for (auto& [id, vm] : cluster.inventory.vms) {
        if (dice.one_in(3)) vm.load.cpu_used_cores = absurd(dice);
        if (dice.one_in(3)) vm.load.ready_ratio = absurd(dice);
        if (dice.one_in(3)) vm.load.dirty_rate_mib_per_s = absurd(dice);
        if (dice.one_in(4)) vm.load.memory_rss = Bytes{dice.one_in(2) ? 0 : ~0ULL};
        if (dice.one_in(9)) vm.facts.memory = Bytes{dice.one_in(2) ? 0 : ~0ULL};
        if (dice.one_in(9)) vm.facts.vcpus = dice.one_in(2) ? 0 : ~0U;
    }
    for (auto& [id, host] : cluster.inventory.hosts) {
        if (dice.one_in(3)) host.load.cpu_used_cores = absurd(dice);
        if (dice.one_in(3)) host.load.pressure.memory_some = absurd(dice);
        if (dice.one_in(3)) host.load.memory_available = Bytes{dice.one_in(2) ? 0 : ~0ULL};
        if (dice.one_in(6)) host.facts.cpus = dice.one_in(2) ? 0 : ~0U;
        if (dice.one_in(6)) host.facts.memory_total = Bytes{dice.one_in(2) ? 0 : ~0ULL};
    }
}

}  // namespace ballast::test
