// Emptying hosts, and finding places for VMs that run nowhere: the same question. Who stands in the way goes elsewhere
// (chains, swaps) where direct moves do not fit. When not all can be placed, the heaviest are (VmSlot::weight, then
// number). Small problems are solved exactly. Pure.
#pragma once

#include <vector>

#include "policy/solver/packer.h"

namespace ballast::policy::solver {

/// A VM without a place, and why.
struct Unplaced {
    enum class Why {
        not_movable,      // VmSlot::movable
        nowhere_allowed,  // no receiving host may run it
        too_large,        // each that may has too little room even when it is empty
        no_room,          // others are there, more important ones or such that cannot be moved
    };
    VmIndex vm = 0;
    Why why = Why::no_room;
};

struct Packing {
    std::vector<HostIndex> target;  // of each VM; its home where it stays
    std::vector<Unplaced> left;     // by number
    std::size_t displaced = 0;      // VMs that move though they need not
    double move_cost = 0;           // of all moves
    bool exact = false;             // proven: no other placement leaves less weight behind
};

/// Empties `hosts`, which do not receive whatever the problem says.
Packing evacuate(const Problem& problem, const std::vector<HostIndex>& hosts, const Effort& effort = {});

/// Finds places for all VMs whose home is no_host. With Effort::depth 0 nobody else is moved.
Packing place(const Problem& problem, const Effort& effort = {});

}  // namespace ballast::policy::solver
