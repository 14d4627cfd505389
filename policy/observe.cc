// observe(): one inventory into estimators and detectors.
#include <algorithm>
#include <vector>

#include "policy/balance.h"
#include "policy/capacity.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/experience.h"
#include "policy/outlook.h"
#include "policy/overload_limit.h"
#include "policy/policy.h"

namespace ballast::policy {

namespace {

// A VM can be missing from a cycle or two while it changes hosts; what is known of it shall survive that.
constexpr Duration remembered_for = std::chrono::minutes{10};

void forget_the_vanished(Memory& memory, const Inventory& inventory, Instant now) {
    std::erase_if(memory.hosts, [&](const auto& entry) { return !inventory.hosts.contains(entry.first); });
    std::erase_if(memory.vms, [&](const auto& entry) {
        const auto& last = entry.second.last_sample;
        return !inventory.vms.contains(entry.first) && (!last || now - *last > remembered_for);
    });
}

void observe_vm(VmMemory& memory, const Vm& vm, Instant at, const Options& options) {
    const auto demand = measured_demand(vm);
    if (!demand || (memory.last_sample && *memory.last_sample >= at)) return;
    const double weight =
        memory.last_sample ? weight_of(at - *memory.last_sample, smoothing_time(options.overload)) : 1;
    memory.cpu_demand_cores = blend(memory.cpu_demand_cores, *demand, weight);
    remember_demand(memory.history, *demand, at);
    memory.planned_cpu_cores = estimated_cores(memory, options.estimator);
    if (const auto ready = known(vm.load.ready_ratio))
        memory.ready_ratio = blend(memory.ready_ratio, std::min(*ready, 1.0), weight);
    if (const auto dirty = known(vm.load.dirty_rate_mib_per_s)) {
        memory.dirty_mib_per_s = blend(memory.dirty_mib_per_s, *dirty, memory.dirty_known ? weight : 1);
        memory.dirty_known = true;
    }
    memory.last_sample = at;
}

// Sums over the VMs of one host: as just measured, and smoothed.
struct Totals {
    double raw_used = 0, raw_demand = 0, smoothed_demand = 0;
    bool all_known = true;
    ReadyMean ready;
    SwapRate swap;
    std::vector<const Vm*> vms;
    std::vector<const VmMemory*> measured;  // those of them that ever were
};

void add_vm(Totals& totals, const Vm& vm, const VmMemory& memory) {
    const auto demand = measured_demand(vm);
    // Not measured this time: what it wanted last stands in, or its use would count as the host's own.
    totals.raw_demand += demand.value_or(memory.cpu_demand_cores);
    totals.raw_used += demand ? std::min(*known(vm.load.cpu_used_cores), *demand) : memory.cpu_demand_cores;
    totals.smoothed_demand += memory.cpu_demand_cores;
    totals.all_known = totals.all_known && memory.last_sample.has_value();
    totals.ready.add(vm);
    totals.swap.add(vm);
    totals.vms.push_back(&vm);
    if (memory.last_sample) totals.measured.push_back(&memory);
}

// The limit in force, and what a local regression expects: nothing of either with a fixed threshold.
void adapt_cpu_limit(HostMemory& memory, const Totals& totals, double usable, const OverloadOptions& options) {
    memory.cpu_limit.reset();
    memory.cpu_expected.reset();
    if (options.cpu_method == CpuMethod::threshold || usable <= 0) return;
    const CpuLimit limit = cpu_limit(host_history(totals.measured, memory.other_cpu_cores, usable), options);
    if (limit.adapted) memory.cpu_limit = limit.above;
    memory.cpu_expected = limit.expected;
}

void step_detectors(HostMemory& memory, const Host& host, const Totals& totals, double other_raw,
                    const Options& options, std::optional<double> ready) {
    const OverloadOptions& limits = options.overload;
    const Instant at = *host.sampled_at;
    const double usable = usable_cpus(host, options);
    // Rises with the sample at once, falls with the smoothed value: a dip of one sample does not start the wait anew.
    std::optional<double> cpu;
    if (memory.cpu_known && usable > 0) cpu = std::max(totals.raw_demand + other_raw, memory.cpu_demand_cores) / usable;
    adapt_cpu_limit(memory, totals, usable, limits);
    if (cpu && memory.cpu_expected) cpu = std::max(*cpu, *memory.cpu_expected);
    memory.cpu = step(memory.cpu, cpu, cpu_threshold(memory, limits), at);
    if (ready) ready = std::max(*ready, memory.ready_ratio);
    memory.ready = step(memory.ready, ready, limits.ready, at);
    memory.memory = step(memory.memory, measured_memory_ratio(host), limits.memory, at);
    memory.memory_pressure =
        step(memory.memory_pressure, known(host.load.pressure.memory_some), limits.memory_pressure, at);
    SwapRate swap = totals.swap;
    swap.add(host);
    memory.swap_in_mib_per_s = swap.value().value_or(0);
    memory.swap = step(memory.swap, swap.value(), limits.swap, at);
}

// What the host uses beyond its VMs. While one of them was never measured the rest may be its use: then it counts
// for this sample only, or it would count twice once that VM is measured.
double observe_other(HostMemory& memory, const Host& host, const Totals& totals, double weight) {
    memory.unattributed_cpu_cores = 0;
    const auto measured = known(host.load.cpu_used_cores);
    if (!measured) return memory.other_cpu_cores;
    const double used = std::min(*measured, static_cast<double>(host.facts.cpus));
    const double other = std::max(0.0, used - totals.raw_used);
    if (totals.all_known) {
        memory.other_cpu_cores = blend(memory.other_cpu_cores, other, memory.other_known ? weight : 1);
        memory.other_known = true;
    } else {
        memory.unattributed_cpu_cores = std::max(0.0, other - memory.other_cpu_cores);
    }
    return other;
}

void observe_host(HostMemory& memory, const Host& host, const Totals& totals, const Options& options) {
    const Instant at = *host.sampled_at;
    const double weight =
        memory.last_sample ? weight_of(at - *memory.last_sample, smoothing_time(options.overload)) : 1;
    const double other_raw = observe_other(memory, host, totals, weight);
    memory.cpu_known = known(host.load.cpu_used_cores).has_value() || totals.all_known;
    memory.cpu_demand_cores = totals.smoothed_demand + memory.other_cpu_cores + memory.unattributed_cpu_cores;
    const auto ready = totals.ready.value();
    if (ready) memory.ready_ratio = blend(memory.ready_ratio, *ready, weight);
    memory.last_sample = at;
    step_detectors(memory, host, totals, other_raw, options, ready);
}

// At the time of the newest sample: hosts report one after the other.
void observe_imbalance(Memory& memory, const Inventory& inventory, const Options& options) {
    std::optional<Instant> newest;
    for (const auto& [id, host] : memory.hosts) newest = std::max(newest, host.last_sample);
    if (!newest || memory.imbalance.last_value >= newest) return;
    memory.imbalance =
        step(memory.imbalance, imbalance_of(memory, inventory, options), options.balance.imbalance, *newest);
}

bool has_new_sample(const Host& host, const HostMemory& memory) {
    return is_fresh(host) && (!memory.last_sample || *host.sampled_at > *memory.last_sample);
}

}  // namespace

Memory observe(Memory memory, const Inventory& inventory, const Options& options, Instant now) {
    forget_the_vanished(memory, inventory, now);
    learn(memory, inventory, options);
    std::map<HostId, Totals> totals;
    for (const auto& [id, vm] : inventory.vms) {
        const auto host = inventory.hosts.find(vm.host);
        if (host == inventory.hosts.end() || !occupies_host(vm) || !is_fresh(host->second)) continue;
        VmMemory& remembered = memory.vms[id];
        observe_vm(remembered, vm, *host->second.sampled_at, options);
        add_vm(totals[vm.host], vm, remembered);
    }
    for (const auto& [id, host] : inventory.hosts) {
        HostMemory& remembered = memory.hosts[id];
        if (has_new_sample(host, remembered)) observe_host(remembered, host, totals[id], options);
    }
    learn_season(memory, inventory, options.forecast.zone);
    for (auto& [id, remembered] : memory.hosts) {
        const auto on_host = totals.find(id);
        const bool seen = on_host != totals.end() && !on_host->second.vms.empty();
        remembered.outlook =
            seen ? outlook_of(on_host->second.vms, inventory.hosts.at(id), memory, inventory, options) : std::nullopt;
    }
    audit_moves(memory, inventory, options, now);
    observe_imbalance(memory, inventory, options);
    return memory;
}

}  // namespace ballast::policy
