// What a change costs, to first order: the score as a sum of squares, each resource with the weight that it has at the
// placement of the moment. Some ten times quicker than the score itself, and nearly always on the safe side: a square
// root grows more slowly than its tangent, so what lowers this estimate lowers the score at least as much.
#pragma once

#include <cstring>

#include "policy/solver/placement.h"

namespace ballast::policy::solver {

// Two doubles at a time: what every 64-bit processor has.
using Pair = double __attribute__((vector_size(16)));

inline Pair pair(const Amounts& amounts, std::size_t k) {
    Pair result;
    std::memcpy(&result, &amounts[k], sizeof result);
    return result;
}

/// What one VM's swap for any of the VMs on one other host costs: a square in the other one's demand.
class SwapCost {
public:
    double of(const Amounts& other) const {
        Pair sum = {constant_, 0};
        for (std::size_t k = 0; k < max_resources; k += 2) {
            const Pair demand = pair(other, k);
            sum += demand * (pair(linear_, k) + pair(square_, k) * demand);
        }
        return sum[0] + sum[1];
    }

private:
    friend class Slopes;
    Amounts linear_, square_;
    double constant_;
};

class Slopes {
public:
    explicit Slopes(const Placement& placement);

    /// To be called when the placement has changed; until then estimates are off by little.
    void refresh(const Placement& placement);

    /// What the score changes by when sign * demand (of a VM, or the difference of two) comes to the host. Costs of
    /// what happens on two hosts add up. Penalties are not in it.
    double cost(const Placement& placement, HostIndex host, const Amounts& demand, double sign) const {
        const Amounts& deviation = placement.deviation(host);
        const Amounts& per_unit = placement.per_unit(host);
        Pair sum = {0, 0};
        const Pair signs = {sign, sign};
        for (std::size_t k = 0; k < max_resources; k += 2) {
            const Pair change = signs * pair(demand, k) * pair(per_unit, k);
            const Pair from_mean = pair(deviation, k) - pair(mean_, k);
            sum += pair(slope_, k) * change * (from_mean + from_mean + change);
        }
        return sum[0] + sum[1];
    }

    /// The same for a VM with this demand on `host`, swapped for one on `other_host`.
    SwapCost swap_cost(const Placement& placement, HostIndex host, const Amounts& demand, HostIndex other_host) const;

    /// Whatever two hosts give each other, to first order it gains at most half the square of the sum of their radii.
    double radius(const Placement& placement, HostIndex host) const;

private:
    Amounts weight_{}, slope_{}, mean_{};
    Amounts one_move_{};  // the variance that a move of a typical VM makes in a perfectly even cluster
    double share_ = 0;    // 1 / hosts that count
};

}  // namespace ballast::policy::solver
