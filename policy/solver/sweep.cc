#include "policy/solver/sweep.h"

#include <algorithm>
#include <numeric>

namespace ballast::policy::solver {

namespace {

// Up to here all pairs of VMs are tested with the score itself: 200^2 / 2 pairs take under a millisecond.
constexpr std::size_t exact_vms = 200;
// Targets and sources of one sweep: all of both in clusters up to 64 hosts and 1,000 VMs. Above, 64,000 moves, and as
// many swaps as 1,000 VMs have with those of 8 hosts, are a few ms.
constexpr std::size_t most_targets = 64;
constexpr std::size_t most_sources = 1000;
constexpr std::size_t swap_targets = 8;

}  // namespace

Sweep::Sweep(Placement& placement, const BalanceLimits& limits, Budget& budget)
    : placement_(&placement),
      limits_(&limits),
      effort_(&budget),
      slopes_(placement),
      radius_(placement.problem().hosts.size()),
      filtered_(placement.problem().vms.size() > exact_vms) {}

// The coldest hosts: where a typical VM costs least.
std::vector<HostIndex> Sweep::targets() const {
    const Problem& problem = placement_->problem();
    std::vector<HostIndex> hosts;
    for (HostIndex h = 0; h < problem.hosts.size(); ++h)
        if (problem.hosts[h].receives) hosts.push_back(h);
    if (hosts.size() <= most_targets) return hosts;
    Amounts typical{};
    for (const VmSlot& vm : problem.vms)
        for (std::size_t k = 0; k < max_resources; ++k)
            typical[k] += vm.demand[k] / static_cast<double>(problem.vms.size());
    std::vector<double> cost(problem.hosts.size());
    for (const HostIndex h : hosts) cost[h] = slopes_.cost(*placement_, h, typical, 1);
    std::nth_element(hosts.begin(), hosts.begin() + most_targets, hosts.end(),
                     [&](HostIndex a, HostIndex b) { return std::pair(cost[a], a) < std::pair(cost[b], b); });
    hosts.resize(most_targets);
    std::sort(hosts.begin(), hosts.end(),
              [&](HostIndex a, HostIndex b) { return std::pair(cost[a], a) < std::pair(cost[b], b); });
    return hosts;
}

// The VMs whose going would help most, best first; in small clusters all.
std::vector<Sweep::Source> Sweep::sources() const {
    const Problem& problem = placement_->problem();
    std::vector<Source> found;
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        const HostIndex host = placement_->host_of(vm);
        if (!problem.vms[vm].movable || host == no_host) continue;
        const double leaving = slopes_.cost(*placement_, host, problem.vms[vm].demand, -1);
        found.push_back({vm, leaving - placement_->penalty_of(vm)});
    }
    effort_->spend(found.size());
    const auto better = [](const Source& a, const Source& b) {
        return std::pair(a.leaving, a.vm) < std::pair(b.leaving, b.vm);
    };
    if (found.size() > most_sources) {
        std::nth_element(found.begin(), found.begin() + most_sources, found.end(), better);
        found.resize(most_sources);
    }
    std::sort(found.begin(), found.end(), better);
    return found;
}

double Sweep::price(VmIndex vm, HostIndex to) const {
    return limits_->min_gain * (away(vm, to) - away(vm, placement_->host_of(vm)));
}

bool Sweep::within(int more) const {
    return more <= 0 || placement_->moved() + static_cast<std::size_t>(more) <= limits_->max_moves;
}

// Are the loads of two hosts so close that no exchange between them can be worth it? Half is for the estimate's error.
bool Sweep::close(HostIndex one, HostIndex other, double needed) const {
    const double sum = radius_[one] + radius_[other];
    return filtered_ && placement_->penalty() == 0 && needed > 0 && sum * sum / 2 < needed / 2;
}

void Sweep::update() {
    slopes_.refresh(*placement_);
}

