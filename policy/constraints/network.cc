#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

void network(const Context&, const Vm& vm, const Host& target, Objections& out) {
    for (const std::string& name : vm.facts.requirements.networks)
        if (!target.facts.networks.contains(name))
            out.push_back({Reason::network, "network " + name + " is not active there"});
    for (const std::string& name : vm.facts.requirements.bridges)
        if (!target.facts.bridges.contains(name))
            out.push_back({Reason::network, "bridge " + name + " is missing there"});
}

}  // namespace ballast::policy::constraints
