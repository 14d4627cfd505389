#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {
std::string described(const Rule& rule) {
    return "rule " + rule.name + (rule.origin.empty() ? "" : " (" + rule.origin + ")");
}
}  // namespace

void opt_out(const ClusterView& view, const Vm& vm, Purpose, Objections& out) {
    if (vm.facts.wishes.no_migrate) out.push_back({Reason::opted_out, "its own metadata says so"});
    for (const Rule* rule : view.context().rules.at(vm.id).never) out.push_back({Reason::opted_out, described(*rule)});
}

}  // namespace ballast::policy::constraints
