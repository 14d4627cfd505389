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

/// What moving this VM disturbs: the demand that suffers, by the time it takes (the memory), cubed because the VM, its
/// source and its target suffer each for that long.
double disturbance(const VmSlot& vm);

/// Takes from each host whose VMs want more than it has the VMs that disturb least, until they want no more than it
/// has.
void relieve(Draft& draft);
/// Switches one host on when the hosts in use are too full on average, and takes load off the fullest.
void open_host(Draft& draft);
/// Empties hosts, the cheapest first, as long as all VMs of one find a place.
void empty_hosts(Draft& draft);

}  // namespace ballast::policy::consolidation
