// Consolidation over time: as few hosts on as the VMs' demand allows, by few and lasting moves. Called at every
// interval; it remembers nothing but what the problem holds (histories and times of last moves), so the same problem
// always gives the same decision.
#pragma once

#include "policy/consolidation/options.h"
#include "policy/consolidation/problem.h"

namespace ballast::policy::consolidation {

/// Relieves hosts whose VMs want more than there is now, opens a host when all are too full, and empties hosts whose
/// VMs fit elsewhere with the margin kept.
Decision consolidate(const Problem& problem, const Options& options);

/// Where to start VMs of which only the sizes are known: a host for each, no size above what is there, the hosts that
/// give most CPU per watt first and large VMs before small ones. Where something does not fit, the host is the number
/// of hosts.
std::vector<HostIndex> initial_placement(const Problem& problem);

}  // namespace ballast::policy::consolidation
