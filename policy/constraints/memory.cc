#include "policy/constraints/constraint.h"
#include "policy/estimators.h"

namespace ballast::policy::constraints {

namespace {
// Relief must not make the next host that needs relief.
void stays_cool(const ClusterView& view, const Vm& vm, const Host& target, Objections& out) {
    const HostMemory& detectors = remembered(view.context(), target.id);
    const double after = view.memory_ratio_with(target.id, vm);
    const double limit = view.context().options.overload.memory.below;
    if (detectors.memory.set || detectors.memory_pressure.set)
        out.push_back({Reason::memory, "is short of memory itself"});
    else if (after > limit)
        out.push_back(
            {Reason::memory, "would use " + percent(after) + " of its memory (limit " + percent(limit) + ")"});
}
}  // namespace

void memory(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose, Objections& out) {
    if (!view.memory_left_with(target.id, vm))
        out.push_back({Reason::memory, "needs " + to_string(ordinary_memory(vm)) + ", " +
                                           to_string(view.memory_free(target.id)) + " left above the reserve"});
    else if (is_unasked(purpose))
        stays_cool(view, vm, target, out);
}

}  // namespace ballast::policy::constraints
