#include "policy/balance.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "policy/balance_search.h"
#include "policy/capacity.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/experience.h"
#include "policy/fleet.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

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

// The moves with what is to be told of them, made in the view.
void draft(const std::vector<BalanceMove>& moves, const Dense& dense, const std::string& cause, ClusterView& view,
           Balance& balance) {
    TargetFinder targets(view);
    for (const BalanceMove& move : moves) {
        const Vm& vm = *dense.vms[move.vm];
        const HostId& to = dense.hosts[move.to]->id;
        balance.drafts.push_back({vm.id, to, Trigger::balance, cause, "", {}, 0});
        targets.explain(vm, to, balance.drafts.back());
        view.apply(vm, to);
        targets.changed(vm.host);
        targets.changed(to);
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
    const HealthVerdicts health = judge_health(inventory, options.health);
    for (const auto& [id, host] : inventory.hosts) {
        const auto seen = memory.hosts.find(id);
        const double cpus = usable_cpus(host, options);
        const auto used = measured_memory_ratio(host);
        if (!is_fresh(host) || health.leaves(host) || seen == memory.hosts.end() || !seen->second.cpu_known ||
            cpus <= 0)
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
    if (!options.enabled || !context.memory.imbalance.set || !may_improve(context.memory.audit) || view.in_flight() > 0)
        return result;
    // Packed hosts beside empty ones are meant to be uneven; evening them out would fill what was emptied.
    if (consolidation_is_open(context.inventory, context.options)) return result;
    Dense dense = dense_of(view, Purpose::relief);
    set_objective(dense.problem, options);
    const std::string cause = cause_of(context);
    draft(find_balance(view, dense, effort.max_steps), dense, cause, view, result);
    const std::size_t moves = result.drafts.size();
    const std::string outcome = moves == 0
                                    ? "no move is worth its cost now"
                                    : std::to_string(moves) + (moves == 1 ? " move evens" : " moves even") + " it out";
    result.findings.push_back({HostId{}, Trigger::balance, cause + "; " + outcome, moves > 0});
    return result;
}

}  // namespace ballast::policy
