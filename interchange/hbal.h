// Ganeti hbal's text format: the cluster (`hbal -t`) and its VMs' dynamic utilisation (`hbal -U`). The format is
// described in htools(1) and hbal(1) of ganeti-htools 3.0. Values and pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "policy/solver/problem.h"

namespace ballast::interchange {

struct HbalGroup {
    std::string name, uuid;
    double vcpu_ratio = 0;  // most vCPUs a physical CPU; 0: the format's text has no policy for this group
};

struct HbalNode {
    std::string name;
    std::int64_t total_memory_mib = 0, node_memory_mib = 0, free_memory_mib = 0;
    std::int64_t total_disk_mib = 0, free_disk_mib = 0;
    std::int64_t cpus = 0;
    bool offline = false;
    std::size_t group = 0;        // index into HbalCluster::groups
    std::int64_t node_vcpus = 0;  // what the node itself takes
    double cpu_speed = 1;         // relative
};

struct HbalInstance {
    std::string name;
    std::int64_t memory_mib = 0, disk_mib = 0, vcpus = 0;
    std::string status;  // "running", "ADMIN_down", ...
    bool auto_balance = true;
    std::size_t node = 0;       // index into HbalCluster::nodes
    std::string disk_template;  // "ext", "plain", ...
    std::vector<std::string> tags;
    // CPU, memory, disk, network. Whoever is not listed counts as 1 in each.
    std::array<double, 4> utilisation = {1, 1, 1, 1};

    bool takes_memory() const;  // the others are defined only
    bool takes_vcpus() const;
    bool can_move() const;  // live, without copying disks, and its owner wants it balanced
};

struct HbalCluster {
    std::vector<HbalGroup> groups;
    std::vector<HbalNode> nodes;                  // in the file's order
    std::vector<HbalInstance> instances;          // in the file's order
    std::vector<std::string> exclusion_prefixes;  // instances that share a tag "<prefix>:..." want to be apart
};

/// Reads the text of a `-t` file. Fails with ErrorCode::invalid; the subject is "file:line:column".
Result<HbalCluster> parse_hbal_cluster(std::string_view text, const std::string& file);

/// Reads the text of a `-U` file into the cluster's instances. Lines of unknown instances are passed over, as hbal
/// does. Fails like parse_hbal_cluster; then the cluster is unchanged.
Result<void> parse_hbal_utilisation(std::string_view text, const std::string& file, HbalCluster& cluster);

/// The cluster as a placement problem whose score is hbal's own and whose limits are at least as strict as hbal's:
/// hosts are the nodes and VMs the instances, in their order. What of hbal's score no live migration can change
/// (secondary nodes, spindles, locations) is left out.
policy::solver::Problem to_problem(const HbalCluster& cluster);

}  // namespace ballast::interchange
