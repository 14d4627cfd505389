#include <algorithm>
#include <optional>

#include "policy/consolidation/steps.h"

namespace ballast::policy::consolidation {
namespace {

struct Emptying {
    Draft& draft;
    std::vector<double> cost;  // of emptying each host, as it was at first
    std::vector<double> keep;  // the hosts with most of it are filled first
    std::vector<bool> emptied;

    const Load& load() const { return draft.load; }
    const Problem& problem() const { return draft.load.problem(); }
};

double cost_of(const Load& load, HostIndex host) {
    double sum = 0;
    for (const auto vm : load.at(host).vms) sum += disturbance(load, vm);
    return sum;
}

/// The best filled of those that receive already; else the one that would be the last to be emptied itself.
std::optional<HostIndex> target_for(const Emptying& work, VmIndex vm) {
    const auto& load = work.load();
    const double margin = work.draft.options.margin();
    std::optional<HostIndex> best;
    double lowest = 0;
    bool best_receives = false;
    for (HostIndex host = 0; host < work.emptied.size(); ++host) {
        const bool used = load.in_use(host) || load.problem().hosts[host].takes_over;
        if (host == load.host_of(vm) || work.emptied[host] || !used) continue;
        const bool receives = load.at(host).receives;
        if ((best_receives && !receives) || !load.fits(vm, host, margin)) continue;
        const double rank = receives ? load.free_with(host, vm, margin) : -work.keep[host];
        if (best && receives == best_receives && rank >= lowest) continue;
        best = host;
        lowest = rank;
        best_receives = receives;
    }
    return best;
}

/// All of the host's VMs or none.
bool empty_one(Emptying& work, HostIndex host) {
    auto vms = work.load().at(host).vms;
    std::ranges::stable_sort(
        vms, [&](VmIndex a, VmIndex b) { return work.load().estimate(a).level > work.load().estimate(b).level; });
    std::vector<Load::Step> steps;
    for (const auto vm : vms) {
        const auto target = target_for(work, vm);
        if (!target) break;
        steps.push_back(work.draft.load.move(vm, *target));
    }
    const bool complete = steps.size() == vms.size();
    for (; !complete && !steps.empty(); steps.pop_back()) work.draft.load.undo(std::move(steps.back()));
    for (const auto& step : steps) work.draft.moves.push_back({step.vm, step.to});
    return complete;
}

/// About as dear to empty as the cheapest of them, and about as many moves.
bool is_alike(const Emptying& work, HostIndex cheapest, HostIndex host) {
    const auto& hosts = work.problem().hosts;
    return hosts[host].failing == hosts[cheapest].failing && hosts[host].core == hosts[cheapest].core &&
           work.cost[host] <= (1 + work.draft.options.rotation_cost) * work.cost[cheapest] &&
           work.load().at(host).vms.size() <= work.load().at(cheapest).vms.size() + rotation_moves;
}

/// Among hosts that are alike, the one that was off least lately comes first. Requires: the cheapest one is first.
void take_turns(const Emptying& work, std::vector<HostIndex>& order) {
    if (work.draft.options.rotation_cost <= 0) return;
    const auto& hosts = work.problem().hosts;
    for (auto first = order.begin(); first != order.end();) {
        const auto last = std::stable_partition(
            first, order.end(), [&, cheapest = *first](HostIndex host) { return is_alike(work, cheapest, host); });
        std::stable_sort(first, last, [&](HostIndex a, HostIndex b) { return hosts[a].went_off < hosts[b].went_off; });
        first = last;
    }
}

/// Failing hosts first, then slow ones, then those that are cheap to empty.
std::vector<HostIndex> order_of(const Emptying& work) {
    std::vector<HostIndex> order;
    for (HostIndex host = 0; host < work.emptied.size(); ++host) {
        if (work.load().in_use(host)) order.push_back(host);
    }
    const auto& hosts = work.problem().hosts;
    std::ranges::stable_sort(order, [&](HostIndex a, HostIndex b) {
        if (hosts[a].failing != hosts[b].failing) return hosts[a].failing;
        if (hosts[a].core != hosts[b].core) return hosts[a].core < hosts[b].core;
        return work.cost[a] < work.cost[b];
    });
    take_turns(work, order);
    return order;
}

/// The more room there is in the cluster, the more moves an emptied host is worth: it will stay empty for longer.
double most_vms(const Emptying& work, const std::vector<HostIndex>& in_use) {
    double free = 0, cpu = 0;
    for (const auto host : in_use) {
        free += work.load().free(host, work.draft.options.margin());
        cpu += work.problem().hosts[host].cpu;
    }
    return emptying_moves + emptying_moves_per_percent * 100 * (cpu > 0 ? std::max(0.0, free / cpu) : 0);
}

bool may_be_emptied(const Emptying& work, HostIndex host, double most) {
    const auto& its = work.load().at(host);
    const auto& problem = work.problem();
    if (its.receives || its.gives || static_cast<double>(its.vms.size()) > most) return false;
    if (work.draft.moves.size() + its.vms.size() > problem.most_moves) return false;
    if (problem.may_be_empty && !problem.may_be_empty(host, work.emptied)) return false;
    return std::ranges::all_of(its.vms, [&](VmIndex vm) { return work.draft.rested(vm); });
}

}  // namespace

void empty_hosts(Draft& draft) {
    const auto hosts = draft.load.problem().hosts.size();
    Emptying work{draft, std::vector<double>(hosts), std::vector<double>(hosts, -1), std::vector<bool>(hosts)};
    for (HostIndex host = 0; host < hosts; ++host) work.cost[host] = cost_of(draft.load, host);
    const auto order = order_of(work);
    for (std::size_t i = 0; i < order.size(); ++i)
        work.keep[order[i]] = draft.options.rotation_cost > 0 ? static_cast<double>(i) : work.cost[order[i]];
    const double most = most_vms(work, order);
    for (const auto host : order) {
        if (may_be_emptied(work, host, most)) work.emptied[host] = empty_one(work, host);
    }
}

}  // namespace ballast::policy::consolidation
