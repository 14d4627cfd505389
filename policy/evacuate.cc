#include "policy/evacuate.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <tuple>

#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/health.h"
#include "policy/make_room.h"
#include "policy/relocate.h"
#include "policy/targets.h"

namespace ballast::policy {

namespace {

struct Placement {
    const Vm* vm;
    TargetChoice target;
    std::string preference;
    std::vector<Rejection> refused_targets;
};

struct Packing {
    ClusterView view;
    std::vector<Placement> placed;
    std::vector<const Vm*> unplaced;
    double unplaced_bytes = 0;
};

// How a packing orders the VMs and picks among the targets that are possible.
struct Strategy {
    bool fewest_targets_first;  // those with little choice choose before the others
    bool best_fit;              // fill hosts up rather than spread over them
    bool preferences;           // heed soft rules first
    bool by_priority = false;   // those with a higher wished priority choose before the others
};

// The last leaves soft rules aside: they must not be why somebody finds no place.
constexpr Strategy strategies[] = {
    {false, false, true}, {false, true, true}, {true, false, true}, {true, true, true}, {true, true, false}};
constexpr Strategy strategies_by_priority[] = {
    {false, false, true, true}, {true, true, true, true}, {true, true, false, true}};

using Size = std::tuple<Bytes, double>;
Size size_of(const Vm& vm, const Context& context) {
    return {memory_bound(vm), demand_cores(vm, context.memory)};
}

// Big before small, as in best-fit-decreasing; equal ones by id, so that the order is always the same.
void sort_by_size(std::vector<const Vm*>& vms, const Context& context) {
    std::sort(vms.begin(), vms.end(), [&](const Vm* a, const Vm* b) {
        return std::tuple(size_of(*b, context), a->id) < std::tuple(size_of(*a, context), b->id);
    });
}

Purpose purpose_of(const ClusterView& view, const Vm& vm) {
    return purpose_of_leaving(view.context(), *view.at(vm.host).host);
}

bool is_failing(const ClusterView& view, const Vm& vm) {
    return is_left_for_health(view.context().health, *view.at(vm.host).host);
}

// What is about to fail is left first, then what is only failing, and important VMs before others.
auto urgency(const ClusterView& view, const Vm& vm) {
    return std::tuple(purpose_of(view, vm) == Purpose::rescue, is_failing(view, vm), vm.facts.wishes.priority);
}

void sort_by_choice(std::vector<const Vm*>& vms, const ClusterView& view) {
    std::map<VmId, std::size_t> count;
    for (const Vm* vm : vms) count[vm->id] = choices_for(view, *vm, purpose_of(view, *vm)).size();
    std::stable_sort(vms.begin(), vms.end(), [&](const Vm* a, const Vm* b) { return count[a->id] < count[b->id]; });
}

// Below the lower limit, below the upper one, or beyond: load is a preference here, in these three steps.
int strain(const TargetChoice& choice, const Context& context) {
    const Threshold& cpu = context.options.overload.cpu;
    if (choice.cpu_after > cpu.above || any_set(remembered(context, choice.host))) return 2;
    return choice.cpu_after > cpu.below ? 1 : 0;
}

// `choices` come with the roomiest first.
const TargetChoice& pick(const std::vector<TargetChoice>& choices, const Vm& vm, const Strategy& strategy,
                         const Context& context) {
    const auto& hosts = context.inventory.hosts;
    const auto leaves_site = [&](const HostId& to) { return hosts.at(to).site != hosts.at(vm.host).site; };
    const auto rank = [&](const TargetChoice& c) {
        return std::tuple(leaves_site(c.host), strategy.preferences ? c.broken.size() : 0,
                          strategy.best_fit ? c.memory_left : Bytes{}, strategy.best_fit ? 0 : strain(c, context));
    };
    return *std::min_element(choices.begin(), choices.end(),
                             [&](const TargetChoice& a, const TargetChoice& b) { return rank(a) < rank(b); });
}

Packing pack(const ClusterView& view, std::vector<const Vm*> vms, const Strategy& strategy) {
    const Context& context = view.context();
    Packing packing{view, {}, {}, 0};
    sort_by_size(vms, context);
    if (strategy.fewest_targets_first) sort_by_choice(vms, view);
    if (strategy.by_priority)
        std::stable_sort(vms.begin(), vms.end(),
                         [](const Vm* a, const Vm* b) { return a->facts.wishes.priority > b->facts.wishes.priority; });
    for (const Vm* vm : vms) {
        const Purpose purpose = purpose_of(view, *vm);
        const auto choices = choices_for(packing.view, *vm, purpose);
        if (choices.empty()) {
            packing.unplaced.push_back(vm);
            packing.unplaced_bytes += static_cast<double>(memory_bound(*vm).count);
            continue;
        }
        const TargetChoice& target = pick(choices, *vm, strategy, context);
        packing.placed.push_back(
            {vm, target, preference(choices, target), refusals_everywhere(packing.view, *vm, purpose)});
        packing.view.apply(*vm, target.host);
    }
    return packing;
}

// Who is left behind, as what is to be as small as possible: the fewer and, where that matters, the less important.
std::vector<int> left_behind(const Packing& packing, First first) {
    if (first == First::most) return {static_cast<int>(packing.unplaced.size())};
    std::vector<int> priorities;
    for (const Vm* vm : packing.unplaced) priorities.push_back(vm->facts.wishes.priority);
    std::sort(priorities.begin(), priorities.end(), std::greater<>());
    return priorities;
}

Packing best_packing(const ClusterView& view, const std::vector<const Vm*>& vms, First first) {
    const auto rest = [&](const Packing& p) { return std::pair(left_behind(p, first), p.unplaced_bytes); };
    std::optional<Packing> best;
    const auto attempt = [&](std::span<const Strategy> all) {
        for (const Strategy& strategy : all) {
            if (best && best->unplaced.empty()) return;
            Packing packing = pack(view, vms, strategy);
            if (!best || rest(packing) < rest(*best)) best.emplace(std::move(packing));
        }
    };
    attempt(strategies);
    if (first == First::wished_priority) attempt(strategies_by_priority);
    return std::move(*best);
}

// Who has to leave: everything that occupies the host and is not on its way already.
struct Leaving {
    std::vector<const Vm*> movable;
    std::map<HostId, unsigned> vms, under_way, staying;
    bool more_follow = false;  // what is planned now is not all that is needed
};

Leaving collect(const ClusterView& view, Evacuation& evacuation) {
    Leaving leaving;
    for (const auto& [host, use] : view.hosts()) {
        if (!view.context().health.leaves(*use.host)) continue;
        for (const VmId& id : use.occupants) {
            const Vm& vm = view.context().inventory.vms.at(id);
            if (vm.host != host) continue;
            ++leaving.vms[host];
            if (view.is_moving(id)) {
                ++leaving.under_way[host];
                continue;
            }
            const auto& refusals = vm_refusals(view.context(), vm, purpose_of(view, vm));
            if (refusals.empty())
                leaving.movable.push_back(&vm);
            else
                ++leaving.staying[host];
            evacuation.immovable.insert(evacuation.immovable.end(), refusals.begin(), refusals.end());
        }
    }
    return leaving;
}

void add_unplaced(const Packing& packing, Leaving& leaving, Evacuation& evacuation) {
    for (const Vm* vm : packing.unplaced) {
        ++leaving.staying[vm->host];
        const auto refused = refusals_everywhere(packing.view, *vm, purpose_of(packing.view, *vm));
        evacuation.immovable.push_back({vm->id, std::nullopt, Reason::no_target, summary(refused)});
        evacuation.rejections.insert(evacuation.rejections.end(), refused.begin(), refused.end());
    }
}

Draft draft_of(Placement placement, const ClusterView& view) {
    return {placement.vm->id,
            placement.target.host,
            is_failing(view, *placement.vm) ? Trigger::degraded : Trigger::maintenance,
            leaving_text(view.context().health, *view.at(placement.vm->host).host),
            std::move(placement.preference),
            std::move(placement.refused_targets)};
}

// A solver orders by room: among those that may go at the same time, the important ones go first.
void put_important_first(std::vector<Draft>& drafts, const ClusterView& view) {
    const auto rank = [&](const Draft& draft) { return urgency(view, *view.context().guest_of(draft.vm).vm); };
    std::stable_sort(drafts.begin(), drafts.end(), [&](const Draft& a, const Draft& b) {
        return a.least_wave != b.least_wave ? a.least_wave < b.least_wave : rank(a) > rank(b);
    });
}

void add_drafts(Packing& packing, Evacuation& evacuation) {
    std::stable_sort(packing.placed.begin(), packing.placed.end(), [&](const Placement& a, const Placement& b) {
        return urgency(packing.view, *a.vm) > urgency(packing.view, *b.vm);
    });
    for (Placement& placement : packing.placed)
        evacuation.drafts.push_back(draft_of(std::move(placement), packing.view));
}

std::string counts_text(unsigned all, unsigned under_way, unsigned staying) {
    return std::to_string(all) + (all == 1 ? " VM" : " VMs") + " on it, " + std::to_string(under_way) + " under way, " +
           std::to_string(all - under_way - staying) + " to be moved, " + std::to_string(staying) + " cannot leave";
}

void add_findings(const ClusterView& view, Leaving& leaving, Evacuation& evacuation) {
    const HealthVerdicts& health = view.context().health;
    for (const auto& [host, use] : view.hosts()) {
        if (!health.leaves(*use.host)) continue;
        const unsigned all = leaving.vms[host];
        const unsigned under_way = leaving.under_way[host];
        const unsigned staying = leaving.staying[host];
        const bool fails = is_left_for_health(health, *use.host);
        std::string text = leaving_text(health, *use.host);
        if (all == 0)
            text += fails ? "; it is empty" : " and empty";
        else
            text += (fails ? "; " : ": ") + counts_text(all, under_way, staying);
        const bool unfinished = leaving.more_follow && all > under_way + staying;
        if (unfinished) text += "; more moves follow once these have ended";
        evacuation.findings.push_back(
            {host, fails ? Trigger::degraded : Trigger::maintenance, text, staying == 0 && !unfinished});
    }
}

void add_held(const ClusterView& view, Evacuation& evacuation) {
    for (const auto& [host, verdict] : view.context().health.hosts)
        if (verdict.is_held() && !view.at(host).host->maintenance)
            evacuation.findings.push_back({host, Trigger::degraded,
                                           host.value + " is degraded: " + verdict.text +
                                               "; it is not emptied, because too many hosts are degraded",
                                           false});
}

// The cluster once what can be done at once of these has ended; false when that is nothing.
bool carry_out(const std::vector<Draft>& drafts, const Context& context, Inventory& inventory) {
    const std::vector<unsigned> waves = waves_of(drafts, context);
    for (std::size_t i = 0; i < drafts.size(); ++i)
        if (waves[i] == 0)
            relocate(inventory, drafts[i].vm, drafts[i].to, memory_resident(inventory.vms.at(drafts[i].vm)));
    return std::find(waves.begin(), waves.end(), 0U) != waves.end();
}

// What a solver found, which comes first, and a packing of those that it left out.
struct Way {
    Packing packing;
    std::vector<Draft> drafts;
    std::vector<Finding> findings;
    bool more_follow = false;
};

// Those that even then have to stay are looked at once more, for what the solver cannot express.
Way completed(RoomMade made, const std::vector<const Vm*>& movable, First first) {
    std::vector<const Vm*> rest;
    std::copy_if(movable.begin(), movable.end(), std::back_inserter(rest),
                 [&](const Vm* vm) { return !made.leaving.contains(vm->id); });
    return {best_packing(made.view, rest, first), std::move(made.drafts), std::move(made.findings), made.more_follow};
}

Way direct_way(const ClusterView& view, const std::vector<const Vm*>& movable, First first) {
    Way way{best_packing(view, movable, first), {}, {}, false};
    if (way.packing.unplaced.empty()) return way;
    std::optional<RoomMade> found = place_directly(view);
    if (!found) return way;
    Way solved = completed(std::move(*found), movable, first);
    const bool better = left_behind(solved.packing, first) < left_behind(way.packing, first);
    return better ? std::move(solved) : std::move(way);
}

std::vector<Draft> drafts_of(Way way) {
    Evacuation evacuation;
    evacuation.drafts = std::move(way.drafts);
    add_drafts(way.packing, evacuation);
    return std::move(evacuation.drafts);
}

// Whom direct moves alone would leave behind in the end, planned anew after each of their waves as they are.
std::vector<int> left_directly(Inventory inventory, const Context& now, First first) {
    while (true) {
        const Context context = make_context(inventory, now.memory, now.options, now.now);
        const ClusterView view(context);
        Evacuation unused;
        Way way = direct_way(view, collect(view, unused).movable, first);
        auto left = left_behind(way.packing, first);
        Inventory next = inventory;
        if (way.packing.unplaced.empty() || !carry_out(drafts_of(std::move(way)), context, next)) return left;
        inventory = std::move(next);
    }
}

// Where somebody found no place: others make room, if that brings more of them off their hosts than direct moves do in
// the end, and if direct moves do no worse after the first of these: so whatever is decided then, nobody is worse off.
Way best_way(const ClusterView& view, const std::vector<const Vm*>& movable, First first) {
    Way direct = direct_way(view, movable, first);
    if (direct.packing.unplaced.empty()) return direct;
    std::optional<RoomMade> made = make_room(view);
    if (!made) return direct;
    Way way = completed(std::move(*made), movable, first);
    if (left_behind(way.packing, first) >= left_behind(direct.packing, first)) return direct;
    const Context& context = view.context();
    const auto without = left_directly(context.inventory, context, first);
    if (left_behind(way.packing, first) >= without) return direct;
    Inventory then = context.inventory;
    carry_out(drafts_of(way), context, then);
    return left_directly(std::move(then), context, first) > without ? std::move(direct) : std::move(way);
}

}  // namespace

Evacuation evacuate(ClusterView& view, Others others, First first) {
    Evacuation evacuation;
    Leaving leaving = collect(view, evacuation);
    Way way = others == Others::may_move ? best_way(view, leaving.movable, first)
                                         : Way{best_packing(view, leaving.movable, first), {}, {}, false};
    leaving.more_follow = way.more_follow;
    evacuation.drafts = std::move(way.drafts);
    put_important_first(evacuation.drafts, view);
    evacuation.findings = std::move(way.findings);
    add_unplaced(way.packing, leaving, evacuation);
    add_findings(view, leaving, evacuation);
    add_held(view, evacuation);
    view = way.packing.view;
    add_drafts(way.packing, evacuation);
    return evacuation;
}

}  // namespace ballast::policy
