// The same problem without what cannot change, in an order of its own: VMs that cannot move become part of their host's
// base, and hosts and VMs are ordered by what they are, so that a search goes the same way whatever order they came in.
#pragma once

#include <vector>

#include "policy/solver/problem.h"

namespace ballast::policy::solver {

struct Reduced {
    Problem problem;
    std::vector<HostIndex> host;  // number in the original problem, by host
    std::vector<VmIndex> vm;      // likewise, by VM
};

/// Left out: VMs without a home, and unmovable VMs that are in no group.
Reduced reduced(const Problem& problem);

}  // namespace ballast::policy::solver
