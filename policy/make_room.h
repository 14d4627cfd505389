// Where no direct place is left for VMs that have to go: VMs of other hosts go elsewhere first, in an order in which
// every wave holds. Found by a solver; the constraints have the last word on what is to be done now. Pure.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "policy/draft.h"

namespace ballast::policy {

struct RoomMade {
    std::vector<Draft> drafts;      // by wave; those of wave 0 are accepted by the constraints together
    std::vector<Finding> findings;  // of the hosts that VMs leave only to make room
    ClusterView view;               // with the drafts applied
    std::set<VmId> leaving;         // of those that have to go: who gets a place, by these drafts or by what follows
    bool more_follow = false;       // somebody waits on a third host and moves on in a later plan
};

/// The way that brings most VMs off the hosts in maintenance, at the price of moving others: only such as relief may
/// move (cooldown, windows, opt-out). Soft rules are kept where that costs nobody his place. Nothing when no way is
/// found. Requires: nothing is planned in `view` yet.
std::optional<RoomMade> make_room(const ClusterView& view);

/// The same without moving others: direct places that a greedy packing may not find.
std::optional<RoomMade> place_directly(const ClusterView& view);

/// A VM that has to leave its host because of a rule.
struct Misplaced {
    const Vm* vm;
    std::string cause;  // beginning of the sentence, see Draft
};

/// The same for single VMs and as relief may move them: a way that brings all of these to where nothing forbids them,
/// with at most `most_moves` moves and none that would follow later. Requires: nothing is planned in `view` yet, and
/// something other than load forbids these VMs to stay.
std::optional<RoomMade> make_room_for(const ClusterView& view, const std::vector<Misplaced>& misplaced,
                                      std::size_t most_moves);

}  // namespace ballast::policy
