// Which hosts a VM may or should run on, by name: pins and `avoid` with `hard`, the owner's `only-on`, and as mere
// preferences `prefer` and `avoid`.
#include <algorithm>

#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

std::string names(const std::vector<HostId>& hosts) {
    std::string text;
    for (const HostId& host : hosts) text += (text.empty() ? "" : ", ") + host.value;
    return text;
}

std::string refusal_of(const Rule& rule) {
    if (rule.kind == Rule::Kind::avoid) return "rule " + rule.name + " keeps it off " + names(rule.hosts);
    return "rule " + rule.name + " allows " + names(rule.hosts) + " only";
}

}  // namespace

void pins(const Context& context, const Vm& vm, const Host& target, Objections& out) {
    const auto& wish = vm.facts.wishes.only_on;
    if (!wish.empty() && std::find(wish.begin(), wish.end(), target.id) == wish.end())
        out.push_back({Reason::pinned, "its own metadata allows " + names(wish) + " only"});
    for (const std::uint32_t index : context.rules_of(vm.id).only_on)
        if (const Rule& rule = context.book.rules[index]; !agrees(rule, target.id))
            out.push_back({Reason::pinned, refusal_of(rule)});
}

void soft_pins(const ClusterView& view, const Vm& vm, const Host& target, std::vector<std::string>& broken) {
    const Context& context = view.context();
    for (const std::uint32_t index : context.rules_of(vm.id).wishes)
        if (const Rule& rule = context.book.rules[index]; !agrees(rule, target.id))
            broken.push_back(
                "rule " + rule.name +
                (rule.kind == Rule::Kind::avoid ? " avoids " + target.id.value : " prefers " + names(rule.hosts)));
}

}  // namespace ballast::policy::constraints
