// What owners reserved has to be there even if all of them ask for it at once: sums of reservations never exceed a
// host, whatever is overcommitted beside them.
#include "policy/constraints/constraint.h"
#include "policy/estimators.h"

namespace ballast::policy::constraints {

namespace {
// Sums of fractions of CPUs.
constexpr double rounding = 1e-9;
}  // namespace

void reservation(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    if (vm.host == target.id) return;
    const HostUse& use = view.at(target.id);
    const double cpus = known(vm.facts.wishes.reserved_cpus).value_or(0);
    if (cpus > 0 && use.reserved_cpus + cpus > use.usable_cpus + rounding)
        out.push_back({Reason::reservation, "reserves " + fixed(cpus, 2) + " CPUs, " + fixed(use.reserved_cpus, 2) +
                                                " of " + fixed(use.usable_cpus, 2) + " are reserved there"});
    const Bytes memory = view.context().guest_of(vm.id).reserved_memory;
    const Bytes left = reservable_memory(target, view.context().options) - use.reserved_memory;
    if (memory > Bytes{} && memory > left)
        out.push_back({Reason::reservation,
                       "reserves " + to_string(memory) + " of memory, " + to_string(left) + " can be reserved there"});
}

}  // namespace ballast::policy::constraints
