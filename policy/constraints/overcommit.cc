// How many vCPUs a host may carry, busy or not. Memory has its limit in memory.cc, on the same figures as its reserve.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

void overcommit(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const auto limit = vcpu_limit(target, view.context().options);
    const double after = view.at(target.id).vcpus + vm.facts.vcpus;
    if (vm.host == target.id || !limit || after <= *limit) return;
    out.push_back({Reason::overcommit, "would have " + fixed(after, 0) + " vCPUs on " + fixed(target.facts.cpus, 0) +
                                           " CPUs (limit " + fixed(*limit, 0) + ")"});
}

}  // namespace ballast::policy::constraints
