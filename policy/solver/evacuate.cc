#include "policy/solver/evacuate.h"

#include <algorithm>

#include "policy/solver/exhaustive.h"

namespace ballast::policy::solver {

namespace {

Unplaced::Why why_unplaced(const Problem& problem, const VmSlot& vm) {
    if (!vm.movable) return Unplaced::Why::not_movable;
    bool allowed = false;
    for (const HostSlot& host : problem.hosts) {
        if (!host.receives || !problem.may_run(vm, host)) continue;
        allowed = true;
        bool fits = true;
        for (std::size_t k = 0; k < problem.resources.size(); ++k)
            fits = fits && (vm.demand[k] <= 0 || host.base[k] + vm.demand[k] <= host.capacity[k] * (1 + 1e-9));
        if (fits) return Unplaced::Why::no_room;
    }
    return allowed ? Unplaced::Why::too_large : Unplaced::Why::nowhere_allowed;
}

Packing described(const Problem& problem, std::vector<HostIndex> target, const std::vector<VmIndex>& wanted) {
    Packing packing;
    std::size_t moves_needed = 0;
    for (const VmIndex vm : wanted) {
        if (target[vm] == problem.vms[vm].home)
            packing.left.push_back({vm, why_unplaced(problem, problem.vms[vm])});
        else
            ++moves_needed;
    }
    std::sort(packing.left.begin(), packing.left.end(), [](const auto& a, const auto& b) { return a.vm < b.vm; });
    std::size_t moves = 0;
    for (VmIndex vm = 0; vm < target.size(); ++vm) {
        if (target[vm] == problem.vms[vm].home) continue;
        ++moves;
        packing.move_cost += problem.vms[vm].move_cost;
    }
    packing.displaced = moves - moves_needed;
    packing.target = std::move(target);
    return packing;
}

Packing packed(const Problem& problem, const std::vector<VmIndex>& all, const Effort& effort) {
    std::vector<VmIndex> wanted;
    std::copy_if(all.begin(), all.end(), std::back_inserter(wanted),
                 [&](VmIndex vm) { return problem.vms[vm].movable; });
    if (const auto targets = place_exhaustively(problem, wanted, effort.depth > 0)) {
        Packing packing = described(problem, *targets, all);
        packing.exact = true;
        return packing;
    }
    Packer packer(problem, wanted, effort);
    packer.run();
    std::vector<HostIndex> target(problem.vms.size());
    for (VmIndex vm = 0; vm < target.size(); ++vm) target[vm] = packer.placement().host_of(vm);
    Packing packing = described(problem, std::move(target), all);
    packing.exact = packer.left().empty();
    return packing;
}

}  // namespace

Packing evacuate(const Problem& problem, const std::vector<HostIndex>& hosts, const Effort& effort) {
    Problem emptied = problem;
    for (const HostIndex host : hosts) emptied.hosts[host].receives = false;
    std::vector<VmIndex> wanted;
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm)
        if (std::find(hosts.begin(), hosts.end(), problem.vms[vm].home) != hosts.end()) wanted.push_back(vm);
    return packed(emptied, wanted, effort);
}

Packing place(const Problem& problem, const Effort& effort) {
    std::vector<VmIndex> wanted;
    for (VmIndex vm = 0; vm < problem.vms.size(); ++vm)
        if (problem.vms[vm].home == no_host) wanted.push_back(vm);
    return packed(problem, wanted, effort);
}

}  // namespace ballast::policy::solver
