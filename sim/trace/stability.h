// How quiet the daemon's own policy is on a synthetic cluster: observe() and plan() every minute over simulated days,
// its moves carried out, and every move that should not have been counted.
#pragma once

#include "policy/policy.h"
#include "sim/trace/synthetic.h"

namespace ballast::sim::trace {

struct Stability {
    std::size_t cycles = 0;
    std::size_t moves = 0;
    double moves_per_vm_and_day = 0;
    std::size_t returns = 0;      // back to where it came from less than an hour before
    std::size_t moved_twice = 0;  // again within the policy's cooldown, whatever for
    double overload = 0;          // share of host minutes in which its VMs want more CPUs than it has
    double above_limit = 0;       // the same, more than the policy's limit of its usable CPUs
    double mean_cpu = 0;          // CPUs wanted of all there are
};

/// Requires: at least one host, VM and day.
Stability measure_stability(const SyntheticOptions& options, const policy::Options& policy);

}  // namespace ballast::sim::trace
