// How quiet the daemon's own policy is on a synthetic cluster: observe() and plan() every minute over simulated days,
// its moves and power changes carried out, and every move that should not have been counted.
#pragma once

#include "policy/policy.h"
#include "sim/trace/synthetic.h"

namespace ballast::sim::trace {

struct Stability {
    std::size_t cycles = 0;
    std::size_t moves = 0;
    double moves_per_vm_and_day = 0;
    std::size_t returns = 0;                 // back to where it came from less than an hour before
    std::size_t moved_twice = 0;             // again within the policy's cooldown, whatever for
    double overload = 0;                     // share of host minutes in which its VMs want more CPUs than it has
    double above_limit = 0;                  // the same, more than the policy's limit of its usable CPUs
    double mean_cpu = 0;                     // CPUs wanted of all there are
    std::size_t overload_minutes = 0;        // minutes in which one host or more had less than its VMs wanted
    std::size_t overload_minutes_later = 0;  // those of them after the first day, which a forecast has to see
    std::size_t braked_minutes = 0;          // in which moves were held back, as earlier ones had not helped
    std::size_t switched_off = 0, wakes = 0;
    std::size_t flaps = 0;     // switched off or emptied-and-off sooner after its wake than min_time_on
    std::size_t stranded = 0;  // VM minutes on a host that was not on: must not be
    double host_hours_off = 0;
    double energy_kwh = 0;
    double energy_all_on_kwh = 0;            // with the same load and no host ever off
    std::size_t fewest_on = 0, last_on = 0;  // hosts on at the fewest, and in the end
};

/// Requires: at least one host, VM and day.
Stability measure_stability(const SyntheticOptions& options, const policy::Options& policy);

}  // namespace ballast::sim::trace
