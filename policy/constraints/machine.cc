// Emulator, architecture, machine type and CPU: what the guest was started with must exist on the target.
#include <algorithm>

#include "policy/constraints/constraint.h"

namespace ballast::policy::constraints {

namespace {

const CpuSupport* support_of(const Host& host, const std::string& virt_type) {
    const auto found = host.facts.cpu_by_virt_type.find(virt_type);
    return found == host.facts.cpu_by_virt_type.end() ? nullptr : &found->second;
}

// host-passthrough and maximum give the guest what its host is: only the same CPU can take it over.
void same_cpu(const Context& context, const Vm& vm, const CpuSupport& offered, Objections& out) {
    const Host* source = context.guest_of(vm.id).on;
    const CpuSupport* own = source == nullptr ? nullptr : support_of(*source, vm.facts.requirements.virt_type);
    if (own == nullptr || own->host_model.empty() || offered.host_model.empty())
        out.push_back({Reason::cpu_model, "needs the same CPU as its host, and one of the two is not known"});
    else if (own->host_model != offered.host_model)
        out.push_back({Reason::cpu_model, "needs " + own->host_model + ", the host has " + offered.host_model});
}

void features(const CpuRequirement& cpu, const CpuSupport& offered, Objections& out) {
    if (offered.features.empty()) return;  // not known; libvirt checks again when the migration begins
    std::string missing;
    for (const std::string& feature : cpu.required)
        if (!offered.features.contains(feature)) missing += (missing.empty() ? "" : ", ") + feature;
    if (!missing.empty()) out.push_back({Reason::cpu_model, "the host's CPU lacks " + missing});
}

}  // namespace

void machine_type(const Context&, const Vm& vm, const Host& target, Objections& out) {
    const VmRequirements& needs = vm.facts.requirements;
    if (!needs.arch.empty() && needs.arch != target.facts.arch)
        out.push_back({Reason::machine_type, "needs architecture " + needs.arch});
    if (needs.virt_type.empty()) return;
    const CpuSupport* offered = support_of(target, needs.virt_type);
    if (offered == nullptr)
        out.push_back({Reason::machine_type, "needs an emulator of type " + needs.virt_type});
    else if (!needs.machine.empty() && !offered->machines.contains(needs.machine))
        out.push_back({Reason::machine_type, "needs machine type " + needs.machine});
}

void cpu_model(const Context& context, const Vm& vm, const Host& target, Objections& out) {
    const CpuRequirement& cpu = vm.facts.requirements.cpu;
    const CpuSupport* offered = support_of(target, vm.facts.requirements.virt_type);
    if (offered == nullptr) return;  // machine_type() has said so
    if (cpu.mode != CpuRequirement::Mode::custom)
        same_cpu(context, vm, *offered, out);
    else if (!cpu.model.empty() && !offered->models.contains(cpu.model))
        out.push_back({Reason::cpu_model, "needs CPU model " + cpu.model});
    features(cpu, *offered, out);
}

}  // namespace ballast::policy::constraints
