// The steps of one decision. Each changes `load` and appends to `moves`.
#pragma once

#include <vector>

#include "policy/consolidation/load.h"
#include "policy/consolidation/options.h"

namespace ballast::policy::consolidation {

struct Draft {
    Load load;
    const Options& options;
    std::vector<Move> moves;

    void move(VmIndex vm, HostIndex to) {
        load.move(vm, to);
        moves.push_back({vm, to});
    }
    /// Free to be moved for anything but relief.
    bool rested(VmIndex vm) const {
        const auto& slot = load.problem().vms[vm];
        return slot.movable && slot.since_move_s >= options.cooldown_s;
    }
};

/// What moving this VM from where it is disturbs: the CPU that suffers, which is its own and a share of its host's, by
/// the time it takes, which goes with its memory.
double disturbance(const Load& load, VmIndex vm);

/// Takes from each host whose VMs want more than it has the set of VMs that is enough and disturbs least.
void relieve(Draft& draft);
/// Switches one host on when the hosts in use are too full on average, and takes load off the fullest.
void open_host(Draft& draft);
/// Empties hosts, the cheapest first, as long as all VMs of one find a place.
void empty_hosts(Draft& draft);

}  // namespace ballast::policy::consolidation
