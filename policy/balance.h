// Balance: when the hosts' load has been uneven for long enough, the few moves that even it out best and are worth
// their cost. Nothing is moved for balance while anything else is wanted or under way.
#pragma once

#include <vector>

#include "policy/draft.h"

namespace ballast::policy {

/// How uneven the load is now, by the objective: 0 is even. From the memory of the hosts that report.
double imbalance_of(const Memory& memory, const Inventory& inventory, const Options& options);

struct Balance {
    std::vector<Draft> drafts;
    std::vector<Finding> findings;
};

/// Plans balance on top of `view`, which then contains its moves.
Balance balance(ClusterView& view, const SearchEffort& effort = {});

}  // namespace ballast::policy
