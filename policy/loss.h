// What becomes of the VMs of hosts that fail: which can be started where, and which nowhere. Pure; for the restart
// planner (restart.h) and for the question whether any one host's loss can be absorbed (N+1).
#pragma once

#include <map>
#include <set>
#include <vector>

#include "policy/cluster_view.h"

namespace ballast::policy {

struct Loss {
    std::vector<Restart> restarts;      // in the order of starting: wished priority first, then big before small
    std::vector<Rejection> stranded;    // VMs that could run nowhere, and why
    std::vector<Rejection> rejections;  // the same target by target
    // Of a loss that has happened: those for which there is no room, each with the hosts that are off and would have
    // it.
    std::map<VmId, std::set<HostId>> room_off;
    bool absorbed() const { return stranded.empty(); }
};

/// Tries out losses one after the other on the same cluster. A restart is asked less than a live migration: opting out
/// of moves, block jobs, disk caches, windows, cooldowns and slots do not matter, nor does a CPU that is passed
/// through; devices of the host, local files, memory, pins, networks and anti-affinity do. Hosts in maintenance take
/// nobody. Where not all can be started, nobody is left out for the sake of one with a lower wished priority.
class LossTrial {
public:
    enum class UnderWay { not_begun, counts };  // the migrations of the inventory
    LossTrial(const Inventory& inventory, const Memory& memory, const Options& options, Instant now,
              UnderWay flights = UnderWay::not_begun);
    LossTrial(const LossTrial&) = delete;
    LossTrial& operator=(const LossTrial&) = delete;

    /// All of these at once. Requires: each is a host of the inventory.
    Loss lose(const std::set<HostId>& hosts);

private:
    bool has_room(const Host& host, const Vm& vm) const;
    std::map<VmId, std::set<HostId>> room_off(const std::vector<Rejection>& stranded) const;

    Inventory scratch_;
    Options options_;
    bool real_;  // it has happened; else it is only asked about
    Context context_;
    ClusterView before_;
};

}  // namespace ballast::policy
