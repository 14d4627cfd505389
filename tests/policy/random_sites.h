// Random clusters whose hosts stand in up to three sites: some to be left for another, some VMs away from home.
#pragma once

#include "tests/policy/random_rules.h"

namespace ballast::test {

inline VmDisk random_disk(const std::string& file, Dice& dice) {
    VmDisk disk;
    disk.target = "vda";
    disk.type = dice.one_in(8) ? "network" : dice.one_in(8) ? "block" : "file";
    disk.source = file;
    disk.format = dice.one_in(8) ? "vmdk" : "raw";
    disk.read_only = dice.one_in(8);
    disk.has_backing = dice.one_in(8);
    disk.capacity = disk.allocated = gib(dice.between(1, 20));
    return disk;
}

inline Cluster random_sites(std::uint64_t seed) {
    Cluster cluster = random_rules(seed);
    Dice dice(seed ^ 0x517e5);
    const auto site = [&] { return std::string(1, static_cast<char>('a' + dice.below(3))); };
    for (auto& [id, host] : cluster.inventory.hosts) {
        if (!dice.one_in(5)) host.site = site();
        if (dice.one_in(2)) host.facts.stretched_paths = {"/srv/vms"};
        if (dice.one_in(2)) host.facts.pools["images"] = "/images";
        if (dice.one_in(2)) host.facts.pool_free["images"] = gib(dice.below(40));
        if (host.maintenance && dice.one_in(2)) host.to_site = site();
    }
    for (auto& [id, vm] : cluster.inventory.vms) {
        if (dice.one_in(3)) vm.facts.requirements.files = {"/images/" + vm.facts.name};
        for (const std::string& file : vm.facts.requirements.files)
            vm.facts.requirements.disks.push_back(random_disk(file, dice));
        const auto home = std::next(cluster.inventory.hosts.begin(),
                                    dice.below(static_cast<unsigned>(cluster.inventory.hosts.size())));
        const bool knows = std::any_of(cluster.inventory.homes.begin(), cluster.inventory.homes.end(),
                                       [&, &vm_id = id](const Home& one) { return one.vm == vm_id; });
        if (!knows && dice.one_in(6)) cluster.inventory.homes.push_back({id, home->first, cluster.now - 1min});
    }
    cluster.options.maintenance.return_home = dice.one_in(2);
    return cluster;
}

}  // namespace ballast::test
