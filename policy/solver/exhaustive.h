// Every placement of a small problem, by branch and bound. Pure.
#pragma once

#include <optional>
#include <vector>

#include "policy/solver/problem.h"

namespace ballast::policy::solver {

/// The targets that leave least weight of `wanted` (then the smallest number) at home, and among those cost least;
/// nothing when the problem is too large to look at everything. `displace`: others may be moved as well.
std::optional<std::vector<HostIndex>> place_exhaustively(const Problem& problem, const std::vector<VmIndex>& wanted,
                                                         bool displace);

}  // namespace ballast::policy::solver
