// The search for moves that even the load out, with the constraints' last word in it: what they refuse is looked for
// elsewhere, and what counts of a plan is what is left of it.
#pragma once

#include <vector>

#include "policy/dense.h"

namespace ballast::policy {

struct BalanceMove {
    solver::VmIndex vm;
    solver::HostIndex to;
};

/// What part of a gain among few hosts a move brings among as many as these: the same move weighs ever less in the mean
/// over all of them, though its two hosts gain as much by it.
double gain_share(const solver::Problem& problem);

/// Moves that nothing forbids once the ones before are made, each of which makes it better by itself. The searches of
/// which a short one is made are the first of a longer one, and the best result counts: with more `max_steps` it is
/// never worse by score + min_gain * moves. 0 steps: as many as are sensible.
std::vector<BalanceMove> find_balance(const ClusterView& view, const Dense& dense, std::uint64_t max_steps);

}  // namespace ballast::policy
