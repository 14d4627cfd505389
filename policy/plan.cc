// plan() and refusals(): the planners, one after the other, on one view of the cluster.
#include <algorithm>
#include <iterator>

#include "policy/balance.h"
#include "policy/capacity.h"
#include "policy/consolidate.h"
#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/evacuate.h"
#include "policy/experience.h"
#include "policy/foresight.h"
#include "policy/outlook.h"
#include "policy/policy.h"
#include "policy/relieve.h"
#include "policy/repair.h"
#include "policy/restart.h"
#include "policy/return_home.h"

namespace ballast::policy {

namespace {

std::string state_of(const ClusterView& view, const HostUse& use) {
    const Host& host = *use.host;
    const HostMemory& detectors = remembered(view.context(), host.id);
    if (host.lost) return "lost";
    if (host.power != PowerState::on) return to_string(host.power);
    if (host.connection == Connection::down) return "down";
    if (!is_fresh(host)) return "stale";
    if (host.maintenance) return use.occupants.empty() ? "maintenance" : "draining";
    if (const auto sick = view.context().health.hosts.find(host.id); sick != view.context().health.hosts.end())
        if (sick->second.wanted >= HealthAction::cordon) return "degraded";
    if (any_set(detectors)) return "overloaded";
    return any_above(detectors) ? "hot" : "ok";
}

HostView view_of(const ClusterView& view, const HostId& host) {
    HostView result;
    const HostUse& use = view.at(host);
    const HostMemory& detectors = remembered(view.context(), host);
    result.cpu_demand = ratio_of(use.cpu_now, use.usable_cpus);
    result.memory_demand = ratio_of(use.memory_now, static_cast<double>(use.host->facts.memory_total.count));
    result.ready = known(detectors.ready_ratio).value_or(0);
    result.overloaded = any_set(detectors);
    result.state = state_of(view, use);
    return result;
}

template <class T>
void append(std::vector<T>& all, std::vector<T>&& more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void after_their_moves(Plan& plan) {
    for (PowerChange& change : plan.power)
        for (const Move& move : plan.moves)
            if (move.from == change.host) change.wave = std::max(change.wave, move.wave + 1);
}

// Overloaded now, or so soon that a host that is off would have to be switched on for it.
bool cannot_wait(const Context& context, const HostId& host) {
    const HostMemory& detectors = remembered(context, host);
    return any_set(detectors) || (overload_expected(detectors) && is_due(context, detectors.outlook->hour));
}

Unmet unmet_of(const Context& context, const Relief& relief, const Evacuation& evacuation) {
    Unmet unmet;
    for (const Finding& finding : relief.findings)
        if (!finding.resolved_by_plan && cannot_wait(context, finding.host)) unmet.overloaded.push_back(finding.host);
    for (const Rejection& rejection : evacuation.immovable)
        if (rejection.reason == Reason::no_target) unmet.stranded.push_back(rejection.vm);
    return unmet;
}

// Where somebody leaves a failing host, the important ones come first and are not left behind for others' sake.
First whom_first(const Context& context) {
    const auto& sick = context.health.hosts;
    return std::any_of(sick.begin(), sick.end(),
                       [](const auto& host) { return host.second.action >= HealthAction::evacuate; })
               ? First::wished_priority
               : First::most;
}

// Who leaves a host that may be gone at any moment, and waits for nobody to make room, goes before all others.
void put_rescued_first(std::vector<Draft>& drafts, const Context& context) {
    std::stable_partition(drafts.begin(), drafts.end(), [&](const Draft& draft) {
        const Host* host = context.guest_of(draft.vm).on;
        return draft.least_wave == 0 && purpose_of_leaving(context, *host) == Purpose::rescue;
    });
}

// All planners but that of restarts. Balance is for when nothing else is wanted: `calm` says that nothing is so far.
// `down`: see Unmet.
Plan plan_moves(const Inventory& inventory, const Memory& memory, const Options& options, Instant now,
                const SearchEffort& effort, bool calm, std::map<VmId, std::set<HostId>> down = {}) {
    const Context context = make_context(inventory, memory, options, now);
    ClusterView before(context);
    ClusterView view = before;
    Plan plan;
    for (const auto& [id, use] : before.hosts()) plan.hosts.emplace(id, view_of(before, id));
    // What an operator ordered gets its room first; relief then sees where those VMs will be. But relief leaves first:
    // its moves are few, and somebody suffers now. Only hosts that may be gone at any moment are left before. Rules are
    // repaired with the room that is left, and before balance, which would only look for places to be left again.
    Evacuation evacuation = evacuate(view, Others::may_move, whom_first(context));
    Relief relief = relieve(view);
    Unmet unmet = unmet_of(context, relief, evacuation);
    unmet.down = std::move(down);
    append(relief.drafts, std::move(evacuation.drafts));
    put_rescued_first(relief.drafts, context);
    Repair mending = repair(view, relief.drafts.empty() ? Others::may_move : Others::stay);
    append(relief.drafts, std::move(mending.drafts));
    Homecoming back = return_home(view);
    append(relief.drafts, std::move(back.drafts));
    Consolidation few = consolidate(view, unmet, relief.drafts.empty() && calm);
    append(relief.drafts, std::move(few.drafts));
    const Balance even = relief.drafts.empty() && few.power.empty() && calm ? balance(view, effort) : Balance{};
    append(relief.drafts, std::vector(even.drafts));
    plan.score_before = before.imbalance();
    plan.moves = finished(std::move(relief.drafts), std::move(before));
    plan.power = std::move(few.power);
    after_their_moves(plan);
    plan.findings = std::move(relief.findings);
    append(plan.findings, std::move(evacuation.findings));
    append(plan.findings, std::move(mending.findings));
    append(plan.findings, std::move(back.findings));
    append(plan.findings, std::move(few.findings));
    append(plan.findings, std::vector(even.findings));
    plan.immovable = std::move(evacuation.immovable);
    plan.rejections = std::move(relief.rejections);
    append(plan.rejections, std::move(evacuation.rejections));
    append(plan.rejections, std::move(mending.rejections));
    append(plan.rejections, std::move(back.rejections));
    plan.brake = brake_text(memory);
    plan.warnings = contradictions(context.book, inventory, options);
    append(plan.warnings, std::vector(context.health.warnings));
    append(plan.warnings, room_warnings(view.room(), context.largest_vm, inventory, options));
    plan.score_after = view.imbalance();
    return plan;
}

// What comes first, and above all in reports.
template <class T>
void prepend(std::vector<T>& all, std::vector<T>&& first) {
    append(first, std::move(all));
    all = std::move(first);
}

}  // namespace

Plan plan(const Inventory& inventory, const Memory& memory, const Options& options, Instant now,
          const SearchEffort& effort) {
    if (!any_lost(inventory)) return plan_moves(inventory, memory, options, now, effort, true);
    Aftermath after = restart(inventory, memory, options, now);
    const bool calm = after.restarts.empty() && after.room_off.empty();
    Plan plan = plan_moves(after.inventory, memory, options, now, effort, calm, std::move(after.room_off));
    const Context context = make_context(inventory, memory, options, now);
    const ClusterView seen(context);
    for (const auto& [id, use] : seen.hosts()) plan.hosts.insert_or_assign(id, view_of(seen, id));
    plan.restarts = std::move(after.restarts);
    prepend(plan.findings, std::move(after.findings));
    prepend(plan.immovable, std::move(after.stranded));
    prepend(plan.rejections, std::move(after.rejections));
    return plan;
}

std::vector<Rejection> refusals(const Inventory& inventory, const Memory& memory, const Options& options, VmId vm,
                                HostId target, Instant now) {
    const auto found = inventory.vms.find(vm);
    if (found == inventory.vms.end()) return {{vm, target, Reason::facts_unknown, "there is no such VM"}};
    const auto host = inventory.hosts.find(target);
    if (host == inventory.hosts.end()) return {{vm, target, Reason::host_unreachable, "there is no such host"}};
    const Context context = make_context(inventory, memory, options, now);
    const ClusterView view(context);
    auto all = vm_refusals(context, found->second, Purpose::manual);
    append(all, target_refusals(view, found->second, host->second, Purpose::manual));
    return all;
}

bool advisory(Reason reason) {
    switch (reason) {
        case Reason::cooldown:
        case Reason::window:
        case Reason::cpu:
        case Reason::no_benefit:
        case Reason::limit_outgoing:
        case Reason::limit_incoming:
        case Reason::limit_cluster:
        case Reason::limit_sites:
        case Reason::site: return true;
        default: return false;
    }
}

}  // namespace ballast::policy
