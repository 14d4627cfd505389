#include <algorithm>
#include <iterator>
#include <optional>

#include "policy/constraints/constraint.h"

namespace ballast::policy {

namespace {

// In the order in which people want to read them: what can never be changed by waiting comes first.
constexpr VmCheck vm_checks[] = {
    constraints::facts,          constraints::state,         constraints::opt_out,
    constraints::blockers,       constraints::local_storage, constraints::source_state,
    constraints::already_moving, constraints::cooldown,      constraints::windows,
};

// Whether the target is there at all; comes before the facts of a host that may not have told them.
constexpr DynamicCheck state_checks[] = {constraints::same_host, constraints::host_state};

constexpr struct {
    StaticPart part;
    StaticCheck check;
} static_checks[] = {
    {StaticPart::pins, constraints::pins},
    {StaticPart::site, constraints::site},
    {StaticPart::machine, constraints::machine_type},
    {StaticPart::machine, constraints::cpu_model},
    {StaticPart::numa, constraints::numa},
    {StaticPart::pages, constraints::page_sizes},
    {StaticPart::network, constraints::network},
    {StaticPart::storage, constraints::storage},
    {StaticPart::storage, constraints::storage_between_sites},
};

constexpr DynamicCheck load_checks[] = {
    constraints::site_asked_for, constraints::unshared,      constraints::disk_space, constraints::limit_sites,
    constraints::spread,         constraints::keep_together, constraints::memory,     constraints::huge_pages,
    constraints::overcommit,     constraints::reservation,   constraints::cpu,        constraints::admission,
    constraints::no_return,      constraints::after_failure, constraints::limits,
};

constexpr PreferenceCheck preference_checks[] = {
    constraints::soft_pins,
    constraints::soft_together,
    constraints::soft_spread,
};

std::vector<Rejection> as_rejections(const VmId& vm, const std::optional<HostId>& target, Objections objections) {
    std::vector<Rejection> rejections;
    for (Blocker& objection : objections)
        rejections.push_back({vm, target, objection.reason, std::move(objection.detail)});
    return rejections;
}

template <class Checks, class Ask>
bool none_objects(const Checks& checks, Ask ask) {
    Objections objections;
    return std::all_of(std::begin(checks), std::end(checks), [&](const auto& check) {
        ask(check, objections);
        return objections.empty();
    });
}

}  // namespace

const std::vector<Rejection>& vm_refusals(const Context& context, const Vm& vm, Purpose purpose) {
    auto& verdicts = context.verdicts.at(static_cast<std::size_t>(purpose));
    if (verdicts.empty()) verdicts.resize(context.guests.size());
    auto& verdict = verdicts.at(context.position_of(vm.id));
    if (verdict) return *verdict;
    Objections objections;
    for (const VmCheck check : vm_checks) check(context, vm, purpose, objections);
    return verdict.emplace(as_rejections(vm.id, std::nullopt, std::move(objections)));
}

std::vector<Rejection> target_refusals(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose) {
    Objections objections;
    for (const DynamicCheck check : state_checks) check(view, vm, target, purpose, objections);
    for (const auto& [part, check] : static_checks) check(view.context(), vm, target, objections);
    for (const DynamicCheck check : load_checks) check(view, vm, target, purpose, objections);
    return as_rejections(vm.id, target.id, std::move(objections));
}

bool accepts(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose) {
    return dynamically_accepts(view, vm, target, purpose) && statically_accepts(view.context(), vm, target);
}

bool statically_accepts(const Context& context, const Vm& vm, const Host& target) {
    return none_objects(static_checks, [&](const auto& entry, Objections& objections) {
        entry.check(context, vm, target, objections);
    });
}

bool statically_accepts(const Context& context, const Vm& vm, const Host& target, StaticPart part) {
    return none_objects(static_checks, [&](const auto& entry, Objections& objections) {
        if (entry.part == part) entry.check(context, vm, target, objections);
    });
}

bool dynamically_accepts(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose) {
    const auto ask = [&](DynamicCheck check, Objections& objections) { check(view, vm, target, purpose, objections); };
    return none_objects(state_checks, ask) && none_objects(load_checks, ask);
}

std::vector<std::string> broken_preferences(const ClusterView& view, const Vm& vm, const Host& target) {
    std::vector<std::string> broken;
    for (const PreferenceCheck check : preference_checks) check(view, vm, target, broken);
    return broken;
}

}  // namespace ballast::policy
