#include "policy/solver/occupancy.h"

#include <algorithm>

namespace ballast::policy::solver {

namespace {

// As in Placement: a limit met exactly must not fail by the order of adding.

bool is_member(const VmSlot& vm, std::uint32_t group) {
    return std::find(vm.groups.begin(), vm.groups.end(), group) != vm.groups.end();
}

}  // namespace

Occupancy::Occupancy(const Problem& problem, const ResourceSet& held_on_both)
    : problem_(&problem), held_(held_on_both), on_host_(problem.hosts.size()) {
    std::uint32_t domains = 0;
    for (const HostSlot& host : problem.hosts) {
        used_.push_back(host.base);
        domains = std::max(domains, host.domain + 1);
    }
    in_domain_.resize(domains);
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm)
        if (problem.vms[vm].home != no_host) start(vm, no_host, problem.vms[vm].home);
}

const Occupancy::Counts& Occupancy::place(std::uint32_t group, HostIndex host) const {
    return problem_->groups[group].per_domain ? in_domain_[problem_->hosts[host].domain] : on_host_[host];
}

std::uint32_t Occupancy::members(std::uint32_t group, HostIndex host) const {
    for (const auto& [id, number] : place(group, host))
        if (id == group) return number;
    return 0;
}

bool Occupancy::same_place(std::uint32_t group, HostIndex one, HostIndex other) const {
    if (one == no_host || other == no_host) return false;
    return one == other ||
           (problem_->groups[group].per_domain && problem_->hosts[one].domain == problem_->hosts[other].domain);
}

// A VM on its way within one domain is there once.
void Occupancy::count(VmIndex vm, HostIndex host, HostIndex except, int by) {
    for (const std::uint32_t group : problem_->vms[vm].groups) {
        if (same_place(group, host, except)) continue;
        Counts& counts = const_cast<Counts&>(place(group, host));
        auto found =
            std::find_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.first == group; });
        if (found == counts.end()) found = counts.insert(counts.end(), {group, 0});
        found->second += static_cast<std::uint32_t>(by);
        if (found->second == 0) counts.erase(found);
    }
}

std::optional<Obstacle> Occupancy::group_obstacle(const VmSlot& vm, HostIndex from, HostIndex to,
                                                  const std::vector<VmIndex>& without) const {
    for (const std::uint32_t group : vm.groups) {
        const Group& rule = problem_->groups[group];
        if (!rule.hard || same_place(group, from, to)) continue;
        std::uint32_t others = members(group, to);
        for (const VmIndex gone : without)
            if (others > 0 && is_member(problem_->vms[gone], group)) --others;
        if (others >= rule.most) return Obstacle{Obstacle::Kind::group, group};
    }
    return std::nullopt;
}

std::optional<Obstacle> Occupancy::obstacle(VmIndex vm, HostIndex from, HostIndex to,
                                            const std::vector<VmIndex>& without) const {
    const VmSlot& slot = problem_->vms[vm];
    const HostSlot& target = problem_->hosts[to];
    if (!slot.movable) return Obstacle{Obstacle::Kind::not_movable};
    if (!target.receives) return Obstacle{Obstacle::Kind::not_receiving};
    if (!problem_->may_run(slot, target)) return Obstacle{Obstacle::Kind::not_allowed};
    for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
        double after = used_[to][k] + slot.demand[k];
        for (const VmIndex gone : without) after -= problem_->vms[gone].demand[k];
        if (slot.demand[k] > 0 && after > target.capacity[k] * (1 + rounding))
            return Obstacle{Obstacle::Kind::capacity, k};
    }
    return group_obstacle(slot, from, to, without);
}

void Occupancy::start(VmIndex vm, HostIndex from, HostIndex to) {
    const Amounts& demand = problem_->vms[vm].demand;
    for (std::size_t k = 0; k < max_resources; ++k) {
        used_[to][k] += demand[k];
        if (from != no_host && !held_[k]) used_[from][k] -= demand[k];
    }
    count(vm, to, from, 1);
}

void Occupancy::finish(VmIndex vm, HostIndex from, HostIndex to) {
    if (from == no_host) return;
    for (std::size_t k = 0; k < max_resources; ++k)
        if (held_[k]) used_[from][k] -= problem_->vms[vm].demand[k];
    count(vm, from, to, -1);
}

}  // namespace ballast::policy::solver
