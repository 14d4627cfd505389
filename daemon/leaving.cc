#include "daemon/leaving.h"

#include <algorithm>
#include <set>

namespace ballast::daemon {

std::vector<std::string> stuck_on(const Controller& controller, const HostId& host) {
    const Plan& plan = controller.last_cycle().plan;
    const auto leaves = [&](const auto& move) { return move.from == host; };
    const auto active = controller.active();
    if (std::any_of(plan.moves.begin(), plan.moves.end(), leaves) || std::any_of(active.begin(), active.end(), leaves))
        return {};
    const Inventory seen = controller.inventory();
    std::vector<std::string> texts;
    std::set<VmId> told;
    for (const Rejection& rejection : plan.immovable) {
        const auto vm = seen.vms.find(rejection.vm);
        if (vm == seen.vms.end() || vm->second.host != host || !told.insert(rejection.vm).second) continue;
        texts.push_back(vm->second.facts.name + " cannot leave: " + explain(rejection.reason) +
                        (rejection.detail.empty() ? "" : " (" + rejection.detail + ")"));
    }
    return texts;
}

std::vector<std::string> left_on(const Controller& controller, const HostId& host) {
    std::vector<std::string> names;
    const Inventory seen = controller.inventory();
    for (const auto& [id, vm] : seen.vms)
        if (vm.host == host && vm.state != VmState::shut_off && vm.state != VmState::crashed)
            names.push_back(vm.facts.name);
    for (const Operation& op : controller.active())
        if (op.from == host && op.state != OperationState::waiting &&
            std::find(names.begin(), names.end(), op.vm_name) == names.end())
            names.push_back(op.vm_name);
    return names;
}

}  // namespace ballast::daemon
