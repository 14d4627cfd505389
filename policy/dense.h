// The cluster as the solvers see it: a ClusterView, with all that is under way and planned, as a placement problem.
// What a solver proposes is asked of the constraints once more before it is planned: they have the last word.
#pragma once

#include <vector>

#include "policy/cluster_view.h"
#include "policy/solver/problem.h"

namespace ballast::policy {

/// Positions in Problem::resources.
enum DenseResource : std::size_t {
    dense_cpu,       // demand
    dense_memory,    // in use
    dense_promised,  // memory that VMs may take at most
    dense_claimed,   // of the memory measured as free
    dense_vcpus,
    dense_reserved_cpus,
    dense_reserved_memory,
    dense_huge_pages,  // of one size; VMs that need another are not moved by solvers
    dense_resources
};

struct Dense {
    solver::Problem problem;
    std::vector<const Host*> hosts;  // by solver::HostIndex: every host, by id
    std::vector<const Vm*> vms;      // by solver::VmIndex: those that occupy a host and are not on their way, by id
};

/// `purpose` decides who may be moved and which limits hold, as in the constraints. Score weights are zero and scales
/// are capacities: the caller says what counts. Requires: the view's context outlives the result.
Dense dense_of(const ClusterView& view, Purpose purpose);

}  // namespace ballast::policy
