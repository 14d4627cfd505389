// What a change costs, to first order: the score as a sum of squares, each resource with the weight that it has at the
// placement of the moment. Some ten times quicker than the score itself, and nearly always on the safe side: a square
// root grows more slowly than its tangent, so what lowers this estimate lowers the score at least as much.
#pragma once

#include <cstring>

#include "policy/solver/placement.h"

namespace ballast::policy::solver {

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

    /// Whatever two hosts give each other, to first order it gains at most half the square of the sum of their radii.
    double radius(const Placement& placement, HostIndex host) const;

private:
    // Two doubles at a time: what every 64-bit processor has.
    using Pair = double __attribute__((vector_size(16)));

    static Pair pair(const Amounts& amounts, std::size_t k) {
        Pair result;
        std::memcpy(&result, &amounts[k], sizeof result);
        return result;
    }

    Amounts weight_{}, slope_{}, mean_{};
    Amounts one_move_{};  // the variance that a move of a typical VM makes in a perfectly even cluster
    double share_ = 0;    // 1 / hosts that count
};

}  // namespace ballast::policy::solver
