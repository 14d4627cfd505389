// How a solver is asked to make room: the cluster in dense form, with the hosts that have to be emptied. Shared by
// those who look for room in the name of maintenance, of a rule and of relief. Values; pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "policy/dense.h"
#include "policy/solver/ordered_evacuation.h"

namespace ballast::policy {

struct RoomQuestion {
    Dense dense;
    std::vector<solver::HostIndex> emptied;
    Purpose purpose = Purpose::evacuation;

    bool is_emptied(solver::HostIndex host) const;

    /// Puts the VM on a host of its own, which has to be emptied: then nobody else has to leave with it. Of what it
    /// takes, `held` stays taken where it is.
    void set_apart(solver::VmIndex vm, const solver::ResourceSet& held);

    solver::OrderedEvacuation solve(const LimitOptions& limits) const;
};

/// All that is under way and planned in the view is taken into account; nothing is to be emptied yet.
RoomQuestion room_question(const ClusterView& view, Purpose purpose);

/// Whether others may be moved to make room: not while anything is under way, since room that is being made already is
/// not free before its move has ended and must not be made twice; nor in clusters that are too large for it.
bool can_make_room(const ClusterView& view);

/// A plan moves a VM once. Whatever comes in later waves than the second move of one may rely on that move: it is left
/// to later plans as well.
std::vector<solver::Step> first_moves(const std::vector<solver::Step>& steps);

/// "a, b, c"
std::string listed(const std::set<std::string>& names);

}  // namespace ballast::policy
