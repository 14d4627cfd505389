#include "policy/solver/placement.h"

#include <algorithm>
#include <cmath>

namespace ballast::policy::solver {

namespace {

// Sums of doubles differ in their last bits by the order of adding; a limit met exactly must not fail by that.

// Moves between two recomputations of the running sums. Measured: the score's relative error stays below 1e-10.
constexpr unsigned recompute_after = 1u << 14;

Amounts difference(const Amounts& a, const Amounts& b) {
    Amounts result{};
    for (std::size_t k = 0; k < max_resources; ++k) result[k] = a[k] - b[k];
    return result;
}

void increase(Amounts& amounts, const Amounts& by) {
    for (std::size_t k = 0; k < max_resources; ++k) amounts[k] += by[k];
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
      deviation_(problem.hosts.size(), Amounts{}),
      per_unit_(problem.hosts.size(), Amounts{}),
      on_host_(problem.hosts.size()) {
    std::uint32_t domains = 0;
    for (const HostSlot& host : problem.hosts) domains = std::max(domains, host.domain + 1);
    in_domain_.resize(domains);
    for (HostIndex h = 0; h < problem.hosts.size(); ++h) {
        const HostSlot& host = problem.hosts[h];
        used_[h] = host.base;
        if (!host.counts) continue;
        ++counted_hosts_;
        for (std::size_t k = 0; k < problem.resources.size(); ++k)
            if (problem.resources[k].weight != 0) per_unit_[h][k] = 1 / host.scale[k];
    }
    for (std::size_t k = 0; k < problem.resources.size(); ++k) weight_[k] = problem.resources[k].weight;
    std::vector<std::size_t> vms(problem.hosts.size(), 0);
    for (const VmSlot& vm : problem.vms)
        if (vm.home != no_host) ++vms[vm.home];
    for (HostIndex h = 0; h < problem.hosts.size(); ++h) vms_on_[h].reserve(vms[h]);
    for (VmIndex v = 0; v < problem.vms.size(); ++v)
        if (problem.vms[v].home != no_host) enter(v, problem.vms[v].home);
    recompute();
}

// The running sums from scratch: without this, millions of moves would leave their rounding errors in them. Levels are
// kept as deviations from the mean, since squares of small differences of large numbers lose their digits.
void Placement::recompute() {
    since_recomputed_ = 0;
    sums_ = {};
    Amounts centre{};
    const double share = counted_hosts_ == 0 ? 0 : 1 / static_cast<double>(counted_hosts_);
    for (HostIndex h = 0; h < problem_->hosts.size(); ++h) {
        used_[h] = problem_->hosts[h].base;
        for (const VmIndex vm : vms_on_[h]) increase(used_[h], problem_->vms[vm].demand);
        for (std::size_t k = 0; k < max_resources; ++k) centre[k] += used_[h][k] * per_unit_[h][k] * share;
    }
    for (HostIndex h = 0; h < problem_->hosts.size(); ++h) {
        if (!problem_->hosts[h].counts) continue;
        for (std::size_t k = 0; k < max_resources; ++k) {
            deviation_[h][k] = used_[h][k] * per_unit_[h][k] - centre[k];
            sums_.sum[k] += deviation_[h][k];
            sums_.squares[k] += deviation_[h][k] * deviation_[h][k];
        }
    }
}

// Changes the sums by `by` on a host whose deviation is deviation_[host] now.
void Placement::shift(Sums& sums, HostIndex host, const Amounts& by, double sign) const {
    const Amounts& deviation = deviation_[host];
    const Amounts& per_unit = per_unit_[host];
    for (std::size_t k = 0; k < max_resources; ++k) {
        const double change = sign * by[k] * per_unit[k];
        sums.sum[k] += change;
        sums.squares[k] += change * (2 * deviation[k] + change);
    }
}

double Placement::mean_deviation(std::size_t resource) const {
    return counted_hosts_ == 0 ? 0 : sums_.sum[resource] / static_cast<double>(counted_hosts_);
}

double Placement::variance(std::size_t resource) const {
    if (counted_hosts_ == 0) return 0;
    const double average = mean_deviation(resource);
    return std::max(0.0, sums_.squares[resource] / static_cast<double>(counted_hosts_) - average * average);
}

double Placement::score_of(const Sums& sums) const {
    if (counted_hosts_ == 0) return 0;
    const double share = 1 / static_cast<double>(counted_hosts_);
    double score = 0;
    for (std::size_t k = 0; k < max_resources; ++k) {
        const double average = sums.sum[k] * share;
        score += weight_[k] * std::sqrt(std::max(0.0, sums.squares[k] * share - average * average));
    }
    return score;
}

std::size_t Placement::place_of(const Group& group, HostIndex host) const {
    return group.per_domain ? problem_->hosts[host].domain : host;
}

std::uint32_t Placement::members(std::uint32_t group, HostIndex host) const {
    const Group& rule = problem_->groups[group];
    const Counts& counts = (rule.per_domain ? in_domain_ : on_host_)[place_of(rule, host)];
    const auto found = std::lower_bound(counts.begin(), counts.end(), std::pair(group, 0u));
    return found != counts.end() && found->first == group ? found->second : 0;
}

void Placement::count(std::uint32_t group, HostIndex host, int by) {
    const Group& rule = problem_->groups[group];
    Counts& counts = (rule.per_domain ? in_domain_ : on_host_)[place_of(rule, host)];
    auto found = std::lower_bound(counts.begin(), counts.end(), std::pair(group, 0u));
    if (found == counts.end() || found->first != group) found = counts.insert(found, {group, 0});
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

void Placement::add(VmIndex vm, HostIndex host) {
    const VmSlot& slot = problem_->vms[vm];
    shift(sums_, host, slot.demand, 1);
    increase(used_[host], slot.demand);
    for (std::size_t k = 0; k < max_resources; ++k) deviation_[host][k] += slot.demand[k] * per_unit_[host][k];
    enter(vm, host);
}

// All of add() but the sums.
void Placement::enter(VmIndex vm, HostIndex host) {
    for (const std::uint32_t group : problem_->vms[vm].groups) count(group, host, 1);
    penalty_ += problem_->hosts[host].vm_penalty;
    position_[vm] = static_cast<std::uint32_t>(vms_on_[host].size());
    vms_on_[host].push_back(vm);
    host_of_[vm] = host;
}

void Placement::take_off(VmIndex vm, HostIndex host) {
    const VmSlot& slot = problem_->vms[vm];
    shift(sums_, host, slot.demand, -1);
    vms_on_[host][position_[vm]] = vms_on_[host].back();
    position_[vms_on_[host].back()] = position_[vm];
    vms_on_[host].pop_back();
    for (std::size_t k = 0; k < max_resources; ++k) {
        used_[host][k] -= slot.demand[k];
        deviation_[host][k] -= slot.demand[k] * per_unit_[host][k];
    }
    for (const std::uint32_t group : slot.groups) count(group, host, -1);
    penalty_ -= problem_->hosts[host].vm_penalty;
    host_of_[vm] = no_host;
}

void Placement::move(VmIndex vm, HostIndex host) {
    const HostIndex from = host_of_[vm];
    if (from == host) return;
    if (from != no_host) take_off(vm, from);
    if (host != no_host) add(vm, host);
    const HostIndex home = problem_->vms[vm].home;
    if (from == home) ++moved_;
    if (host == home) --moved_;
    if (++since_recomputed_ == recompute_after) recompute();
}

double Placement::penalty_change(VmIndex vm, HostIndex from, HostIndex to, VmIndex swapped) const {
    double change = problem_->hosts[to].vm_penalty - (from == no_host ? 0 : problem_->hosts[from].vm_penalty);
    for (const std::uint32_t group : problem_->vms[vm].groups) {
        const Group& rule = problem_->groups[group];
        if (rule.hard || (from != no_host && place_of(rule, from) == place_of(rule, to))) continue;
        if (swapped != no_vm && is_member(swapped, group)) continue;
        const std::uint32_t there = members(group, to);
        change += over(there + 1, rule) - over(there, rule);
        if (from == no_host) continue;
        const std::uint32_t here = members(group, from);
        change += over(here - 1, rule) - over(here, rule);
    }
    return change;
}

double Placement::penalty_of(VmIndex vm) const {
    const HostIndex host = host_of_[vm];
    if (host == no_host) return 0;
    double penalty = problem_->hosts[host].vm_penalty;
    for (const std::uint32_t group : problem_->vms[vm].groups) {
        const Group& rule = problem_->groups[group];
        if (rule.hard) continue;
        const std::uint32_t here = members(group, host);
        penalty += over(here, rule) - over(here - 1, rule);
    }
    return penalty;
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
    return score_of(sums) + penalty_ + penalty_change(one, host_of_[one], host_of_[other], other) +
           penalty_change(other, host_of_[other], host_of_[one], one);
}

}  // namespace ballast::policy::solver
