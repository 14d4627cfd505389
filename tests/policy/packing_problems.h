// Small packing problems to write down, random ones, and an oracle for orders of moves that shares nothing with
// policy/.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <sstream>
#include <string>

#include "policy/solver/order.h"
#include "tests/policy/random_cluster.h"

namespace ballast::test {

using namespace policy::solver;

/// Hosts with memory alone, VMs named by number.
struct Tiny {
    explicit Tiny(const std::vector<double>& capacities) {
        problem.resources = {{"memory", 1}};
        for (const double capacity : capacities) {
            HostSlot host;
            host.capacity = {capacity};
            host.scale = {capacity};
            problem.hosts.push_back(host);
        }
    }
    VmSlot& vm(HostIndex home, double memory) {
        VmSlot slot;
        slot.home = home;
        slot.demand = {memory};
        problem.vms.push_back(slot);
        return problem.vms.back();
    }
    Problem problem;
};

inline std::vector<HostIndex> homes(const Problem& problem) {
    std::vector<HostIndex> result;
    for (const VmSlot& vm : problem.vms) result.push_back(vm.home);
    return result;
}

/// Two resources, classes, groups by host and by domain, VMs that stay, hosts that do not receive. At home every limit
/// holds.
inline Problem random_problem(Dice& dice, unsigned hosts, unsigned most_vms, unsigned percent_full) {
    Problem problem;
    problem.resources = {{"memory", 1}, {"cpu", 1}};
    problem.host_classes = 2;
    problem.allowed = {1, 1, 0, 1};
    for (unsigned g = 0; g < 3; ++g)
        problem.groups.push_back(
            {.per_domain = dice.one_in(2), .most = dice.between(1, 2), .hard = true, .penalty = 0});
    for (unsigned h = 0; h < hosts; ++h) {
        HostSlot host;
        host.capacity = {static_cast<double>(dice.between(8, 16)), static_cast<double>(dice.between(10, 24))};
        host.base = {static_cast<double>(dice.between(0, 1)), 0};
        host.scale = host.capacity;
        host.host_class = dice.below(2);
        host.domain = dice.below(3);
        host.receives = !dice.one_in(8);
        problem.hosts.push_back(host);
    }
    std::vector<Amounts> used(hosts);
    std::map<std::pair<std::uint32_t, std::uint32_t>, unsigned> members;
    for (unsigned h = 0; h < hosts; ++h) used[h] = problem.hosts[h].base;
    for (unsigned i = 0; i < most_vms; ++i) {
        VmSlot vm;
        vm.home = dice.below(hosts);
        const HostSlot& home = problem.hosts[vm.home];
        vm.demand = {static_cast<double>(dice.between(1, 6)), static_cast<double>(dice.between(0, 5))};
        vm.vm_class = home.host_class == 1 && dice.one_in(4) ? 1 : 0;
        vm.movable = !dice.one_in(10);
        vm.move_cost = dice.between(1, 9);
        vm.weight = dice.one_in(3) ? dice.between(1, 4) : 1;
        if (used[vm.home][0] + vm.demand[0] > home.capacity[0] * percent_full / 100) continue;
        if (used[vm.home][1] + vm.demand[1] > home.capacity[1]) continue;
        if (dice.one_in(3)) {
            const std::uint32_t group = dice.below(3);
            const bool per_domain = problem.groups[group].per_domain;
            unsigned& number = members[{group, per_domain ? home.domain : vm.home}];
            if (number < problem.groups[group].most) {
                ++number;
                vm.groups = {group};
            }
        }
        for (std::size_t k = 0; k < 2; ++k) used[vm.home][k] += vm.demand[k];
        problem.vms.push_back(vm);
    }
    return problem;
}

/// Every hard limit that these places break, as text. `extra`: second places of VMs on their way.
inline std::string broken_limits(const Problem& problem, const std::vector<HostIndex>& at,
                                 const std::map<VmIndex, HostIndex>& extra = {}) {
    std::ostringstream broken;
    std::vector<Amounts> used;
    for (const HostSlot& host : problem.hosts) used.push_back(host.base);
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::set<VmIndex>> members;
    const auto place = [&](VmIndex vm, HostIndex host) {
        if (host == no_host) return;
        for (std::size_t k = 0; k < max_resources; ++k) used[host][k] += problem.vms[vm].demand[k];
        for (const std::uint32_t group : problem.vms[vm].groups)
            members[{group, problem.groups[group].per_domain ? problem.hosts[host].domain : host}].insert(vm);
    };
    for (VmIndex vm = 0; vm < at.size(); ++vm) place(vm, at[vm]);
    for (const auto& [vm, host] : extra) place(vm, host);
    for (std::size_t h = 0; h < used.size(); ++h)
        for (std::size_t k = 0; k < problem.resources.size(); ++k)
            if (used[h][k] > problem.hosts[h].capacity[k] + 1e-6) broken << "host " << h << " resource " << k << "; ";
    for (const auto& [where, vms] : members)
        if (vms.size() > problem.groups[where.first].most) broken << "group " << where.first << "; ";
    return broken.str();
}

/// What must hold wherever a VM arrives.
inline std::string broken_rules(const Problem& problem, VmIndex vm, HostIndex to) {
    if (!problem.vms[vm].movable) return "moved though it stays; ";
    if (!problem.hosts[to].receives) return "to a host that does not receive; ";
    return problem.may_run(problem.vms[vm], problem.hosts[to]) ? "" : "to a host that cannot run it; ";
}

/// Goes through an order twice, by its times and by its waves, and tells every limit and rule that is broken.
class OrderOracle {
public:
    OrderOracle(const Problem& problem, const std::vector<HostIndex>& target, const OrderOptions& options)
        : problem_(problem), target_(target), options_(options) {}

