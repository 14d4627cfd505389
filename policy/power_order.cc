#include "policy/power_order.h"

#include <algorithm>

#include "policy/fleet.h"

namespace ballast::policy {

std::string objection_to_power_off(const Inventory& inventory, const Memory& memory, const Options& options,
                                   Instant now, const HostId& host) {
    const Context context = make_context(inventory, memory, options, now);
    const ClusterView view(context);
    const Fleet fleet(view);
    const auto& members = fleet.members();
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const Fleet::Member& member) { return member.host->id == host; });
    if (found == members.end() || !found->on) return {};
    if (found->never_off) return "it is never switched off (never_off, or the daemon or a member of etcd runs on it)";
    const unsigned least = std::max(1U, options.consolidation.min_hosts_on);
    if (fleet.hosts_on() <= least)
        return std::to_string(fleet.hosts_on()) + " hosts are on and the policy's min_hosts_on is " +
               std::to_string(least);
    HostFlags off = fleet.none();
    off[static_cast<std::size_t>(found - members.begin())] = true;
    if (!fleet.keeps_largest_piece(off)) return "no host would keep room for the largest VM";
    return fleet.lacking_without(off, options.overload.cpu.above);
}

}  // namespace ballast::policy
