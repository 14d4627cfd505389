#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

std::string would_be(double after, double limit) {
    return "would want " + percent(after) + " of its usable CPU (limit " + percent(limit) + ")";
}

// The target's load after the move has to stay below the limit at which relief would be content: else the problem has
// only changed its place.
void for_relief(const ClusterView& view, const Vm& vm, const Host& target, Objections& out) {
    const HostMemory& detectors = remembered(view.context(), target.id);
    const double limit = view.context().options.overload.cpu.below;
    const double after = view.cpu_ratio_with(target.id, vm);
    const double source = view.cpu_ratio(vm.host);
    if (detectors.cpu.set || detectors.ready.set)
        out.push_back({Reason::cpu, "is overloaded itself"});
    else if (after > limit && after >= source)
        out.push_back({Reason::no_benefit,
                       "would only shift the problem: " + percent(after) + " there, " + percent(source) + " here"});
    else if (after > limit)
        out.push_back({Reason::cpu, would_be(after, limit)});
}

}  // namespace

// Not asked for evacuations: an operator who empties a host wants it empty, so there CPU is a preference only.
void cpu(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    if (vm.host == target.id) return;
    if (purpose == Purpose::relief) return for_relief(view, vm, target, out);
    if (purpose == Purpose::evacuation) return;
    const double limit = view.context().options.overload.cpu.above;
    const double after = view.cpu_ratio_with(target.id, vm);
    if (after > limit) out.push_back({Reason::cpu, would_be(after, limit)});
}

}  // namespace ballast::policy::constraints