bool Sweep::relocate(VmIndex vm, const std::vector<HostIndex>& targets) {
    const Amounts& demand = placement_->problem().vms[vm].demand;
    const HostIndex from = placement_->host_of(vm), home = placement_->problem().vms[vm].home;
    if (!within(1 - away(vm, from))) return false;
    const double leaving = slopes_.cost(*placement_, from, demand, -1);
    const double score = placement_->score();
    double best = -margin_;
    HostIndex chosen = no_host;
    const auto consider = [&](HostIndex host) {
        if (host == from || close(from, host, price(vm, host))) return;
        effort_->spend(1);
        const double penalty = placement_->penalty_change(vm, from, host);
        if (!promises(leaving + slopes_.cost(*placement_, host, demand, 1) + penalty + price(vm, host) / 2)) return;
        const double change = placement_->score_after(vm, host) - score + price(vm, host);
        if (change >= best || !placement_->fits(vm, host)) return;
        best = change;
        chosen = host;
    };
    if (from != home) consider(home);
    for (const HostIndex host : targets) consider(host);
    if (chosen == no_host) return false;
    placement_->move(vm, chosen);
    update();
    return true;
}

// The VM on that host whose swap for this one changes the value by less than `best`, which is lowered.
VmIndex Sweep::best_partner(VmIndex vm, HostIndex host, double& best) {
    const Problem& problem = placement_->problem();
    const HostIndex from = placement_->host_of(vm);
    const SwapCost cost = slopes_.swap_cost(*placement_, from, problem.vms[vm].demand, host);
    const double score = placement_->score();
    VmIndex chosen = Placement::no_vm;
    for (const VmIndex other : placement_->vms_on(host)) {
        const VmSlot& slot = problem.vms[other];
        if (!slot.movable) continue;
        effort_->spend(1);
        const int moved = away(vm, host) + away(other, from) - away(vm, from) - away(other, host);
        if (!within(moved)) continue;
        const double both = limits_->min_gain * moved;
        const double estimate = cost.of(slot.demand) + placement_->penalty_change(vm, from, host, other) +
                                placement_->penalty_change(other, host, from, vm);
        if (!promises(estimate + both / 2)) continue;
        const double change = placement_->score_after_swap(vm, other) - score + both;
        if (change >= best || !placement_->fits_without(vm, host, other)) continue;
        if (!placement_->fits_without(other, from, vm)) continue;
        best = change;
        chosen = other;
    }
    return chosen;
}

bool Sweep::swap(VmIndex vm, const std::vector<HostIndex>& targets) {
    const HostIndex from = placement_->host_of(vm);
    if (!placement_->problem().hosts[from].receives) return false;
    double best = -margin_;
    VmIndex chosen = Placement::no_vm;
    for (const HostIndex host : targets) {
        if (host == from || close(from, host, limits_->min_gain)) continue;
        const VmIndex other = best_partner(vm, host, best);
        if (other != Placement::no_vm) chosen = other;
    }
    if (chosen == Placement::no_vm) return false;
    const HostIndex to = placement_->host_of(chosen);
    placement_->move(vm, to);
    placement_->move(chosen, from);
    update();
    return true;
}

std::size_t Sweep::once(double margin) {
    margin_ = margin;
    update();
    for (HostIndex h = 0; h < radius_.size(); ++h) radius_[h] = slopes_.radius(*placement_, h);
    std::vector<HostIndex> where = targets();
    const std::vector<Source> what = sources();
    std::size_t made = 0;
    for (const Source& source : what) {
        if (effort_->over()) return made;
        made += relocate(source.vm, where) ? 1 : 0;
    }
    if (made > 0) return made;
    if (where.size() == most_targets && placement_->problem().hosts.size() > most_targets) where.resize(swap_targets);
    for (const Source& source : what) {
        if (effort_->over()) return made;
        made += swap(source.vm, where) ? 1 : 0;
    }
    return made;
}

}  // namespace ballast::policy::solver
