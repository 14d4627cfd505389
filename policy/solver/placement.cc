#include "policy/solver/placement.h"

#include <algorithm>
#include <cmath>

namespace ballast::policy::solver {

namespace {

// Sums of doubles differ in their last bits by the order of adding; a limit met exactly must not fail by that.
constexpr double rounding = 1e-9;

Amounts difference(const Amounts& a, const Amounts& b) {
    Amounts result{};
    for (std::size_t k = 0; k < max_resources; ++k) result[k] = a[k] - b[k];
    return result;
}

double over(std::uint32_t members, const Group& group) {
    return members > group.most ? group.penalty * (members - group.most) : 0;
}

}  // namespace

Placement::Placement(const Problem& problem)
    : problem_(&problem),
      host_of_(problem.vms.size(), no_host),
      vms_on_(problem.hosts.size()),
      position_(problem.vms.size(), 0),
      used_(problem.hosts.size()),
      on_host_(problem.hosts.size()) {
    std::uint32_t domains = 0;
    for (const HostSlot& host : problem.hosts) domains = std::max(domains, host.domain + 1);
    in_domain_.resize(domains);
    for (HostIndex h = 0; h < problem.hosts.size(); ++h) {
        used_[h] = {};
        counted_hosts_ += problem.hosts[h].counts ? 1 : 0;
        shift(sums_, h, problem.hosts[h].base, 1);
        used_[h] = problem.hosts[h].base;
    }
    for (VmIndex v = 0; v < problem.vms.size(); ++v) move(v, problem.vms[v].home);
    moved_ = 0;
}

// Changes the sums by `by` on a host whose use is used_[host] now.
void Placement::shift(Sums& sums, HostIndex host, const Amounts& by, double sign) const {
    const HostSlot& slot = problem_->hosts[host];
    if (!slot.counts) return;
    for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
        if (problem_->resources[k].weight == 0) continue;
        const double before = used_[host][k] / slot.scale[k];
        const double change = sign * by[k] / slot.scale[k];
        sums.sum[k] += change;
        sums.squares[k] += change * (2 * before + change);
    }
}

double Placement::score_of(const Sums& sums) const {
    if (counted_hosts_ == 0) return 0;
    const double n = static_cast<double>(counted_hosts_);
    double score = 0;
    for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
        if (problem_->resources[k].weight == 0) continue;
        const double mean = sums.sum[k] / n;
        score += problem_->resources[k].weight * std::sqrt(std::max(0.0, sums.squares[k] / n - mean * mean));
    }
    return score;
}

std::size_t Placement::place_of(const Group& group, HostIndex host) const {
    return group.per_domain ? problem_->hosts[host].domain : host;
}

std::uint32_t Placement::members(std::uint32_t group, HostIndex host) const {
    const Group& rule = problem_->groups[group];
    for (const auto& [id, number] : (rule.per_domain ? in_domain_ : on_host_)[place_of(rule, host)])
        if (id == group) return number;
    return 0;
}

void Placement::count(std::uint32_t group, HostIndex host, int by) {
    const Group& rule = problem_->groups[group];
    Counts& counts = (rule.per_domain ? in_domain_ : on_host_)[place_of(rule, host)];
    auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.first == group; });
    if (found == counts.end()) found = counts.insert(counts.end(), {group, 0});
    if (!rule.hard) penalty_ -= over(found->second, rule);
    found->second += static_cast<std::uint32_t>(by);
    if (!rule.hard) penalty_ += over(found->second, rule);
    if (found->second == 0) counts.erase(found);
}

bool Placement::is_member(VmIndex vm, std::uint32_t group) const {
    const auto& groups = problem_->vms[vm].groups;
    return std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool Placement::fits_groups(const VmSlot& vm, HostIndex from, HostIndex host, VmIndex leaving) const {
    for (const std::uint32_t group : vm.groups) {
        const Group& rule = problem_->groups[group];
        if (!rule.hard) continue;
        std::uint32_t others = members(group, host);
        if (from != no_host && place_of(rule, from) == place_of(rule, host)) --others;
        if (leaving != no_vm && is_member(leaving, group) && others > 0) --others;
        if (others >= rule.most) return false;
    }
    return true;
}

bool Placement::fits_without(VmIndex vm, HostIndex host, VmIndex leaving) const {
    const VmSlot& slot = problem_->vms[vm];
    const HostSlot& target = problem_->hosts[host];
    if (host == host_of_[vm] || !target.receives || !problem_->may_run(slot, target)) return false;
    for (std::size_t k = 0; k < problem_->resources.size(); ++k) {
        const double freed = leaving == no_vm ? 0 : problem_->vms[leaving].demand[k];
        const double after = used_[host][k] - freed + slot.demand[k];
        if (after > target.capacity[k] * (1 + rounding) && slot.demand[k] > 0) return false;
    }
    return slot.groups.empty() || fits_groups(slot, host_of_[vm], host, leaving);
}

void Placement::move(VmIndex vm, HostIndex host) {
    const HostIndex from = host_of_[vm];
    if (from == host) return;
    const VmSlot& slot = problem_->vms[vm];
    if (from != no_host) {
        shift(sums_, from, slot.demand, -1);
        for (std::size_t k = 0; k < max_resources; ++k) used_[from][k] -= slot.demand[k];
        for (const std::uint32_t group : slot.groups) count(group, from, -1);
        vms_on_[from][position_[vm]] = vms_on_[from].back();
        position_[vms_on_[from].back()] = position_[vm];
        vms_on_[from].pop_back();
    }
    if (host != no_host) {
        shift(sums_, host, slot.demand, 1);
        for (std::size_t k = 0; k < max_resources; ++k) used_[host][k] += slot.demand[k];
        for (const std::uint32_t group : slot.groups) count(group, host, 1);
        position_[vm] = static_cast<std::uint32_t>(vms_on_[host].size());
        vms_on_[host].push_back(vm);
    }
    host_of_[vm] = host;
    if (from == slot.home) ++moved_;
    if (host == slot.home) --moved_;
}

double Placement::penalty_change(VmIndex vm, HostIndex from, HostIndex to) const {
    double change = 0;
    for (const std::uint32_t group : problem_->vms[vm].groups) {
        const Group& rule = problem_->groups[group];
        if (rule.hard || (from != no_host && place_of(rule, from) == place_of(rule, to))) continue;
        const std::uint32_t there = members(group, to);
        change += over(there + 1, rule) - over(there, rule);
        if (from == no_host) continue;
        const std::uint32_t here = members(group, from);
        change += over(here - 1, rule) - over(here, rule);
    }
    return change;
}

double Placement::score() const {
    return score_of(sums_) + penalty_;
}

double Placement::score_after(VmIndex vm, HostIndex host) const {
    const VmSlot& slot = problem_->vms[vm];
    Sums sums = sums_;
    if (host_of_[vm] != no_host) shift(sums, host_of_[vm], slot.demand, -1);
    shift(sums, host, slot.demand, 1);
    return score_of(sums) + penalty_ + penalty_change(vm, host_of_[vm], host);
}

double Placement::score_after_swap(VmIndex one, VmIndex other) const {
    const Amounts change = difference(problem_->vms[other].demand, problem_->vms[one].demand);
    Sums sums = sums_;
    shift(sums, host_of_[one], change, 1);
    shift(sums, host_of_[other], change, -1);
    // Members of the same group change places without any change; the few others are counted as two single moves.
    return score_of(sums) + penalty_ + penalty_change(one, host_of_[one], host_of_[other]) +
           penalty_change(other, host_of_[other], host_of_[one]);
}

}  // namespace ballast::policy::solver
