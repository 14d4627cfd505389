#include <algorithm>

#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {
bool allows(const std::vector<HostId>& hosts, const HostId& target) {
    return std::find(hosts.begin(), hosts.end(), target) != hosts.end();
}

std::string names(const std::vector<HostId>& hosts) {
    std::string text;
    for (const HostId& host : hosts) text += (text.empty() ? "" : ", ") + host.value;
    return text;
}
}  // namespace

void pins(const ClusterView& view, const Vm& vm, const Host& target, Purpose, Objections& out) {
    const auto& wish = vm.facts.wishes.only_on;
    if (!wish.empty() && !allows(wish, target.id))
        out.push_back({Reason::pinned, "its own metadata allows " + names(wish) + " only"});
    for (const Rule* rule : view.context().rules.at(vm.id).pins)
        if (!allows(rule->hosts, target.id))
            out.push_back({Reason::pinned, "rule " + rule->name + " allows " + names(rule->hosts) + " only"});
}

}  // namespace ballast::policy::constraints
