#include "policy/balance.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "policy/capacity.h"
#include "policy/constraints/constraint.h"
#include "policy/dense.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/fleet.h"
#include "policy/solver/balance.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

// Among this many hosts or fewer a gain is taken as it is. Among more the same move weighs ever less in the mean over
// all of them, though its two hosts gain as much by it: there it is judged as if there were only these.
constexpr double reference_hosts = 16;

double weight_sum(const BalanceOptions& options) {
    return std::max(options.cpu_weight + options.memory_weight, 1e-9);
}

struct Load {
    double used, capacity;
};

double deviation(const std::vector<Load>& loads, BalanceOptions::Objective objective) {
    double n = 0, capacity = 0, sum = 0, squares = 0;
    for (const Load& load : loads) n += 1, capacity += load.capacity;
    for (const Load& load : loads) {
        const double value = objective == BalanceOptions::Objective::used
                                 ? load.used / load.capacity
                                 : (load.used - load.capacity) / (capacity / n);
        sum += value, squares += value * value;
    }
    return n == 0 ? 0 : std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
}

// Weights and scales of the objective, so that the solver's score is imbalance_of() of its placement.
void set_objective(solver::Problem& problem, const BalanceOptions& options) {
    problem.resources[dense_cpu].weight = options.cpu_weight / weight_sum(options);
    problem.resources[dense_memory].weight = options.memory_weight / weight_sum(options);
    if (options.objective == BalanceOptions::Objective::used) return;
    for (const DenseResource k : {dense_cpu, dense_memory}) {
        double capacity = 0, hosts = 0;
        for (const auto& host : problem.hosts)
            if (host.counts) capacity += host.scale[k], hosts += 1;
        for (auto& host : problem.hosts) {
            host.base[k] -= host.scale[k];
            host.capacity[k] -= host.scale[k];
            host.scale[k] = std::max(capacity / std::max(hosts, 1.0), 1e-9);
        }
    }
}

// What part of a gain among reference_hosts a move brings here.
double gain_share(const solver::Problem& problem) {
    const auto counted =
        std::count_if(problem.hosts.begin(), problem.hosts.end(), [](const auto& h) { return h.counts; });
    return reference_hosts / std::max(reference_hosts, static_cast<double>(counted));
}

struct Proposal {
    solver::VmIndex vm;
    solver::HostIndex to;
    double gain;  // of the score, were it taken back
};

double cost_s(const Vm& vm, const Context& context) {
    const Prediction prediction = predict(vm, context);
    if (!prediction.converges) return solver::unlimited;
    return static_cast<double>(cost_of(prediction).count()) / 1000;
}

// What is not worth its cost within the payback time goes home, the dearest first.
void send_home(solver::Placement& placement, const Dense& dense, const Context& context) {
    const double share = gain_share(dense.problem);
    const BalanceOptions& options = context.options.balance;
    const double payback_s = std::max(1.0, static_cast<double>(options.payback.count()) / 1000);
    std::vector<std::pair<double, solver::VmIndex>> by_cost;
    for (solver::VmIndex vm = 0; vm < dense.vms.size(); ++vm)
        if (placement.host_of(vm) != dense.problem.vms[vm].home)
            by_cost.emplace_back(cost_s(*dense.vms[vm], context), vm);
    std::sort(by_cost.begin(), by_cost.end(), [](const auto& a, const auto& b) { return b < a; });
    for (const auto& [cost, vm] : by_cost) {
        const solver::HostIndex home = dense.problem.vms[vm].home;
        const double gain = placement.score_after(vm, home) - placement.score();
        if (gain < share * std::max(options.min_gain, cost / payback_s)) placement.move(vm, home);
    }
}

std::vector<Proposal> proposals_of(const solver::Placement& placement, const solver::Problem& problem) {
    std::vector<Proposal> proposals;
    for (solver::VmIndex vm = 0; vm < problem.vms.size(); ++vm) {
        const solver::HostIndex home = problem.vms[vm].home;
        if (placement.host_of(vm) == home) continue;
        proposals.push_back({vm, placement.host_of(vm), placement.score_after(vm, home) - placement.score()});
    }
    std::stable_sort(proposals.begin(), proposals.end(),
                     [](const Proposal& a, const Proposal& b) { return a.gain > b.gain; });
    return proposals;
}

