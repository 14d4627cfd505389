#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

// Holds during the moves as well: whoever is still leaving the target, or already on its way there, counts.
void keep_apart(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const Context& context = view.context();
    const auto& groups = context.rules.at(vm.id).apart;
    if (groups.empty()) return;
    for (const VmId& other : view.at(target.id).occupants) {
        if (other == vm.id) continue;
        for (const std::string& group : context.rules.at(other).apart)
            if (groups.contains(group))
                out.push_back(
                    {Reason::keep_apart, "from " + context.inventory.vms.at(other).facts.name + " by " + group});
    }
}

}  // namespace ballast::policy::constraints
