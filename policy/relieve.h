// Relief of overloaded hosts: the fewest and cheapest moves that bring a host below its lower limits without making
// another one hot.
#pragma once

#include <vector>

#include "policy/draft.h"

namespace ballast::policy {

struct Relief {
    std::vector<Draft> drafts;
    std::vector<Finding> findings;
    std::vector<Rejection> rejections;  // of the VMs of hosts that could not be relieved
};

/// Plans relief on top of `view`, which then contains its moves.
Relief relieve(ClusterView& view);

}  // namespace ballast::policy
