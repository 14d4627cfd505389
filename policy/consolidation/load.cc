#include "policy/consolidation/load.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ballast::policy::consolidation {

Load::Load(const Problem& problem, const std::vector<Estimate>& estimates)
    : problem_(&problem), estimates_(&estimates), hosts_(problem.hosts.size()) {
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        const auto home = problem.vms[vm].home;
        host_of_.push_back(home);
        hosts_[home].vms.push_back(vm);
        add(vm, home, 1);
    }
}

void Load::add(VmIndex vm, HostIndex index, double sign) {
    auto& host = hosts_[index];
    host.level += sign * estimate(vm).level;
    // Differences of sums may end just below zero.
    host.variance = std::max(0.0, host.variance + sign * estimate(vm).variance);
    host.now += sign * problem_->vms[vm].now;
    host.memory += sign * problem_->vms[vm].memory;
}

double Load::free(HostIndex host, double deviations) const {
    return problem_->hosts[host].cpu - hosts_[host].level - deviations * std::sqrt(hosts_[host].variance);
}

double Load::free_with(HostIndex host, VmIndex vm, double deviations) const {
    const auto& its = estimate(vm);
    return problem_->hosts[host].cpu - hosts_[host].level - its.level -
           deviations * std::sqrt(hosts_[host].variance + its.variance);
}

bool Load::fits(VmIndex vm, HostIndex host, double deviations) const {
    const auto& its = problem_->vms[vm];
    const auto& target = problem_->hosts[host];
    if (!target.receives || its.size > target.core) return false;
    if (hosts_[host].memory + its.memory > target.memory) return false;
    if (hosts_[host].now + its.now > std::min(target.cpu, target.most_now)) return false;
    if (free_with(host, vm, deviations) < 0) return false;
    return !problem_->allows || problem_->allows(vm, host, hosts_[host].vms);
}

Load::Step Load::move(VmIndex vm, HostIndex to) {
    auto& from = hosts_[host_of_[vm]];
    Step step{vm, host_of_[vm], to, from, hosts_[to]};
    add(vm, host_of_[vm], -1);
    std::erase(from.vms, vm);
    from.gives = true;
    add(vm, to, 1);
    hosts_[to].vms.push_back(vm);
    hosts_[to].receives = true;
    host_of_[vm] = to;
    return step;
}

void Load::undo(Step step) {
    host_of_[step.vm] = step.from;
    hosts_[step.from] = std::move(step.from_before);
    hosts_[step.to] = std::move(step.to_before);
}

}  // namespace ballast::policy::consolidation
