#include "policy/consolidation/consolidate.h"

#include <algorithm>
#include <numeric>

#include "policy/consolidation/steps.h"

namespace ballast::policy::consolidation {

double disturbance(const Load& load, VmIndex vm) {
    const auto& its = load.problem().vms[vm];
    const double host = load.problem().hosts[load.host_of(vm)].cpu;
    return (its.memory + memory_of_any_move) * (its.now + host_share_disturbed * host);
}

Decision consolidate(const Problem& problem, const Options& options) {
    const auto estimated = estimates(problem);
    Draft draft{Load(problem, estimated), options, {}};
    if (problem.relieves) relieve(draft);
    open_host(draft);
    empty_hosts(draft);
    Decision decision{std::move(draft.moves), std::vector<bool>(problem.hosts.size())};
    for (HostIndex host = 0; host < problem.hosts.size(); ++host) decision.on[host] = !draft.load.at(host).vms.empty();
    return decision;
}

std::vector<HostIndex> initial_placement(const Problem& problem) {
    const auto& hosts = problem.hosts;
    std::vector<HostIndex> order(hosts.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](HostIndex a, HostIndex b) {
        return hosts[a].cpu * hosts[b].full_watts > hosts[b].cpu * hosts[a].full_watts;
    });
    std::vector<VmIndex> vms(problem.vms.size());
    std::iota(vms.begin(), vms.end(), 0);
    std::ranges::stable_sort(vms, [&](VmIndex a, VmIndex b) { return problem.vms[a].size > problem.vms[b].size; });
    std::vector<double> cpu(hosts.size()), memory(hosts.size());
    std::vector<HostIndex> placement(problem.vms.size(), static_cast<HostIndex>(hosts.size()));
    for (const auto vm : vms) {
        const auto& its = problem.vms[vm];
        const auto found = std::ranges::find_if(order, [&](HostIndex host) {
            return its.size <= hosts[host].core && cpu[host] + its.size <= hosts[host].cpu &&
                   memory[host] + its.memory <= hosts[host].memory;
        });
        if (found == order.end()) continue;
        placement[vm] = *found;
        cpu[*found] += its.size;
        memory[*found] += its.memory;
    }
    return placement;
}

}  // namespace ballast::policy::consolidation
