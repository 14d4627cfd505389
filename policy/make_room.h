// Emptying hosts where no direct place is left: VMs of other hosts go elsewhere first, in an order in which every wave
// holds. Found by a solver; the constraints have the last word on what is to be done now.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "policy/draft.h"

namespace ballast::policy {

struct RoomMade {
    std::vector<Draft> drafts;  // by wave; those of wave 0 are accepted by the constraints together
    ClusterView view;           // with the drafts applied
    std::set<VmId> leaving;     // VMs of hosts in maintenance that get a place, by these drafts or by what follows them
    bool more_follow = false;   // somebody waits on a third host and moves on in a later plan
};

/// The way that brings most VMs off the hosts in maintenance, at the price of moving others: only such as relief may
/// move (cooldown, windows, opt-out). Nothing when no way is found. Requires: nothing is planned in `view` yet.
std::optional<RoomMade> make_room(const ClusterView& view);

}  // namespace ballast::policy
