#include <algorithm>
#include <optional>

#include "policy/consolidation/steps.h"

namespace ballast::policy::consolidation {
namespace {

/// The host with most room afterwards; one that is disturbed anyway is preferred.
std::optional<HostIndex> relief_target(const Draft& draft, VmIndex vm) {
    const auto& load = draft.load;
    const double margin = draft.options.margin();
    std::optional<HostIndex> best;
    double most = 0;
    for (HostIndex host = 0; host < load.problem().hosts.size(); ++host) {
        if (host == load.host_of(vm) || !load.in_use(host) || load.at(host).gives) continue;
        if (!load.fits(vm, host, margin * relief_margin_share)) continue;
        const double bonus = load.at(host).receives ? receiver_bonus * load.problem().hosts[host].cpu : 0;
        const double room = load.free_with(host, vm, margin) + bonus;
        if (best && room <= most) continue;
        best = host;
        most = room;
    }
    return best;
}

/// VMs that are enough alone first, the least disturbing of them in front; then those that come nearest.
std::vector<VmIndex> relief_candidates(const Draft& draft, HostIndex host, double excess) {
    const auto& vms = draft.load.problem().vms;
    std::vector<VmIndex> candidates;
    for (const auto vm : draft.load.at(host).vms) {
        if (vms[vm].movable && vms[vm].now > 0) candidates.push_back(vm);
    }
    std::ranges::stable_sort(candidates, [&](VmIndex a, VmIndex b) {
        const bool enough_a = vms[a].now >= excess, enough_b = vms[b].now >= excess;
        if (enough_a != enough_b) return enough_a;
        return enough_a ? disturbance(vms[a]) < disturbance(vms[b]) : vms[a].now > vms[b].now;
    });
    return candidates;
}

bool relieve_once(Draft& draft, HostIndex host, double excess) {
    for (const auto vm : relief_candidates(draft, host, excess)) {
        const auto target = relief_target(draft, vm);
        if (!target) continue;
        draft.move(vm, *target);
        return true;
    }
    return false;
}

}  // namespace

void relieve(Draft& draft) {
    const auto& hosts = draft.load.problem().hosts;
    for (HostIndex host = 0; host < hosts.size(); ++host) {
        for (int moves = 0; moves < relief_moves; ++moves) {
            const double excess = draft.load.at(host).now - hosts[host].cpu;
            if (excess <= 0 || !relieve_once(draft, host, excess)) break;
        }
    }
}

}  // namespace ballast::policy::consolidation
