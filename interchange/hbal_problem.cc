// hbal's score as resources of a placement problem. Formulas: Ganeti's HTools/Cluster/Metrics.hs (weights) and
// HTools/Node.hs (what a node has left), for VMs without a secondary node.
#include <algorithm>
#include <cmath>
#include <map>

#include "interchange/hbal.h"

namespace ballast::interchange {

namespace {

using policy::solver::Group;
using policy::solver::HostSlot;
using policy::solver::Problem;
using policy::solver::unlimited;
using policy::solver::VmSlot;

// Memory is in the score twice, with half the weight each: that of the running VMs, and as if all were running.
enum : std::size_t {
    running_memory,
    all_memory,
    vcpu,
    cpu_load,
    memory_load,
    disk_load,
    network_load,
    disk,
    resource_count
};

constexpr double offline_penalty = 20;   // offline_all_cnt 4 + offline_pri_cnt 16
constexpr double exclusion_penalty = 2;  // pri_tags_score

std::vector<std::int64_t> running_memory_on(const HbalCluster& cluster) {
    std::vector<std::int64_t> sums(cluster.nodes.size());
    for (const HbalInstance& instance : cluster.instances)
        if (instance.takes_memory()) sums[instance.node] += instance.memory_mib;
    return sums;
}

HostSlot host_of(const HbalNode& node, double vcpu_ratio, std::int64_t running_mib) {
    const auto mib = [](std::int64_t n) { return static_cast<double>(n); };
    HostSlot host;
    host.capacity.fill(unlimited);
    host.scale.fill(1);
    host.scale[running_memory] = host.scale[all_memory] = mib(node.total_memory_mib);
    // Memory that nobody accounts for stays where it is. hbal leaves at least 1 MiB free on a node.
    const std::int64_t rest = node.total_memory_mib - node.free_memory_mib - running_mib;
    host.base[running_memory] = mib(std::max(node.node_memory_mib, rest));
    host.base[all_memory] = mib(rest);
    host.capacity[running_memory] = mib(node.total_memory_mib - 1);
    host.base[vcpu] = mib(node.node_vcpus);
    host.scale[vcpu] = static_cast<double>(node.cpus) * node.cpu_speed;
    if (vcpu_ratio > 0) host.capacity[vcpu] = std::floor(vcpu_ratio * static_cast<double>(node.cpus));
    host.base[disk] = node.total_disk_mib == 0 ? 0 : 1 - mib(node.free_disk_mib) / mib(node.total_disk_mib);
    host.host_class = static_cast<std::uint32_t>(node.group);
    host.receives = host.counts = !node.offline;
    host.vm_penalty = node.offline ? offline_penalty : 0;
    return host;
}

VmSlot vm_of(const HbalInstance& instance, const HbalCluster& cluster) {
    VmSlot vm;
    vm.demand[all_memory] = static_cast<double>(instance.memory_mib);
    if (instance.takes_memory()) vm.demand[running_memory] = vm.demand[all_memory];
    if (instance.takes_vcpus()) vm.demand[vcpu] = static_cast<double>(instance.vcpus);
    std::copy(instance.utilisation.begin(), instance.utilisation.end(), vm.demand.begin() + cpu_load);
    vm.home = static_cast<policy::solver::HostIndex>(instance.node);
    vm.vm_class = static_cast<std::uint32_t>(cluster.nodes[instance.node].group);
    vm.movable = instance.can_move();
    return vm;
}

bool excludes(const HbalCluster& cluster, const std::string& tag) {
    return std::any_of(cluster.exclusion_prefixes.begin(), cluster.exclusion_prefixes.end(),
                       [&](const std::string& prefix) { return tag.starts_with(prefix + ":"); });
}

// hbal never brings two holders of an exclusion tag together, and pays for those that are.
void add_exclusions(const HbalCluster& cluster, Problem& problem) {
    std::map<std::string, std::vector<std::size_t>> holders;
    for (std::size_t i = 0; i < cluster.instances.size(); ++i)
        for (const std::string& tag : cluster.instances[i].tags)
            if (excludes(cluster, tag) && (holders[tag].empty() || holders[tag].back() != i)) holders[tag].push_back(i);
    for (const auto& [tag, vms] : holders) {
        const auto hard = static_cast<std::uint32_t>(problem.groups.size());
        problem.groups.push_back({false, 1, true, 0});
        problem.groups.push_back({false, 1, false, exclusion_penalty});
        for (const std::size_t vm : vms) problem.vms[vm].groups.insert(problem.vms[vm].groups.end(), {hard, hard + 1});
    }
}

// VMs stay in their node group.
void allow_own_group(const HbalCluster& cluster, Problem& problem) {
    problem.host_classes = static_cast<std::uint32_t>(cluster.groups.size());
    problem.allowed.assign(cluster.groups.size() * cluster.groups.size(), 0);
    for (std::size_t i = 0; i < cluster.groups.size(); ++i) problem.allowed[i * cluster.groups.size() + i] = 1;
}

}  // namespace

Problem to_problem(const HbalCluster& cluster) {
    Problem problem;
    problem.resources = {{"running memory", 0.5}, {"memory", 0.5},  {"vcpu", 1},         {"cpu load", 1},
                         {"memory load", 1},      {"disk load", 1}, {"network load", 1}, {"disk", 1}};
    static_assert(resource_count <= policy::solver::max_resources);
    allow_own_group(cluster, problem);
    const auto running = running_memory_on(cluster);
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i)
        problem.hosts.push_back(
            host_of(cluster.nodes[i], cluster.groups[cluster.nodes[i].group].vcpu_ratio, running[i]));
    for (const HbalInstance& instance : cluster.instances) problem.vms.push_back(vm_of(instance, cluster));
    add_exclusions(cluster, problem);
    return problem;
}

}  // namespace ballast::interchange
