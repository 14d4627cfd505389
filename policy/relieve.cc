#include "policy/relieve.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/need.h"
#include "policy/step_aside.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

// A move has to take at least this share of the host's capacity: less is noise and not worth a migration.
constexpr double least_share = 0.01;

// VMs of one host whose refusals are told target by target; of the others only the summary. A host with hundreds of VMs
// in a cluster of a hundred hosts would otherwise fill each decision record with tens of thousands of lines.
constexpr int most_detailed = 10;

struct Gain {
    double covered = 0;  // share of the need this VM takes away, summed over CPU and memory
    bool enough = false;
};

Gain gain_of(const Vm& vm, const Need& need, const Context& context) {
    const double cpu = demand_cores(vm, context.memory);
    const double memory = static_cast<double>(memory_resident(vm).count);
    Gain gain;
    if (need.cpu_cores > 0) gain.covered += std::min(1.0, cpu / need.cpu_cores);
    if (need.memory_bytes > 0) gain.covered += std::min(1.0, memory / need.memory_bytes);
    gain.enough = cpu >= need.cpu_cores && memory >= need.memory_bytes;
    return gain;
}

bool helps(const Vm& vm, const Need& need, const HostUse& source, const Context& context) {
    const double memory = static_cast<double>(memory_resident(vm).count);
    const double total = static_cast<double>(source.host->facts.memory_total.count);
    return (need.cpu_cores > 0 && demand_cores(vm, context.memory) >= least_share * source.usable_cpus) ||
           (need.memory_bytes > 0 && memory >= least_share * total);
}

struct Candidate {
    const Vm* vm = nullptr;
    Gain gain;
    Prediction cost;
};

// Downtime weighs as ten times duration: users notice it, while duration only occupies a slot.
auto cost_of(const Candidate& c) {
    return c.cost.duration + 10 * c.cost.downtime;
}

// One that ends the overload beats one that does not; of those the cheapest, else the one that helps most.
bool better(const Candidate& a, const Candidate& b) {
    const auto rank = [](const Candidate& c) {
        return std::tuple(!c.cost.converges, !c.gain.enough, c.gain.enough ? 0.0 : -c.gain.covered, cost_of(c));
    };
    return std::tuple(rank(a), a.vm->id) < std::tuple(rank(b), b.vm->id);
}

// The VMs of one overloaded host: those that may move, and why the others may not.
struct Pool {
    std::vector<const Vm*> movable;
    std::vector<Rejection> refusals;
};

Pool pool_of(const ClusterView& view, const HostId& host, const Need& need) {
    const Context& context = view.context();
    Pool pool;
    for (const VmId& id : view.at(host).occupants) {
        const Vm& vm = context.inventory.vms.at(id);
        if (vm.host != host || view.is_moving(id)) continue;
        auto refusals = vm_refusals(context, vm, Purpose::relief);
        if (!demand_known(vm, context.memory))
            refusals.push_back({id, std::nullopt, Reason::no_benefit, "its load was not measured yet"});
        else if (!helps(vm, need, view.at(host), context))
            refusals.push_back({id, std::nullopt, Reason::no_benefit,
                                "it takes only " + fixed(demand_cores(vm, context.memory), 2) + " CPU and " +
                                    to_string(memory_resident(vm))});
        if (refusals.empty()) pool.movable.push_back(&vm);
        pool.refusals.insert(pool.refusals.end(), refusals.begin(), refusals.end());
    }
    return pool;
}

// Who may go, the best first.
std::vector<const Vm*> ranked(const ClusterView& view, const HostId& host, const Need& need) {
    const Context& context = view.context();
    std::vector<Candidate> candidates;
    for (const Vm* vm : pool_of(view, host, need).movable)
        candidates.push_back({vm, gain_of(*vm, need, context),
                              predict(*vm, *context.guest_of(vm->id).memory, context.options.migration)});
    std::sort(candidates.begin(), candidates.end(), better);
    std::vector<const Vm*> vms;
    for (const Candidate& candidate : candidates) vms.push_back(candidate.vm);
    return vms;
}

// One host's relief in the making.
class HostRelief {
public:
    HostRelief(ClusterView& view, TargetFinder& targets, const HostId& host, std::string cause, Relief& relief)
        : view_(view), targets_(targets), host_(host), cause_(std::move(cause)), relief_(relief) {}

    /// Plans what brings the host nearer to its goal; false when there is nothing.
    bool advance(const Need& need, std::size_t moves_left) {
        const auto candidates = ranked(view_, host_, need);
        for (const Vm* vm : candidates)
            if (const auto target = targets_.best(*vm)) return plan(*vm, target->host, cause_, 0);
        if (moves_left < 2) return false;
        const auto way = find_step_aside(view_, targets_, candidates);
        if (!way) return false;
        const HostId& place = way->aside->host;
        const std::string& name = way->relieving->facts.name;
        plan(*way->aside, way->aside_to, place.value + " makes room for " + name + " (" + cause_ + ")", 0);
        return plan(*way->relieving, place,
                    cause_ + " (" + way->aside->facts.name + " leaves " + place.value + " first to make room)", 1);
    }

private:
    bool plan(const Vm& vm, const HostId& to, const std::string& cause, unsigned least_wave) {
        relief_.drafts.push_back({vm.id, to, Trigger::overload, cause, "", {}, least_wave});
        targets_.explain(vm, to, relief_.drafts.back());
        view_.apply(vm, to);
        targets_.changed(vm.host);
        targets_.changed(to);
        return true;
    }

