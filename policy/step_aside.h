// Relief where no direct move is left: a VM of another host steps aside first, and one of the overloaded host takes its
// place.
#pragma once

#include <optional>
#include <vector>

#include "policy/targets.h"

namespace ballast::policy {

struct StepAside {
    const Vm* relieving = nullptr;  // leaves the overloaded host
    const Vm* aside = nullptr;      // makes room for it on its own host, `aside->host`
    HostId aside_to;
};

/// For the first of `candidates` (VMs of the overloaded host, the most wanted first) that can leave this way. Only load
/// can be got out of the way: what a VM that leaves occupies in memory is not given away within the same plan. Both
/// moves are accepted by the constraints, the second once the first is planned.
std::optional<StepAside> find_step_aside(const ClusterView& view, const TargetFinder& targets,
                                         const std::vector<const Vm*>& candidates);

}  // namespace ballast::policy