    std::string judge(const Order& order) {
        by_waves(order);
        by_time(order);
        ends(order);
        return complaints_.str();
    }

private:
    struct Flying {
        const Step* step;
        double until;
    };

    void by_waves(const Order& order) {
        std::vector<HostIndex> at = homes(problem_);
        for (std::size_t i = 0; i < order.steps.size();) {
            std::vector<const Step*> flying;
            for (const unsigned wave = order.steps[i].wave; i < order.steps.size() && order.steps[i].wave == wave; ++i)
                flying.push_back(&order.steps[i]);
            check(at, flying, "wave");
            for (const Step* step : flying) at[step->vm] = step->to;
            if (i < order.steps.size() && order.steps[i].wave < flying[0]->wave) complaints_ << "waves out of order; ";
        }
        last_ = at;
    }

    void by_time(const Order& order) {
        std::vector<HostIndex> at = homes(problem_);
        std::vector<Flying> flying;
        double now = 0;
        for (const Step& step : order.steps) {
            if (step.start_s < now - 1e-9) complaints_ << "starts out of order; ";
            now = step.start_s;
            for (const Flying& other : flying)
                if (other.until <= now + 1e-9) at[other.step->vm] = other.step->to;
            std::erase_if(flying, [&](const Flying& other) { return other.until <= now + 1e-9; });
            if (step.from != at[step.vm]) complaints_ << "wrong source of " << step.vm << "; ";
            complaints_ << broken_rules(problem_, step.vm, step.to);
            flying.push_back({&step, now + step.duration_s});
            std::vector<const Step*> steps;
            for (const Flying& other : flying) steps.push_back(other.step);
            check(at, steps, "time");
        }
    }

    void check(const std::vector<HostIndex>& at, const std::vector<const Step*>& flying, const std::string& what) {
        std::map<VmIndex, HostIndex> extra;
        std::map<HostIndex, unsigned> out, in;
        for (const Step* step : flying) {
            if (at[step->vm] != step->from) complaints_ << what << ": " << step->vm << " is not there; ";
            if (!extra.emplace(step->vm, step->to).second) complaints_ << what << ": moves twice at a time; ";
            if (step->from != no_host && ++out[step->from] > options_.outgoing_per_host)
                complaints_ << what << ": outgoing; ";
            if (++in[step->to] > options_.incoming_per_host) complaints_ << what << ": incoming; ";
        }
        if (flying.size() > options_.cluster) complaints_ << what << ": cluster; ";
        if (const std::string broken = broken_limits(problem_, at, extra); !broken.empty())
            complaints_ << what << ": " << broken;
    }

    void ends(const Order& order) {
        std::map<VmIndex, Stranded> stranded;
        for (const Stranded& vm : order.stranded) stranded[vm.vm] = vm;
        for (VmIndex vm = 0; vm < last_.size(); ++vm) {
            const HostIndex wanted = target_[vm] == no_host ? problem_.vms[vm].home : target_[vm];
            if ((last_[vm] != wanted) != stranded.contains(vm)) complaints_ << "VM " << vm << " is not accounted for; ";
            if (stranded.contains(vm) && stranded[vm].at != last_[vm]) complaints_ << "VM " << vm << " is elsewhere; ";
        }
    }

    const Problem& problem_;
    const std::vector<HostIndex>& target_;
    const OrderOptions& options_;
    std::vector<HostIndex> last_;
    std::ostringstream complaints_;
};

}  // namespace ballast::test
