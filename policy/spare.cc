#include "policy/spare.h"

#include "policy/evacuate.h"

namespace ballast::policy {

std::string objection_to_maintenance(const Inventory& inventory, const Memory& memory, const Options& options,
                                     Instant now, const HostId& host) {
    Inventory meanwhile = inventory;
    const auto found = meanwhile.hosts.find(host);
    if (found == meanwhile.hosts.end()) return "there is no such host";
    found->second.maintenance = true;
    const Context context = make_context(meanwhile, memory, options, now);
    ClusterView view(context);
    for (const Rejection& rejection : evacuate(view, Others::may_move).immovable) {
        const Vm& vm = meanwhile.vms.at(rejection.vm);
        if (vm.host != host) continue;
        return vm.facts.name + " cannot leave: " + explain(rejection.reason) +
               (rejection.detail.empty() ? "" : " (" + rejection.detail + ")");
    }
    const auto missing = room_warnings(view.room(), context.largest_vm, meanwhile, options, &found->second.site);
    return missing.empty() ? "" : missing.front();
}

}  // namespace ballast::policy
