#include "policy/need.h"

#include <algorithm>
#include <limits>

#include "policy/capacity.h"
#include "policy/estimators.h"
#include "policy/outlook.h"
#include "policy/overload_limit.h"

namespace ballast::policy {

namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

// Pressure says that memory is short, not by how much: give away a twentieth of the host at a time, then measure again.
constexpr double pressure_step = 0.05;

// Below this a need is rounding, not load: a thousandth of a CPU, one MiB.
constexpr double least_cpu = 1e-3;
constexpr double least_memory = 1024.0 * 1024.0;

// After two time constants 86 % of a smoothed value are from after the move.
bool is_settling(const Context& context, const HostId& host) {
    const auto& last_sample = remembered(context, host).last_sample;
    const Duration settling = 2 * smoothing_time(context.options.overload);
    const auto& moves = context.inventory.past_moves;
    return std::any_of(moves.begin(), moves.end(), [&](const PastMove& move) {
        return move.succeeded && move.from == host && (!last_sample || *last_sample < move.ended + settling);
    });
}

// CPUs that the host's vCPUs wait for beyond what the lower limit tolerates.
double waiting_cores(const ClusterView& view, const HostId& host) {
    const Context& context = view.context();
    double waiting = 0;
    for (const VmId& id : view.at(host).occupants) {
        const VmMemory* memory = context.guest_of(id).memory;
        const Vm& vm = context.inventory.vms.at(id);
        if (memory == nullptr || vm.host != host) continue;  // coming or leaving: it waits elsewhere
        waiting += known(memory->ready_ratio).value_or(0) * vm.facts.vcpus;
    }
    const double ready = remembered(context, host).ready_ratio;
    const double tolerated = context.options.overload.ready.below;
    return ready > tolerated ? waiting * (1 - tolerated / ready) : 0;
}

std::string limit_text(const Threshold& limit, const std::string& origin = {}) {
    return " (limit " + percent(limit.above) + origin + " for " + to_string(limit.persistence) + ")";
}

// What has to be left of the present demand so that of the demand a regression expects only the goal is left.
double share_of_expected(const HostMemory& detectors, const HostUse& use) {
    const double now = ratio_of(use.cpu_now, use.usable_cpus);
    return detectors.cpu_expected && *detectors.cpu_expected > now ? now / *detectors.cpu_expected : 1;
}

// How the CPU's limit came about, when it is not just the configured one.
std::string origin_of(const HostMemory& detectors, const OverloadOptions& limits) {
    if (!detectors.cpu_limit) return {};
    switch (limits.cpu_method) {
        case CpuMethod::threshold: return {};
        case CpuMethod::iqr: return " by the interquartile range of its last 2 h,";
        case CpuMethod::mad: return " by the median absolute deviation of its last 2 h,";
        case CpuMethod::lr:
            return " by local regression, which expects " + percent(*detectors.cpu_expected) + " in 5 min,";
    }
    return {};
}

std::string swap_text(const HostMemory& detectors, const Threshold& limit) {
    return "reads " + fixed(detectors.swap_in_mib_per_s, 1) + " MiB/s back from swap (limit " + fixed(limit.above, 1) +
           " MiB/s for " + to_string(limit.persistence) + ")";
}

void append(std::string& text, const std::string& clause) {
    text += (text.empty() ? "" : " and ") + clause;
}

}  // namespace

Goal goal_of(const ClusterView& view, const HostId& host) {
    const Context& context = view.context();
    const OverloadOptions& limits = context.options.overload;
    const HostMemory& detectors = remembered(context, host);
    const HostUse& use = view.at(host);
    const double content = cpu_threshold(detectors, limits).below * use.usable_cpus;
    const bool settling = is_settling(context, host);
    Goal goal{unlimited, unlimited};
    if (detectors.cpu.set) goal.cpu_cores = content * share_of_expected(detectors, use);
    if (detectors.ready.set && !settling)
        goal.cpu_cores = std::min(goal.cpu_cores, use.cpu_now - waiting_cores(view, host));
    // The share of its VMs' demand that has to go by then goes now.
    if (overload_expected(detectors))
        goal.cpu_cores = std::min(goal.cpu_cores, use.cpu_now * ratio_of(content, detectors.outlook->cores));
    const double total = static_cast<double>(use.host->facts.memory_total.count);
    if (detectors.memory.set) goal.memory_bytes = limits.memory.below * total;
    if ((detectors.memory_pressure.set || detectors.swap.set) && !settling)
        goal.memory_bytes = std::min(goal.memory_bytes, use.memory_now - pressure_step * total);
    return goal;
}

Need need_of(const ClusterView& view, const HostId& host, const Goal& goal) {
    const HostUse& use = view.at(host);
    Need need;
    if (use.cpu - goal.cpu_cores > least_cpu) need.cpu_cores = use.cpu - goal.cpu_cores;
    if (use.memory_used - goal.memory_bytes > least_memory) need.memory_bytes = use.memory_used - goal.memory_bytes;
    return need;
}

std::string overload_text(const ClusterView& view, const HostId& host) {
    const OverloadOptions& limits = view.context().options.overload;
    const HostMemory& detectors = remembered(view.context(), host);
    const HostUse& use = view.at(host);
    const double cpu = ratio_of(use.cpu_now, use.usable_cpus);
    const double memory = ratio_of(use.memory_now, static_cast<double>(use.host->facts.memory_total.count));
    const double pressure = known(use.host->load.pressure.memory_some).value_or(0);
    const Threshold in_force = cpu_threshold(detectors, limits);
    const struct {
        const DetectorState& detector;
        double value;
        const char* verb;
        const char* object;
        std::string limit;
    } clauses[] = {
        {detectors.cpu, cpu, "wants ", " of its usable CPU", limit_text(in_force, origin_of(detectors, limits))},
        {detectors.ready, detectors.ready_ratio, "lets its vCPUs wait for a CPU ", " of the time",
         limit_text(limits.ready)},
        {detectors.memory, memory, "uses ", " of its memory", limit_text(limits.memory)},
        {detectors.memory_pressure, pressure, "stalls on memory ", " of the time", limit_text(limits.memory_pressure)},
    };
    std::string text;
    for (const auto& [detector, value, verb, object, limit] : clauses)
        if (detector.set) append(text, verb + percent(value) + object + limit);
    if (detectors.swap.set) append(text, swap_text(detectors, limits.swap));
    if (overload_expected(detectors))
        append(text,
               outlook_text(*detectors.outlook, use.usable_cpus, in_force.above, view.context().options.holidays));
    return host.value + " " + text;
}

}  // namespace ballast::policy
