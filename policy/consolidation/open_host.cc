#include <cmath>
#include <optional>

#include "policy/consolidation/steps.h"

namespace ballast::policy::consolidation {
namespace {

/// Over all hosts in use; negative when they are too full on average.
double free_on_average(const Load& load, double deviations) {
    double sum = 0;
    for (HostIndex host = 0; host < load.problem().hosts.size(); ++host) {
        if (load.in_use(host)) sum += load.free(host, deviations);
    }
    return sum;
}

/// The one without VMs that gives most CPU per watt, of those that run if there are any.
std::optional<HostIndex> host_to_open(const Load& load) {
    std::optional<HostIndex> best;
    double most = 0;
    bool best_warm = false;
    for (HostIndex index = 0; index < load.problem().hosts.size(); ++index) {
        const auto& host = load.problem().hosts[index];
        if (host.on || !host.receives || !load.at(index).vms.empty()) continue;
        const double efficiency = host.cpu / host.full_watts;
        if (best_warm && !host.warm) continue;
        if (efficiency <= most && best_warm == host.warm) continue;
        best_warm = host.warm;
        best = index;
        most = efficiency;
    }
    return best;
}

std::optional<HostIndex> fullest(const Load& load, double margin, HostIndex except) {
    std::optional<HostIndex> worst;
    double least = 0;
    for (HostIndex host = 0; host < load.problem().hosts.size(); ++host) {
        if (!load.in_use(host) || host == except || load.at(host).receives) continue;
        if (load.free(host, margin) >= least) continue;
        worst = host;
        least = load.free(host, margin);
    }
    return worst;
}

/// How much room the host gains when the VM leaves it.
double room_gained(const Load& load, HostIndex host, VmIndex vm, double margin) {
    const double before = load.at(host).variance;
    const double after = std::max(0.0, before - load.estimate(vm).variance);
    return load.estimate(vm).level + margin * (std::sqrt(before) - std::sqrt(after));
}

/// Most room gained for what it disturbs: VMs that usually want much and are quiet just now.
std::optional<VmIndex> best_to_take(const Draft& draft, HostIndex from, HostIndex to) {
    const double margin = draft.options.margin();
    std::optional<VmIndex> best;
    double most = 0;
    for (const auto vm : draft.load.at(from).vms) {
        if (!draft.rested(vm) || !draft.load.fits(vm, to, margin)) continue;
        const double worth = room_gained(draft.load, from, vm, margin) / disturbance(draft.load, vm);
        if (worth <= most) continue;
        best = vm;
        most = worth;
    }
    return best;
}

}  // namespace

void open_host(Draft& draft) {
    const double margin = draft.options.margin();
    if (free_on_average(draft.load, margin * opening_margin_share) >= 0) return;
    const auto fresh = host_to_open(draft.load);
    for (int moves = 0; fresh && moves < opening_moves && draft.moves.size() < draft.load.problem().most_moves;
         ++moves) {
        const auto from = fullest(draft.load, margin, *fresh);
        const auto vm = from ? best_to_take(draft, *from, *fresh) : std::nullopt;
        if (!vm) return;
        draft.move(*vm, *fresh);
    }
}

}  // namespace ballast::policy::consolidation
