#include "policy/solver/slopes.h"

#include <algorithm>
#include <cmath>

namespace ballast::policy::solver {

namespace {

std::size_t hosts_that_count(const Problem& problem) {
    return static_cast<std::size_t>(
        std::count_if(problem.hosts.begin(), problem.hosts.end(), [](const HostSlot& host) { return host.counts; }));
}

// Mean over the hosts that count.
Amounts mean_per_unit(const Placement& placement, double share) {
    Amounts mean{};
    for (HostIndex h = 0; h < placement.problem().hosts.size(); ++h)
        for (std::size_t k = 0; k < max_resources; ++k) mean[k] += placement.per_unit(h)[k] * share;
    return mean;
}

}  // namespace

Slopes::Slopes(const Placement& placement) {
    const Problem& problem = placement.problem();
    const std::size_t hosts = hosts_that_count(problem);
    if (hosts == 0 || problem.vms.empty()) return;
    share_ = 1 / static_cast<double>(hosts);
    for (std::size_t k = 0; k < problem.resources.size(); ++k) weight_[k] = problem.resources[k].weight;
    const Amounts per_unit = mean_per_unit(placement, share_);
    for (const VmSlot& vm : problem.vms)
        for (std::size_t k = 0; k < max_resources; ++k) {
            const double change = vm.demand[k] * per_unit[k];
            one_move_[k] += 2 * change * change * share_ / static_cast<double>(problem.vms.size());
        }
    refresh(placement);
}

// d sqrt(V) / dV is endless at V = 0; what counts is the mean slope over the variance that a move brings.
void Slopes::refresh(const Placement& placement) {
    for (std::size_t k = 0; k < max_resources; ++k) {
        if (weight_[k] == 0) continue;
        const double variance = placement.variance(k);
        const double both = std::sqrt(variance) + std::sqrt(variance + one_move_[k]);
        slope_[k] = both > 0 ? weight_[k] * share_ / both : 0;
        mean_[k] = placement.mean_deviation(k);
    }
}

// With d the other one's demand, the hosts' changes are a (d - demand) and b (demand - d), a and b per unit; cost() of
// both, sorted by powers of d.
SwapCost Slopes::swap_cost(const Placement& placement, HostIndex host, const Amounts& demand,
                           HostIndex other_host) const {
    SwapCost result;
    result.constant_ = 0;
    for (std::size_t k = 0; k < max_resources; ++k) {
        const double a = placement.per_unit(host)[k], b = placement.per_unit(other_host)[k];
        const double here = placement.deviation(host)[k] - mean_[k];
        const double there = placement.deviation(other_host)[k] - mean_[k];
        const double left = a * demand[k], joined = b * demand[k];
        result.square_[k] = slope_[k] * (a * a + b * b);
        result.linear_[k] = 2 * slope_[k] * (a * (here - left) - b * (there + joined));
        result.constant_ += slope_[k] * (left * (left - 2 * here) + joined * (joined + 2 * there));
    }
    return result;
}

double Slopes::radius(const Placement& placement, HostIndex host) const {
    double squares = 0;
    for (std::size_t k = 0; k < max_resources; ++k) {
        const double from_mean = placement.deviation(host)[k] - mean_[k];
        squares += slope_[k] * from_mean * from_mean;
    }
    return std::sqrt(squares);
}

}  // namespace ballast::policy::solver
