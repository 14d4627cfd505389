#include "policy/relocate.h"

#include "policy/estimators.h"

namespace ballast::policy {

namespace {
void shift(std::optional<Bytes>& available, Bytes taken, Bytes given) {
    if (available) *available = *available + given - taken;
}
}  // namespace

void relocate(Inventory& inventory, const VmId& id, const HostId& to, Bytes taken) {
    Vm& vm = inventory.vms.at(id);
    if (const auto from = inventory.hosts.find(vm.host); from != inventory.hosts.end())
        shift(from->second.load.memory_available, {}, memory_resident(vm));
    if (const auto target = inventory.hosts.find(to); target != inventory.hosts.end())
        shift(target->second.load.memory_available, taken, {});
    vm.host = to;
}

}  // namespace ballast::policy
