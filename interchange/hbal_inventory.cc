#include "interchange/hbal_inventory.h"

#include <algorithm>

namespace ballast::interchange {

namespace {

Bytes mebibytes(std::int64_t count) {
    return mib(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
}

Host host_of(const HbalNode& node) {
    Host host;
    host.id = {node.name};
    host.facts.hostname = node.name;
    host.facts.cpus = static_cast<double>(node.cpus);
    host.facts.memory_total = mebibytes(node.total_memory_mib);
    host.load.memory_available = mebibytes(node.free_memory_mib);
    host.connection = node.offline ? Connection::down : Connection::up;
    host.problem = node.offline ? "offline" : "";
    host.stale = node.offline;
    host.sampled_at = Instant{};
    return host;
}

std::vector<std::string> exclusion_tags(const HbalInstance& instance, const HbalCluster& cluster) {
    std::vector<std::string> tags;
    for (const std::string& tag : instance.tags)
        if (std::any_of(cluster.exclusion_prefixes.begin(), cluster.exclusion_prefixes.end(),
                        [&](const std::string& prefix) { return tag.starts_with(prefix + ":"); }))
            tags.push_back(tag);
    return tags;
}

std::vector<HostId> nodes_in(std::size_t group, const HbalCluster& cluster) {
    std::vector<HostId> nodes;
    for (const HbalNode& node : cluster.nodes)
        if (node.group == group) nodes.push_back({node.name});
    return nodes;
}

Vm vm_of(const HbalInstance& instance, const HbalCluster& cluster, bool utilisation_in_cores) {
    const HbalNode& node = cluster.nodes[instance.node];
    Vm vm;
    vm.id = {instance.name};
    vm.host = {node.name};
    vm.state = instance.takes_memory() ? VmState::running : VmState::shut_off;
    vm.facts_known = true;
    vm.facts.name = instance.name;
    vm.facts.vcpus = static_cast<unsigned>(std::max<std::int64_t>(instance.vcpus, 0));
    vm.facts.memory = mebibytes(instance.memory_mib);
    vm.facts.wishes.no_migrate = !instance.auto_balance;
    vm.facts.wishes.keep_apart = exclusion_tags(instance, cluster);
    if (cluster.groups.size() > 1) vm.facts.wishes.only_on = nodes_in(node.group, cluster);
    if (instance.auto_balance && !instance.can_move())
        vm.facts.blockers.push_back({Reason::local_storage, "disk template " + instance.disk_template});
    if (utilisation_in_cores) vm.load.cpu_used_cores = instance.utilisation[0];
    return vm;
}

}  // namespace

Inventory to_inventory(const HbalCluster& cluster, bool utilisation_in_cores) {
    Inventory inventory;
    for (const HbalNode& node : cluster.nodes) inventory.hosts.emplace(HostId{node.name}, host_of(node));
    for (const HbalInstance& instance : cluster.instances)
        inventory.vms.emplace(VmId{instance.name}, vm_of(instance, cluster, utilisation_in_cores));
    return inventory;
}

}  // namespace ballast::interchange
