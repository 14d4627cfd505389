#include "policy/solver/balance.h"

#include <algorithm>

#include "policy/solver/anneal.h"
#include "policy/solver/budget.h"
#include "policy/solver/reduced.h"
#include "policy/solver/relief.h"
#include "policy/solver/sweep.h"

namespace ballast::policy::solver {

namespace {

// Gains below this are rounding errors: scores are of the order of 1, and exact to 1e-12. A plan is polished with a
// finer measure than decides whether there is anything to do, so that its result is at rest.
constexpr double polishing_margin = 1e-10, starting_margin = 1e-9;

// A step takes some 7 ns in small clusters, 20 to 30 with every kind of limit on, and up to 100 in those that the
// processor's caches do not hold. 1,000 hosts come within 2 % of what 60 s find with 23 million steps.
constexpr std::uint64_t steps_per_vm = 300;
constexpr std::uint64_t first_vms = 3000, steps_per_first_vm = 5700;  // small clusters can afford more
constexpr std::uint64_t least_steps = 2'000'000, most_steps = 80'000'000;

// With more steps than a search makes good use of, it is begun anew from the best plan so far.
constexpr std::uint64_t most_steps_per_vm = 12'000;
constexpr std::uint64_t most_searches = 8;

// Polishing must come to its end, or the plan is not final. This part of the steps is for it, beyond max_steps.
constexpr std::uint64_t polishing_part = 4;

Balanced nothing(const Placement& start) {
    Balanced result;
    for (VmIndex vm = 0; vm < start.problem().vms.size(); ++vm) result.host_of.push_back(start.host_of(vm));
    result.excess_before = result.excess_after = excess(start);
    result.score_before = result.score_after = start.score();
    return result;
}

// Makes the changes that say otherwise.
bool at_rest(Placement& placement, const BalanceLimits& limits, Budget& budget) {
    return Sweep(placement, limits, budget).once(starting_margin) == 0;
}

void polish(Placement& placement, const BalanceLimits& limits, Budget& budget, Best& best) {
    Sweep sweep(placement, limits, budget);
    while (!budget.over() && sweep.once(polishing_margin) > 0) best.offer(placement, budget);
    best.offer(placement, budget);
}

void anneal(Placement& placement, const BalanceLimits& limits, Budget& budget, Best& best) {
    const std::uint64_t from = budget.spent(), steps = budget.most() - std::min(from, budget.most());
    const std::uint64_t vms = std::max<std::uint64_t>(placement.problem().vms.size(), 1);
    const std::uint64_t searches = std::clamp<std::uint64_t>(steps / (most_steps_per_vm * vms), 1, most_searches);
    Anneal annealing(placement, limits, budget, best);
    for (std::uint64_t i = 1; i <= searches && !budget.over(); ++i) {
        annealing.run(from + steps / searches * i);
        annealing.go_to(best.host_of());
    }
}

std::vector<HostIndex> search(Placement& placement, const BalanceLimits& limits, Budget& budget) {
    relieve(placement, limits, budget);
    Best best(limits, placement);
    Sweep(placement, limits, budget).once(polishing_margin);
    best.offer(placement, budget);
    anneal(placement, limits, budget, best);
    budget.extend(budget.most() / polishing_part);
    polish(placement, limits, budget, best);
    return best.host_of();
}

// What the plan of the reduced problem comes to. A plan that is not better is none.
Balanced finished(Placement start, const Reduced& reduced, const std::vector<HostIndex>& host_of,
                  const BalanceLimits& limits) {
    Balanced result = nothing(start);
    for (VmIndex vm = 0; vm < host_of.size(); ++vm) start.move(reduced.vm[vm], reduced.host[host_of[vm]]);
    const double left = excess(start), score = start.score();
    const bool relieved = left < result.excess_before;
    const bool better = score + limits.min_gain * static_cast<double>(start.moved()) < result.score_before;
    if (!relieved && (!better || left > result.excess_before)) return result;
    for (VmIndex vm = 0; vm < host_of.size(); ++vm) result.host_of[reduced.vm[vm]] = reduced.host[host_of[vm]];
    result.excess_after = left;
    result.score_after = score;
    result.moves = start.moved();
    return result;
}

}  // namespace

std::uint64_t sensible_steps(const Problem& problem) {
    const std::uint64_t vms = problem.vms.size();
    return std::clamp(steps_per_vm * vms + steps_per_first_vm * std::min(vms, first_vms), least_steps, most_steps);
}

Balanced balance(const Problem& problem, const BalanceLimits& limits) {
    Placement start(problem);
    Budget budget(limits, limits.max_steps > 0 ? limits.max_steps : sensible_steps(problem));
    if (limits.max_moves == 0 || (excess(start) == 0 && at_rest(start, limits, budget))) {
        Balanced result = nothing(start);
        result.steps = budget.spent();
        return result;
    }
    const Reduced smaller = reduced(problem);
    Placement placement(smaller.problem);
    const std::vector<HostIndex> host_of = search(placement, limits, budget);
    Balanced result = finished(Placement(problem), smaller, host_of, limits);
    result.steps = budget.spent();
    return result;
}

}  // namespace ballast::policy::solver
