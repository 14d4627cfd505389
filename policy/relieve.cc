#include "policy/relieve.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/experience.h"
#include "policy/need.h"
#include "policy/relief_chain.h"
#include "policy/room_question.h"
#include "policy/step_aside.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

// A move has to take at least this share of the host's capacity: less is noise and not worth a migration.
constexpr double least_share = 0.01;

// VMs of one host whose refusals are told target by target; of the others only the summary. A host with hundreds of VMs
// in a cluster of a hundred hosts would otherwise fill each decision record with tens of thousands of lines.
constexpr int most_detailed = 10;

// Overloaded hosts without a direct move for which a cycle looks for chains: some milliseconds each, tens in the
// largest clusters in which it is done.
constexpr unsigned most_chain_searches = 8;

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

// One that ends the overload beats one that does not; of those the cheapest, else the one that helps most.
bool better(const Candidate& a, const Candidate& b) {
    const auto rank = [](const Candidate& c) {
        return std::tuple(!c.cost.converges, !c.gain.enough, c.gain.enough ? 0.0 : -c.gain.covered, cost_of(c.cost));
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
        candidates.push_back({vm, gain_of(*vm, need, context), predict(*vm, context)});
    std::sort(candidates.begin(), candidates.end(), better);
    std::vector<const Vm*> vms;
    for (const Candidate& candidate : candidates) vms.push_back(candidate.vm);
    return vms;
}

// One host's relief in the making.
class HostRelief {
public:
    HostRelief(ClusterView& view, TargetFinder& targets, const HostId& host, Relief& relief)
        : view_(view),
          targets_(targets),
          host_(host),
          cause_(overload_text(view, host)),
          goal_(goal_of(view, host)),
          relief_(relief) {}

    const HostId& host() const { return host_; }
    const std::string& cause() const { return cause_; }
    std::size_t moves() const { return moves_; }
    /// There was no way, whatever the number of moves. What others do then brings none but chains.
    bool is_stuck() const { return is_stuck_; }
    Need need() const { return need_of(view_, host_, goal_); }

    /// Plans what brings the host nearer to its goal, until it is there or there is nothing more. `chain_searches`: how
    /// many chains may still be looked for.
    void advance(std::size_t most_moves, unsigned& chain_searches) {
        while (!need().none() && relief_.drafts.size() < most_moves) {
            is_stuck_ = !step(most_moves - relief_.drafts.size(), chain_searches);
            if (is_stuck_) break;
        }
    }

private:
    bool step(std::size_t moves_left, unsigned& chain_searches) {
        const auto candidates = ranked(view_, host_, need());
        if (!is_stuck_) {
            for (const Vm* vm : candidates)
                if (const auto target = targets_.best(*vm)) return plan(*vm, target->host, cause_, 0);
            if (moves_left >= 2 && step_aside(candidates)) return true;
        }
        if (moves_left < 2 || chain_searches == 0) return false;
        --chain_searches;
        return chain(candidates, moves_left);
    }

    bool step_aside(const std::vector<const Vm*>& candidates) {
        const auto way = find_step_aside(view_, targets_, candidates);
        if (!way) return false;
        const HostId& place = way->aside->host;
        const std::string& name = way->relieving->facts.name;
        plan(*way->aside, way->aside_to, place.value + " makes room for " + name + " (" + cause_ + ")", 0);
        return plan(*way->relieving, place,
                    cause_ + " (" + way->aside->facts.name + " leaves " + place.value + " first to make room)", 1);
    }

    bool chain(const std::vector<const Vm*>& candidates, std::size_t moves_left) {
        const auto steps = find_chain(view_, {host_, goal_, cause_, candidates, moves_left});
        if (!steps || !goes_on(*steps)) return false;
        for (const ChainStep& step : *steps) plan(*step.vm, step.to, step.cause, step.wave);
        return true;
    }

    // What is planned anew once the first wave has ended must end the overload too, with no more moves: other ways may
    // look better then, and the first would have moved in vain.
    bool goes_on(const std::vector<ChainStep>& steps) const {
        ClusterView end = view_;
        for (const ChainStep& step : steps) end.apply(*step.vm, step.to);
        if (!need_of(end, host_, goal_).none()) return true;
        std::vector<ChainStep> first;
        std::copy_if(steps.begin(), steps.end(), std::back_inserter(first),
                     [](const ChainStep& step) { return step.wave == 0; });
        Afterwards then(view_, first);
        TargetFinder targets(then.view);
        Relief relief;
        HostRelief rest(then.view, targets, host_, relief);
        unsigned chain_searches = 1;
        rest.advance(steps.size() - first.size(), chain_searches);
        return rest.need().none();
    }

    bool plan(const Vm& vm, const HostId& to, const std::string& cause, unsigned least_wave) {
        relief_.drafts.push_back({vm.id, to, Trigger::overload, cause, "", {}, least_wave});
        Draft& draft = relief_.drafts.back();
        targets_.explain(vm, to, draft);
        // What forbids it now will have gone by its wave.
        std::erase_if(draft.refused_targets, [&](const Rejection& refusal) { return refusal.target == to; });
        view_.apply(vm, to);
        targets_.changed(vm.host);
        targets_.changed(to);
        ++moves_;
        return true;
    }

    ClusterView& view_;
    TargetFinder& targets_;
    HostId host_;
    std::string cause_;
    Goal goal_;
    Relief& relief_;
    std::size_t moves_ = 0;
    bool is_stuck_ = false;
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

void tell(const ClusterView& view, const TargetFinder& targets, const HostRelief& made, std::size_t most_moves,
          Relief& relief) {
    const Need need = made.need();
    std::string text = made.cause() + "; " + outcome_text(view, made.host(), made.moves(), need.none());
    if (!need.none()) {
        const auto rejections = rejections_of(view, targets, made.host(), need);
        text += made.is_stuck() ? staying_text(rejections) : limit_text(most_moves);
        relief.rejections.insert(relief.rejections.end(), rejections.begin(), rejections.end());
    }
    relief.findings.push_back({made.host(), Trigger::overload, text, need.none()});
}

// Hottest first: it gets the targets with the most room.
std::vector<HostId> overloaded_hosts(const ClusterView& view) {
    std::vector<HostId> hosts;
    for (const auto& [id, use] : view.hosts())
        if (is_fresh(*use.host) && !view.context().health.leaves(*use.host) &&
            wants_relief(remembered(view.context(), id)))
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
    const std::size_t most = moves_allowed(view.context().memory.audit, options.max_moves_per_cycle, view.in_flight());
    TargetFinder targets(view);
    std::vector<HostRelief> hosts;
    for (const HostId& host : overloaded_hosts(view)) hosts.emplace_back(view, targets, host, relief);
    unsigned chain_searches = 0;
    for (HostRelief& host : hosts) host.advance(most, chain_searches);
    // Chains are for what is left over: so they take nothing from a host that needs none.
    if (can_make_room(view)) chain_searches = most_chain_searches;
    for (HostRelief& host : hosts)
        if (chain_searches > 0) host.advance(most, chain_searches);
    for (const HostRelief& host : hosts) tell(view, targets, host, most, relief);
    return relief;
}

}  // namespace ballast::policy
