// What the VM itself says: its definition, its state and what was found in it.
#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

void facts(const Context&, const Vm& vm, Purpose, Objections& out) {
    if (!vm.facts_known) out.push_back({Reason::facts_unknown, "its definition was not read yet"});
}

void state(const Context&, const Vm& vm, Purpose, Objections& out) {
    if (vm.state != VmState::running) out.push_back({Reason::not_running, "it is " + to_string(vm.state)});
}

void blockers(const Context&, const Vm& vm, Purpose, Objections& out) {
    out.insert(out.end(), vm.facts.blockers.begin(), vm.facts.blockers.end());
}

void already_moving(const Context& context, const Vm& vm, Purpose, Objections& out) {
    if (const auto move = context.on_its_way.find(vm.id); move != context.on_its_way.end())
        out.push_back({Reason::already_moving, "on its way to " + move->second.value});
}

}  // namespace ballast::policy::constraints