    ClusterView& view_;
    TargetFinder& targets_;
    const HostId& host_;
    std::string cause_;
    Relief& relief_;
};

std::vector<Rejection> rejections_of(const ClusterView& view, const TargetFinder& targets, const HostId& host,
                                     const Need& need) {
    Pool pool = pool_of(view, host, need);
    std::vector<Rejection> out = pool.refusals;
    // Those that would have helped most: what they are told is what people ask for.
    std::sort(pool.movable.begin(), pool.movable.end(), [&](const Vm* a, const Vm* b) {
        const double more = gain_of(*a, need, view.context()).covered;
        return std::tuple(-more, a->id) < std::tuple(-gain_of(*b, need, view.context()).covered, b->id);
    });
    int detailed = 0;
    for (const Vm* vm : pool.movable) {
        if (targets.has_target(*vm)) continue;
        std::size_t more = 0;
        const auto refused = targets.refusals(*vm, more);
        out.push_back({vm->id, std::nullopt, Reason::no_target, summary(refused, more)});
        if (++detailed > most_detailed) continue;
        out.insert(out.end(), refused.begin(), refused.end());
    }
    return out;
}

std::string limit_text(std::size_t moves) {
    return " (no more than " + std::to_string(moves) + (moves == 1 ? " move" : " moves") + " in one cycle)";
}

// "3 VMs stay: cooldown 1, no_target 2", from the first reason of each VM.
std::string staying_text(const std::vector<Rejection>& rejections) {
    std::map<VmId, Reason> first;
    for (const Rejection& rejection : rejections)
        if (!rejection.target) first.emplace(rejection.vm, rejection.reason);
    std::map<Reason, int> counts;
    for (const auto& [vm, reason] : first) ++counts[reason];
    std::string text;
    for (const auto& [reason, count] : counts)
        text += (text.empty() ? "" : ", ") + to_string(reason) + " " + std::to_string(count);
    const std::string vms = std::to_string(first.size()) + (first.size() == 1 ? " VM stays" : " VMs stay");
    return first.empty() ? "" : " (" + vms + ": " + text + ")";
}

std::string outcome_text(const ClusterView& view, const HostId& host, std::size_t moves, bool resolved) {
    const std::string reached = percent(view.cpu_ratio(host)) + " CPU, " + percent(view.memory_ratio(host)) + " memory";
    if (moves > 0)
        return std::to_string(moves) + (moves == 1 ? " move brings it to " : " moves bring it to ") + reached +
               (resolved ? "" : ", not yet below its limits");
    if (!resolved) return "no move can relieve it now";
    if (view.at(host).outgoing > 0) return "moves under way bring it to " + reached;
    return "now at " + reached + ", to be measured again";
}

void relieve_host(ClusterView& view, TargetFinder& targets, const HostId& host, std::size_t most_moves,
                  Relief& relief) {
    const std::string cause = overload_text(view, host);
    const Goal goal = goal_of(view, host);
    const std::size_t before = relief.drafts.size();
    HostRelief making(view, targets, host, cause, relief);
    Need need = need_of(view, host, goal);
    while (!need.none() && relief.drafts.size() < most_moves) {
        if (!making.advance(need, most_moves - relief.drafts.size())) break;
        need = need_of(view, host, goal);
    }
    std::string text = cause + "; " + outcome_text(view, host, relief.drafts.size() - before, need.none());
    if (!need.none()) {
        const auto rejections = rejections_of(view, targets, host, need);
        text += relief.drafts.size() < most_moves ? staying_text(rejections) : limit_text(most_moves);
        relief.rejections.insert(relief.rejections.end(), rejections.begin(), rejections.end());
    }
    relief.findings.push_back({host, Trigger::overload, text, need.none()});
}

// Hottest first: it gets the targets with the most room.
std::vector<HostId> overloaded_hosts(const ClusterView& view) {
    std::vector<HostId> hosts;
    for (const auto& [id, use] : view.hosts())
        if (is_fresh(*use.host) && !use.host->maintenance && wants_relief(remembered(view.context(), id)))
            hosts.push_back(id);
    std::stable_sort(hosts.begin(), hosts.end(), [&](const HostId& a, const HostId& b) {
        return std::max(view.cpu_ratio(a), view.memory_ratio(a)) > std::max(view.cpu_ratio(b), view.memory_ratio(b));
    });
    return hosts;
}

}  // namespace

Relief relieve(ClusterView& view) {
    Relief relief;
    const OverloadOptions& options = view.context().options.overload;
    if (!options.enabled) return relief;
    std::size_t most = options.max_moves_per_cycle;
    if (view.context().memory.audit.braked) most = view.in_flight() == 0 ? 1 : 0;
    TargetFinder targets(view);
    for (const HostId& host : overloaded_hosts(view)) relieve_host(view, targets, host, most, relief);
    return relief;
}

}  // namespace ballast::policy
