// Which hosts have to be switched on, and why: at once, and before anything else is weighed. Pure.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "model/plan.h"
#include "policy/fleet.h"

namespace ballast::policy {

/// What the planners before could not do for want of a host.
struct Unmet {
    std::vector<HostId> overloaded;  // hosts without relief
    std::vector<VmId> stranded;      // VMs that have to leave their host and find no place
    std::map<VmId, std::set<HostId>>
        down{};  // VMs of lost hosts without a place, and the hosts that are off and have it
};

/// Hosts to be switched on for what is unmet, for the reserve, min_hosts_on and spare_hosts, for what the forecast
/// says, and because the window is closed. None where consolidation is not enabled: nothing is switched then.
std::vector<PowerChange> wakes(const Fleet& fleet, const ClusterView& view, const Unmet& unmet);

}  // namespace ballast::policy
