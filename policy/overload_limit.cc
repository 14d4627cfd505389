#include "policy/overload_limit.h"

#include <algorithm>
#include <cmath>

#include "policy/demand_history.h"
#include "policy/estimators.h"
#include "policy/series/overload.h"

namespace ballast::policy {

namespace {

// The VM's mean `back` slots before the slot that begins at `newest`.
std::optional<double> demand_at(const DemandHistory& history, Instant newest, std::size_t back) {
    if (!history.slot) return std::nullopt;
    const auto behind = static_cast<std::size_t>((newest - *history.slot) / demand_slot);
    if (back <= behind || back - behind > history.means.size()) return std::nullopt;
    return history.means[history.means.size() - (back - behind)];
}

std::optional<double> adapted_limit(const std::vector<double>& history, CpuMethod method, double safety) {
    switch (method) {
        case CpuMethod::threshold: return std::nullopt;
        case CpuMethod::iqr: return series::limit_by_iqr(history, safety);
        case CpuMethod::mad: return series::limit_by_mad(history, safety);
        case CpuMethod::lr: return 1 / safety;
    }
    return std::nullopt;
}

}  // namespace

double published_safety(CpuMethod method) {
    switch (method) {
        case CpuMethod::threshold: return 1;
        case CpuMethod::iqr: return 1.5;
        case CpuMethod::mad: return 2.5;
        case CpuMethod::lr: return 1.2;
    }
    return 1;
}

std::vector<double> host_history(const std::vector<const VmMemory*>& vms, double other_cores, double usable_cores) {
    std::optional<Instant> newest;
    for (const VmMemory* vm : vms) newest = std::max(newest, vm->history.slot);
    std::vector<double> ratios;
    if (!newest) return ratios;
    for (std::size_t back = demand_slots; back > 0; --back) {
        double sum = other_cores;
        bool known = false;
        for (const VmMemory* vm : vms) {
            const auto demand = demand_at(vm->history, *newest, back);
            sum += demand.value_or(vm->cpu_demand_cores);
            known = known || demand.has_value();
        }
        if (known) ratios.push_back(sum / usable_cores);
    }
    return ratios;
}

CpuLimit cpu_limit(const std::vector<double>& history, const OverloadOptions& options) {
    CpuLimit limit{options.cpu.above, std::nullopt, false};
    const double safety = options.cpu_safety.value_or(published_safety(options.cpu_method));
    if (options.cpu_method == CpuMethod::lr) {
        limit.expected = known(series::next_by_regression(history, series::Regression::tricube));
        if (!limit.expected) return limit;
    }
    const auto adapted = adapted_limit(history, options.cpu_method, safety);
    if (!adapted || !std::isfinite(*adapted)) return limit;
    limit.above = std::clamp(*adapted, std::min(options.cpu_floor, options.cpu.above), options.cpu.above);
    limit.adapted = true;
    return limit;
}

Threshold cpu_threshold(const HostMemory& memory, const OverloadOptions& options) {
    if (!memory.cpu_limit) return options.cpu;
    const double above = std::min(*memory.cpu_limit, options.cpu.above);
    return {above, std::max(0.0, above - (options.cpu.above - options.cpu.below)), options.cpu.persistence};
}

}  // namespace ballast::policy
