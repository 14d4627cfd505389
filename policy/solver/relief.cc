#include "policy/solver/relief.h"

#include <algorithm>

namespace ballast::policy::solver {

namespace {

// How far a host that uses this is over its capacities.
double excess_of(const HostSlot& host, const Amounts& used) {
    double sum = 0;
    for (std::size_t k = 0; k < max_resources; ++k)
        if (used[k] > host.capacity[k] * (1 + rounding))
            sum += (used[k] - host.capacity[k]) / (host.capacity[k] > 0 ? host.capacity[k] : 1);
    return sum;
}

double excess_without(const Placement& placement, HostIndex host, VmIndex vm) {
    Amounts used = placement.used(host);
    for (std::size_t k = 0; k < max_resources; ++k) used[k] -= placement.problem().vms[vm].demand[k];
    return excess_of(placement.problem().hosts[host], used);
}

struct Escape {
    VmIndex vm = Placement::no_vm;
    HostIndex to = no_host;
    double excess_left = 0, score = 0;

    bool better_than(const Escape& other) const {
        return other.to == no_host || std::pair(excess_left, score) < std::pair(other.excess_left, other.score);
    }
};

Escape best_escape(const Placement& placement, VmIndex vm, double excess_left, Budget& budget) {
    Escape best;
    budget.spend(placement.problem().hosts.size());
    for (HostIndex host = 0; host < placement.problem().hosts.size(); ++host) {
        if (!placement.fits(vm, host)) continue;
        const Escape escape{vm, host, excess_left, placement.score_after(vm, host)};
        if (escape.better_than(best)) best = escape;
    }
    return best;
}

// The move that brings the host furthest.
Escape best_escape(const Placement& placement, HostIndex host, bool may_move_more, Budget& budget) {
    const double excess = excess_of(placement.problem().hosts[host], placement.used(host));
    Escape best;
    for (const VmIndex vm : placement.vms_on(host)) {
        const VmSlot& slot = placement.problem().vms[vm];
        if (!slot.movable || slot.home == no_host || (!may_move_more && slot.home == host)) continue;
        const double left = excess_without(placement, host, vm);
        if (left >= excess || (best.to != no_host && left > best.excess_left)) continue;
        const Escape escape = best_escape(placement, vm, left, budget);
        if (escape.to != no_host && escape.better_than(best)) best = escape;
    }
    return best;
}

}  // namespace

double excess(const Placement& placement) {
    double sum = 0;
    for (HostIndex host = 0; host < placement.problem().hosts.size(); ++host)
        sum += excess_of(placement.problem().hosts[host], placement.used(host));
    return sum;
}

void relieve(Placement& placement, const BalanceLimits& limits, Budget& budget) {
    const auto excess_on = [&](HostIndex host) {
        return excess_of(placement.problem().hosts[host], placement.used(host));
    };
    std::vector<std::pair<double, HostIndex>> hosts;
    for (HostIndex host = 0; host < placement.problem().hosts.size(); ++host)
        if (const double over = excess_on(host); over > 0) hosts.emplace_back(-over, host);
    std::sort(hosts.begin(), hosts.end());
    for (const auto& [over, host] : hosts) {
        while (excess_on(host) > 0 && !budget.over()) {
            const Escape escape = best_escape(placement, host, placement.moved() < limits.max_moves, budget);
            if (escape.to == no_host) break;
            placement.move(escape.vm, escape.to);
        }
    }
}

}  // namespace ballast::policy::solver
