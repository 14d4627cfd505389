// What would become of the VMs of hosts that fail: which could be started where, and which nowhere. Pure; for
// `plan --what-if 'lose host2'` and for the question whether any one host's loss can be absorbed (N+1).
#pragma once

#include <set>
#include <vector>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// One VM started anew on a host that is left.
struct Restart {
    VmId vm;
    HostId from;
    HostId to;
};

struct Loss {
    std::vector<Restart> restarts;      // in the order of starting: wished priority first, then big before small
    std::vector<Rejection> stranded;    // VMs that could run nowhere, and why
    std::vector<Rejection> rejections;  // the same target by target
    bool absorbed() const { return stranded.empty(); }
};

/// Tries out losses one after the other on the same cluster. A restart is asked less than a live migration: opting out
/// of moves, block jobs, disk caches, cooldowns and slots do not matter, nor does a CPU that is passed through; devices
/// of the host, local files, memory, pins, networks and anti-affinity do. Hosts in maintenance take nobody, and
/// migrations under way count as not begun.
class LossTrial {
public:
    LossTrial(const Inventory& inventory, const Memory& memory, const Options& options, Instant now);
    LossTrial(const LossTrial&) = delete;
    LossTrial& operator=(const LossTrial&) = delete;

    /// All of these at once. Requires: each is a host of the inventory.
    Loss lose(const std::set<HostId>& hosts);

private:
    Inventory scratch_;
    Options options_;
    Context context_;
    ClusterView before_;
};

/// Moves the VM in the inventory, and its memory from one host's measured figures to the other's. Requires: the VM
/// exists.
void relocate(Inventory& inventory, const VmId& vm, const HostId& to);

}  // namespace ballast::policy
