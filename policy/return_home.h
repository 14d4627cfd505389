// VMs that left a host for its maintenance come back to it when that has ended. Pure.
#pragma once

#include <vector>

#include "policy/draft.h"

namespace ballast::policy {

struct Homecoming {
    std::vector<Draft> drafts;
    std::vector<Finding> findings;  // one of each host that VMs are to come back to
    std::vector<Rejection> rejections;
};

/// The maintenance is over, and not for longer than VMs may take to come back.
bool is_due(const Home& home, const MaintenanceOptions& options, Instant now);

/// Plans all returns on top of `view`, which then contains their moves. Everything that holds for relief holds for
/// them, but for the time since the VM was moved; a VM whose load was not measured, whose move would not end, or that
/// would break more preferences at home than where it is stays for now.
Homecoming return_home(ClusterView& view);

}  // namespace ballast::policy