// In the order of their gain, those that nothing forbids once the ones before are made, and that make it better by
// themselves: a plan that is cut short must not leave it worse.
void take(const std::vector<Proposal>& proposals, const Dense& dense, const std::string& cause, ClusterView& view,
          Balance& balance) {
    solver::Placement made(dense.problem);
    TargetFinder targets(view);
    const double least = gain_share(dense.problem) * view.context().options.balance.min_gain;
    for (const Proposal& proposal : proposals) {
        const Vm& vm = *dense.vms[proposal.vm];
        const Host& to = *dense.hosts[proposal.to];
        const bool helps = made.score() - made.score_after(proposal.vm, proposal.to) >= least;
        if (!helps || !accepts(view, vm, to, Purpose::relief)) continue;
        balance.drafts.push_back({vm.id, to.id, Trigger::balance, cause, "", {}, 0});
        targets.explain(vm, to.id, balance.drafts.back());
        view.apply(vm, to.id);
        targets.changed(vm.host);
        targets.changed(to.id);
        made.move(proposal.vm, proposal.to);
    }
}

std::string cause_of(const Context& context) {
    const Threshold& limit = context.options.balance.imbalance;
    return "the load of the hosts is uneven: " +
           percent(imbalance_of(context.memory, context.inventory, context.options)) + " (limit " +
           percent(limit.above) + " for " + to_string(limit.persistence) + ")";
}

}  // namespace

double imbalance_of(const Memory& memory, const Inventory& inventory, const Options& options) {
    std::vector<Load> cpu, ram;
    for (const auto& [id, host] : inventory.hosts) {
        const auto seen = memory.hosts.find(id);
        const double cpus = usable_cpus(host, options);
        const auto used = measured_memory_ratio(host);
        if (!is_fresh(host) || host.maintenance || seen == memory.hosts.end() || !seen->second.cpu_known || cpus <= 0)
            continue;
        const double total = static_cast<double>(host.facts.memory_total.count);
        cpu.push_back({seen->second.cpu_demand_cores, cpus});
        if (used) ram.push_back({*used * total, total});
    }
    const BalanceOptions& wanted = options.balance;
    return (wanted.cpu_weight * deviation(cpu, wanted.objective) +
            wanted.memory_weight * deviation(ram, wanted.objective)) /
           weight_sum(wanted);
}

Balance balance(ClusterView& view, const SearchEffort& effort) {
    Balance result;
    const Context& context = view.context();
    const BalanceOptions& options = context.options.balance;
    if (!options.enabled || !context.memory.imbalance.set || context.memory.audit.braked || view.in_flight() > 0)
        return result;
    // Packed hosts beside empty ones are meant to be uneven; evening them out would fill what was emptied.
    if (consolidation_is_open(context.inventory, context.options.consolidation)) return result;
    Dense dense = dense_of(view, Purpose::relief);
    set_objective(dense.problem, options);
    solver::BalanceLimits limits;
    limits.max_steps = effort.max_steps;
    limits.max_moves = options.max_moves_per_cycle;
    limits.min_gain = options.min_gain * gain_share(dense.problem);
    const solver::Balanced found = solver::balance(dense.problem, limits);
    solver::Placement placement(dense.problem);
    for (solver::VmIndex vm = 0; vm < dense.vms.size(); ++vm) placement.move(vm, found.host_of[vm]);
    send_home(placement, dense, context);
    const std::string cause = cause_of(context);
    take(proposals_of(placement, dense.problem), dense, cause, view, result);
    const std::size_t moves = result.drafts.size();
    const std::string outcome = moves == 0
                                    ? "no move is worth its cost now"
                                    : std::to_string(moves) + (moves == 1 ? " move evens" : " moves even") + " it out";
    result.findings.push_back({HostId{}, Trigger::balance, cause + "; " + outcome, moves > 0});
    return result;
}

}  // namespace ballast::policy
