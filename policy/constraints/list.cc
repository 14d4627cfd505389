#include <optional>

#include "policy/constraints/constraint.h"

namespace ballast::policy {

namespace {

// In the order in which people want to read them: what can never be changed by waiting comes first.
constexpr VmCheck vm_checks[] = {
    constraints::facts,         constraints::state,        constraints::opt_out,        constraints::blockers,
    constraints::local_storage, constraints::source_state, constraints::already_moving, constraints::cooldown,
};

constexpr TargetCheck target_checks[] = {
    constraints::same_host,    constraints::host_state, constraints::pins,          constraints::keep_apart,
    constraints::machine_type, constraints::cpu_model,  constraints::network,       constraints::storage,
    constraints::memory,       constraints::cpu,        constraints::after_failure, constraints::limits,
};

std::vector<Rejection> as_rejections(const VmId& vm, const std::optional<HostId>& target, Objections objections) {
    std::vector<Rejection> rejections;
    for (Blocker& objection : objections)
        rejections.push_back({vm, target, objection.reason, std::move(objection.detail)});
    return rejections;
}

}  // namespace

std::vector<Rejection> vm_refusals(const ClusterView& view, const Vm& vm, Purpose purpose) {
    Objections objections;
    for (const VmCheck check : vm_checks) check(view, vm, purpose, objections);
    return as_rejections(vm.id, std::nullopt, std::move(objections));
}

std::vector<Rejection> target_refusals(const ClusterView& view, const Vm& vm, const Host& target, Purpose purpose) {
    Objections objections;
    for (const TargetCheck check : target_checks) check(view, vm, target, purpose, objections);
    return as_rejections(vm.id, target.id, std::move(objections));
}

}  // namespace ballast::policy
