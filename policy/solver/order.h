// From where the VMs are to where they shall be: which move when, so that every limit holds at every step. Moves that
// wait for each other in a circle are freed by parking a VM on a third host for a while. Pure.
#pragma once

#include <optional>
#include <vector>

#include "policy/solver/occupancy.h"

namespace ballast::policy::solver {

/// A migration that somebody else has under way: it takes slots and a share of its hosts' links, while its room is in
/// HostSlot::base of its target already.
struct UnderWay {
    HostIndex from = no_host, to = no_host;
    double remaining_s = 0;  // alone on the link
};

struct OrderOptions {
    std::vector<double> duration_s;            // of each VM's migration alone on the link; empty: VmSlot::move_cost
    ResourceSet held_on_both = all_resources;  // see Occupancy
    unsigned outgoing_per_host = 2, incoming_per_host = 2, cluster = 5;  // moves at a time, at least 1 each
    unsigned parkings_per_vm = 2;
    std::uint64_t work = 20'000'000;  // moves looked at until no further order is tried, about 20 ns each
    std::vector<UnderWay> under_way;
};

struct Step {
    VmIndex vm = 0;
    HostIndex from = no_host, to = no_host;  // no_host: the VM is started, nothing moves
    double start_s = 0, duration_s = 0;  // estimated; moves that share a host's link (in one direction) share it evenly
    unsigned wave = 0;                   // those of one wave may run together, once all of the waves before have ended
    bool parking = false;                // not where the VM shall stay
};

/// A VM that does not reach its target, and what stands in the way once all else is done.
struct Stranded {
    VmIndex vm = 0;
    HostIndex at = no_host, target = no_host;  // at: where it is then; a parking place only if nothing better was found
    Obstacle obstacle;
};

struct Order {
    std::vector<Step> steps;  // by start; waves never decrease
    std::vector<Stranded> stranded;
    double total_s = 0;  // until the last step ends
};

/// Orders the moves from home to `target` (one entry a VM; a VM whose target is its home or no_host stays). Requires:
/// the targets, taken together, keep the hard limits wherever the homes do. Otherwise, and where no parking helps, VMs
/// are stranded.
Order order(const Problem& problem, const std::vector<HostIndex>& target, const OrderOptions& options);

}  // namespace ballast::policy::solver
