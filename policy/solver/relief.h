// Hosts over a capacity: the fewest VMs go that bring them within it, to where the score likes them best.
#pragma once

#include "policy/solver/budget.h"

namespace ballast::policy::solver {

/// Makes moves that fit, the worst host first, until no host is over a capacity or none of its VMs can go, never above
/// max_moves. No host gets over a capacity by it.
void relieve(Placement& placement, const BalanceLimits& limits, Budget& budget);

}  // namespace ballast::policy::solver
