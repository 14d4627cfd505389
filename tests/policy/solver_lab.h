// Small placement problems made from a seed, and what holds for a placement, computed from scratch.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "policy/solver/dice.h"
#include "policy/solver/placement.h"

namespace ballast::test {

using policy::solver::Amounts;
using policy::solver::Dice;
using policy::solver::Group;
using policy::solver::HostIndex;
using policy::solver::HostSlot;
using policy::solver::max_resources;
using policy::solver::no_host;
using policy::solver::Placement;
using policy::solver::Problem;
using policy::solver::unlimited;
using policy::solver::VmIndex;
using policy::solver::VmSlot;

// Amounts are multiples of 1/64, so that sums are exact in whatever order.
inline double amount(Dice& dice, unsigned most) {
    return dice.below(most + 1) / 64.0;
}

inline HostSlot random_host(Dice& dice, std::size_t resources, std::uint32_t classes) {
    HostSlot host;
    host.capacity.fill(unlimited);
    host.scale.fill(1);
    for (std::size_t k = 0; k < resources; ++k) {
        host.base[k] = amount(dice, 16);
        host.scale[k] = dice.chance(0.7) ? 4 : 8;
        if (dice.chance(0.7)) host.capacity[k] = 2 + amount(dice, 256);
    }
    host.host_class = dice.below(classes);
    host.domain = dice.below(3);
    host.receives = dice.chance(0.9);
    host.counts = dice.chance(0.9);
    host.vm_penalty = dice.chance(0.1) ? 1 : 0;
    return host;
}

inline VmSlot random_vm(Dice& dice, const Problem& problem, std::size_t classes) {
    VmSlot vm;
    for (std::size_t k = 0; k < problem.resources.size(); ++k) vm.demand[k] = amount(dice, 64);
    vm.home = dice.chance(0.95) ? dice.below(problem.hosts.size()) : no_host;
    vm.vm_class = dice.below(classes);
    vm.movable = dice.chance(0.85);
    for (std::uint32_t group = 0; group < problem.groups.size(); ++group)
        if (dice.chance(0.15)) vm.groups.push_back(group);
    return vm;
}

/// Up to 8 hosts and 40 VMs with classes, groups of all kinds, limits, VMs that cannot move and VMs without a home.
/// Homes are drawn without a look at limits, so that some are broken from the start.
inline Problem random_problem(std::uint64_t seed) {
    Dice dice(seed);
    Problem problem;
    const std::size_t resources = dice.below(max_resources) + 1, classes = dice.below(2) + 1;
    for (std::size_t k = 0; k < resources; ++k)
        problem.resources.push_back({"r" + std::to_string(k), dice.chance(0.8) ? amount(dice, 64) : 0});
    problem.host_classes = 2;
    problem.allowed.resize(classes * 2);
    for (auto& allowed : problem.allowed) allowed = dice.chance(0.8) ? 1 : 0;
    for (std::size_t i = dice.below(4); i > 0; --i)
        problem.groups.push_back({dice.chance(0.3), dice.below(3) + 1, dice.chance(0.5), amount(dice, 64)});
    for (std::size_t i = dice.below(8) + 1; i > 0; --i) problem.hosts.push_back(random_host(dice, resources, 2));
    for (std::size_t i = dice.below(41); i > 0; --i) problem.vms.push_back(random_vm(dice, problem, classes));
    return problem;
}

/// A placement's figures from its VMs' hosts alone.
class Recount {
public:
    Recount(const Problem& problem, std::vector<HostIndex> host_of) : problem_(&problem), host_of_(std::move(host_of)) {
        for (const HostSlot& host : problem.hosts) used_.push_back(host.base);
        for (VmIndex v = 0; v < host_of_.size(); ++v) {
            if (host_of_[v] == no_host) continue;
            for (std::size_t k = 0; k < max_resources; ++k) used_[host_of_[v]][k] += problem.vms[v].demand[k];
        }
    }
    explicit Recount(const Placement& placement) : Recount(placement.problem(), hosts_of(placement)) {}

    static std::vector<HostIndex> hosts_of(const Placement& placement) {
        std::vector<HostIndex> hosts;
        for (VmIndex v = 0; v < placement.problem().vms.size(); ++v) hosts.push_back(placement.host_of(v));
        return hosts;
    }

    const Amounts& used(HostIndex host) const { return used_[host]; }

    /// Members of a group, by host or domain.
    std::map<std::uint32_t, std::uint32_t> members(std::uint32_t group) const {
        std::map<std::uint32_t, std::uint32_t> result;
        for (VmIndex v = 0; v < host_of_.size(); ++v)
            for (const std::uint32_t g : problem_->vms[v].groups)
                if (g == group && host_of_[v] != no_host) ++result[place(problem_->groups[group], host_of_[v])];
        return result;
    }

    double penalty() const {
        double sum = 0;
        for (const HostIndex host : host_of_) sum += host == no_host ? 0 : problem_->hosts[host].vm_penalty;
        for (std::uint32_t g = 0; g < problem_->groups.size(); ++g) {
            const Group& group = problem_->groups[g];
            if (group.hard) continue;
            for (const auto& [where, number] : members(g))
                if (number > group.most) sum += group.penalty * (number - group.most);
        }
        return sum;
    }

    double score() const {
        double sum = penalty();
        for (std::size_t k = 0; k < problem_->resources.size(); ++k)
            sum += problem_->resources[k].weight * deviation(k);
        return sum;
    }

    bool fits(VmIndex vm, HostIndex host) const {
        const VmSlot& slot = problem_->vms[vm];
        const HostSlot& target = problem_->hosts[host];
        if (host == host_of_[vm] || !target.receives || !problem_->may_run(slot, target)) return false;
        std::vector<HostIndex> after = host_of_;
        after[vm] = host;
        const Recount then(*problem_, after);
        for (std::size_t k = 0; k < max_resources; ++k)
            if (slot.demand[k] > 0 && then.used_[host][k] > target.capacity[k] * (1 + 1e-9)) return false;
        for (const std::uint32_t g : slot.groups)
            if (problem_->groups[g].hard &&
                then.members(g)[place(problem_->groups[g], host)] > problem_->groups[g].most)
                return false;
        return true;
    }

private:
    std::uint32_t place(const Group& group, HostIndex host) const {
        return group.per_domain ? problem_->hosts[host].domain : host;
    }

    double deviation(std::size_t k) const {
        double sum = 0, squares = 0, hosts = 0;
        for (HostIndex h = 0; h < used_.size(); ++h) hosts += problem_->hosts[h].counts ? 1 : 0;
        if (hosts == 0) return 0;
        const auto level = [&](HostIndex h) { return used_[h][k] / problem_->hosts[h].scale[k]; };
        for (HostIndex h = 0; h < used_.size(); ++h) sum += problem_->hosts[h].counts ? level(h) : 0;
        for (HostIndex h = 0; h < used_.size(); ++h)
            squares += problem_->hosts[h].counts ? (level(h) - sum / hosts) * (level(h) - sum / hosts) : 0;
        return std::sqrt(squares / hosts);
    }

    const Problem* problem_;
    std::vector<HostIndex> host_of_;
    std::vector<Amounts> used_;
};

}  // namespace ballast::test
