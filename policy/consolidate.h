// Consolidation in the daemon: the policy of policy/consolidation/, which the simulator runs as well, asked about the
// cluster as a plan in the making sees it. Its moves are made only when nothing else is wanted or under way. Pure.
#pragma once

#include <vector>

#include "policy/draft.h"
#include "policy/wake.h"

namespace ballast::policy {

struct Consolidation {
    std::vector<Draft> drafts;
    std::vector<PowerChange> power;  // waves of those that moves have to go before are not set yet
    std::vector<Finding> findings;
    bool idle() const { return drafts.empty() && power.empty(); }
};

/// Plans on top of `view`, which then contains its moves. While `others_wait` is false only hosts are switched on: what
/// others want or have under way comes first.
Consolidation consolidate(ClusterView& view, const Unmet& unmet, bool others_wait);

}  // namespace ballast::policy
