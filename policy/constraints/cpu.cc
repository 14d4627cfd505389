#include <algorithm>

#include "policy/constraints/constraint.h"
#include "policy/overload_limit.h"

namespace ballast::policy::constraints {

namespace {

std::string would_be(double after, double limit) {
    return "would want " + percent(after) + " of its usable CPU (limit " + percent(limit) + ")";
}

// How much more of its usable CPU the host's own VMs will want soon, as far as they did so on most past days.
double expected_rise(const ClusterView& view, const HostId& host) {
    const auto& outlook = remembered(view.context(), host).outlook;
    const HostUse& use = view.at(host);
    return outlook ? std::max(0.0, ratio_of(outlook->most_cores - use.cpu_now, use.usable_cpus)) : 0;
}

// The target's load after the move has to stay below the limit at which relief would be content: else the problem has
// only changed its place.
void for_relief(const ClusterView& view, const Vm& vm, const Host& target, Objections& out) {
    const HostMemory& detectors = remembered(view.context(), target.id);
    const Threshold in_force = cpu_threshold(detectors, view.context().options.overload);
    const double limit = in_force.below;
    const double after = view.cpu_ratio_with(target.id, vm);
    const double source = view.cpu_ratio(vm.host);
    const double soon = after + expected_rise(view, target.id);
    if (detectors.cpu.set || detectors.ready.set)
        out.push_back({Reason::cpu, "is overloaded itself"});
    else if (after > limit && after >= source)
        out.push_back({Reason::no_benefit,
                       "would only shift the problem: " + percent(after) + " there, " + percent(source) + " here"});
    else if (after > limit)
        out.push_back({Reason::cpu, would_be(after, limit)});
    else if (soon > in_force.above)
        out.push_back(
            {Reason::cpu, would_be(soon, in_force.above) + ", as on most past days, within the forecast's horizon"});
}

}  // namespace

// Not asked for evacuations: an operator who empties a host wants it empty, so there CPU is a preference only.
void cpu(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    if (vm.host == target.id) return;
    if (is_unasked(purpose)) return for_relief(view, vm, target, out);
    if (empties_host(purpose)) return;
    const double limit = view.context().options.overload.cpu.above;
    const double after = view.cpu_ratio_with(target.id, vm);
    if (after > limit) out.push_back({Reason::cpu, would_be(after, limit)});
}

}  // namespace ballast::policy::constraints
