// Emptying hosts by a plan that can be carried out: places for the VMs, and an order in which every limit holds. Where
// the best places cannot be reached by any order that is found, other places are tried. Pure.
#pragma once

#include "policy/solver/evacuate.h"
#include "policy/solver/order.h"

namespace ballast::policy::solver {

struct OrderedEvacuation {
    Packing packing;            // what is aimed at
    Order order;                // how far that is reached; a VM may move more than once
    std::vector<VmIndex> left;  // on the hosts to be emptied in the end: no place, or no way to it
};

OrderedEvacuation evacuate_in_order(const Problem& problem, const std::vector<HostIndex>& hosts, const Effort& effort,
                                    const OrderOptions& options);

}  // namespace ballast::policy::solver
