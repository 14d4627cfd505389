// Balancing: which VMs to move where, so that the score becomes as low as few moves can make it. A sweep of single
// improvements first, which also says whether there is anything worth doing; then simulated annealing over moves, swaps
// and returns, with a price on each VM moved; then sweeps until no move and no swap is worth its price. Pure: the same
// problem, limits and seed give the same plan on any machine.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "policy/solver/placement.h"

namespace ballast::policy::solver {

struct BalanceLimits {
    std::size_t max_moves = std::numeric_limits<std::size_t>::max();  // VMs that are not at home in the end
    double min_gain = 0;  // a VM is moved only if the score gains more than this by it
    // How many changes to look at, and up to a quarter more to make sure that the plan is final. 0: sensible_steps.
    std::uint64_t max_steps = 0;
    std::uint64_t seed = 1;
    std::function<bool()> stop;  // asked now and then; true ends the search with the best plan so far
    // Told of each better plan: its score and VMs moved, and the steps so far.
    std::function<void(double, std::size_t, std::uint64_t)> progress;
};

struct Balanced {
    std::vector<HostIndex> host_of;  // by VM; its home where it stays
    // Over all hosts, how far they are over their capacities, each as a part of the capacity. Going down, or equal.
    double excess_before = 0, excess_after = 0;
    // Not going up, unless the excess went down.
    double score_before = 0, score_after = 0;
    std::size_t moves = 0;  // VMs not at home
    std::uint64_t steps = 0;
};

/// Never breaks a hard constraint that holds; VMs come only to hosts where they fit. VMs without a home stay without.
/// Hosts over a capacity are relieved first. A plan that stays two or more below max_moves, and whose max_steps were
/// sensible, is final: planned again with the same limits from where it leads to, nothing moves.
Balanced balance(const Problem& problem, const BalanceLimits& limits);

/// Enough for a good plan: some 30 ms for 640 VMs, 0.7 s for 20,000.
std::uint64_t sensible_steps(const Problem& problem);

/// Sum over hosts and resources of (used - capacity) / capacity where that is positive.
double excess(const Placement& placement);

}  // namespace ballast::policy::solver
