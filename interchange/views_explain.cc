#include "interchange/views_explain.h"

#include <algorithm>

#include "interchange/views_health.h"
#include "policy/capacity.h"
#include "policy/constraints/constraint.h"
#include "policy/detectors.h"
#include "policy/estimators.h"
#include "policy/need.h"
#include "policy/overload_limit.h"
#include "policy/staying.h"

namespace ballast::views {

namespace {

constexpr std::size_t entries_shown = 20;  // of operations and of cycles: the history has the rest

Effect effect_of(const policy::ClusterView& before, const Vm& vm, const HostId& to) {
    policy::ClusterView after = before;
    after.apply(vm, to);
    Effect effect;
    effect.source_cpu_before = before.cpu_ratio(vm.host);
    effect.source_cpu_after = after.cpu_ratio(vm.host);
    effect.target_cpu_before = before.cpu_ratio(to);
    effect.target_cpu_after = after.cpu_ratio(to);
    effect.source_memory_before = before.memory_ratio(vm.host);
    effect.source_memory_after = after.memory_ratio(vm.host);
    effect.target_memory_before = before.memory_ratio(to);
    effect.target_memory_after = after.memory_ratio(to);
    return effect;
}

json::array targets_of(const policy::ClusterView& view, const Seen& seen, const Vm& vm, bool may_move) {
    const VmNames names{{vm.id, vm.facts.name}};
    json::array out;
    for (const auto& [id, host] : seen.inventory.hosts) {
        if (id == vm.host) continue;
        const auto refusals = policy::target_refusals(view, vm, host, policy::Purpose::manual);
        const bool possible = may_move && refusals.empty();
        const auto effect = possible ? json::value(views::effect(effect_of(view, vm, id))) : json::value();
        out.push_back(json::object{
            {"host", id.value}, {"possible", possible}, {"refusals", rejections(refusals, names)}, {"effect", effect}});
    }
    return out;
}

json::array operations_of(const Seen& seen, const VmId& vm) {
    json::array out;
    const auto add = [&](const Operation& op) {
        if (op.vm == vm && out.size() < entries_shown) out.push_back(operation(op, seen.wall_now));
    };
    std::for_each(seen.active.rbegin(), seen.active.rend(), add);
    std::for_each(seen.ended.rbegin(), seen.ended.rend(), add);
    return out;
}

// One line of "the last cycles that named it".
struct Mention {
    const char* kind;
    std::string text;
};

std::string told(const Rejection& rejection) {
    std::string text = rejection.target ? rejection.target->value + ": " : "";
    text += explain(rejection.reason);
    return rejection.detail.empty() ? text : text + " (" + rejection.detail + ")";
}

std::string arrow(const HostId& from, const HostId& to, const std::string& reason) {
    return from.value + " -> " + to.value + ": " + reason;
}

std::optional<Mention> mention_of(const Plan& plan, const VmId& vm) {
    for (const Restart& restart : plan.restarts)
        if (restart.vm == vm) return Mention{"restart", arrow(restart.from, restart.to, restart.reason)};
    for (const Move& move : plan.moves)
        if (move.vm == vm) return Mention{"move", arrow(move.from, move.to, move.reason)};
    for (const Rejection& rejection : plan.immovable)
        if (rejection.vm == vm) return Mention{"immovable", told(rejection)};
    for (const Rejection& rejection : plan.rejections)
        if (rejection.vm == vm) return Mention{"rejection", told(rejection)};
    return std::nullopt;
}

std::optional<Mention> mention_of(const Plan& plan, const HostId& host) {
    for (const Finding& finding : plan.findings)
        if (finding.host == host) return Mention{"finding", finding.text};
    for (const Move& move : plan.moves)
        if (move.to == host) return Mention{"move", arrow(move.from, move.to, move.reason)};
    for (const Restart& restart : plan.restarts)
        if (restart.to == host) return Mention{"restart", arrow(restart.from, restart.to, restart.reason)};
    for (const PowerChange& change : plan.power)
        if (change.host == host) return Mention{"power", (change.on ? "on: " : "off: ") + change.reason};
    return std::nullopt;
}

template <class Id>
json::array cycles_naming(const Seen& seen, const Id& subject) {
    json::array out;
    for (auto cycle = seen.cycles.rbegin(); cycle != seen.cycles.rend() && out.size() < entries_shown; ++cycle)
        if (const auto mention = mention_of(cycle->plan, subject))
            out.push_back(json::object{
                {"id", cycle->id}, {"at", to_string(cycle->at)}, {"kind", mention->kind}, {"text", mention->text}});
    return out;
}

struct Detector {
    const char* name;
    std::optional<double> value;
    policy::Threshold limit;  // in force
    const policy::DetectorState& state;
    const char* unit = "ratio";
};

std::vector<Detector> detectors_of(const Seen& seen, const Host& host, const policy::HostMemory& memory) {
    const policy::OverloadOptions& limits = seen.options.overload;
    const double usable = policy::usable_cpus(host, seen.options);
    std::optional<double> cpu, ready, swap;
    if (memory.cpu_known && usable > 0) cpu = memory.cpu_demand_cores / usable;
    if (memory.last_sample) ready = memory.ready_ratio;
    if (memory.swap.last_value) swap = memory.swap_in_mib_per_s;
    return {{"cpu", cpu, policy::cpu_threshold(memory, limits), memory.cpu},
            {"ready", ready, limits.ready, memory.ready},
            {"memory", policy::measured_memory_ratio(host), limits.memory, memory.memory},
            {"memory_pressure", host.load.pressure.memory_some, limits.memory_pressure, memory.memory_pressure},
            {"swap", swap, limits.swap, memory.swap, "mib_per_s"}};
}

std::optional<Duration> above_for(const Seen& seen, const policy::DetectorState& state) {
    if (!state.above_since) return std::nullopt;
    return std::max(Duration{}, seen.now - *state.above_since);
}

json::object detector_view(const Seen& seen, const Detector& detector) {
    const std::string unit = std::string("_") + detector.unit;
    return {{"name", detector.name},
            {"enabled", seen.options.overload.enabled},
            {"value" + unit, number(detector.value)},
            {"above" + unit, detector.limit.above},
            {"below" + unit, detector.limit.below},
            {"persistence_ms", detector.limit.persistence.count()},
            {"above_for_ms", milliseconds(above_for(seen, detector.state))},
            {"set", detector.state.set}};
}

std::string limit_text(const Detector& detector) {
    const bool is_ratio = std::string_view(detector.unit) == "ratio";
    return is_ratio ? percent(detector.limit.above) : fixed(detector.limit.above, 1) + " MiB/s";
}

// "memory_pressure" as people write it.
std::string spelled(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

// "cpu is above 80 % for 2 min, overloaded after 5 min": values that are above but have not persisted.
std::string rising_text(const Seen& seen, const std::vector<Detector>& detectors) {
    std::string text;
    for (const Detector& detector : detectors) {
        const auto since = above_for(seen, detector.state);
        if (!since) continue;
        text += text.empty() ? "" : "; ";
        text += spelled(detector.name) + " is above " + limit_text(detector) + " for " + to_string(*since) +
                ", overloaded after " + to_string(detector.limit.persistence);
    }
    return text;
}

// What the plan found about the loss of this host.
std::string loss_text(const Plan& plan, const HostId& host) {
    for (const Finding& finding : plan.findings)
        if (finding.host == host && finding.trigger == Trigger::host_loss) return finding.text;
    return host.value + " is lost";
}

// Why a host that does not report is left alone.
std::string silence_text(const Host& host) {
    if (host.power != PowerState::on) return host.id.value + " is " + spelled(to_string(host.power));
    return host.id.value + " is left alone: " + (host.problem.empty() ? "it does not report" : host.problem);
}

std::string verdict(const policy::ClusterView& view, const Seen& seen, const Host& host, const Plan& plan,
                    const std::vector<Detector>& detectors) {
    const policy::HostMemory& memory = policy::remembered(view.context(), host.id);
    if (host.lost) return loss_text(plan, host.id);
    if (!policy::is_fresh(host)) return silence_text(host);
    if (host.maintenance) {
        const auto left = view.at(host.id).occupants.size();
        return host.id.value + " is in maintenance; VMs on it or on their way: " + std::to_string(left);
    }
    std::string health = health_verdict(seen, host, view.at(host.id).occupants.size());
    if (!health.empty()) return health;
    if (!seen.options.overload.enabled) return "overload detection is switched off";
    if (policy::wants_relief(memory)) return policy::overload_text(view, host.id);
    const std::string rising = rising_text(seen, detectors);
    return rising.empty() ? host.id.value + " is not overloaded: no value is above its limit"
                          : "not overloaded yet: " + rising;
}

template <class Predicate>
std::vector<Move> moves_where(const Plan& plan, Predicate predicate) {
    std::vector<Move> out;
    std::copy_if(plan.moves.begin(), plan.moves.end(), std::back_inserter(out), predicate);
    return out;
}

std::vector<Restart> restarts_touching(const Plan& plan, const HostId& host) {
    std::vector<Restart> out;
    std::copy_if(plan.restarts.begin(), plan.restarts.end(), std::back_inserter(out),
                 [&](const Restart& restart) { return restart.from == host || restart.to == host; });
    return out;
}

std::vector<Rejection> staying(const Seen& seen, const Plan& plan, const HostId& host) {
    std::vector<Rejection> out = plan.immovable;
    out.insert(out.end(), plan.rejections.begin(), plan.rejections.end());
    std::erase_if(out, [&](const Rejection& rejection) {
        const auto vm = seen.inventory.vms.find(rejection.vm);
        return vm == seen.inventory.vms.end() || vm->second.host != host;
    });
    return out;
}

std::vector<PowerChange> changes_of(const Plan& plan, const HostId& host) {
    std::vector<PowerChange> out;
    std::copy_if(plan.power.begin(), plan.power.end(), std::back_inserter(out),
                 [&](const PowerChange& change) { return change.host == host; });
    return out;
}

std::vector<Finding> findings_on(const Plan& plan, const HostId& host) {
    std::vector<Finding> out;
    for (const Finding& finding : plan.findings)
        if (finding.host == host) out.push_back(finding);
    return out;
}

std::vector<Rejection> refusals_of(const Plan& plan, const VmId& vm) {
    std::vector<Rejection> out;
    for (const auto* list : {&plan.immovable, &plan.rejections})
        std::copy_if(list->begin(), list->end(), std::back_inserter(out),
                     [&](const Rejection& rejection) { return rejection.vm == vm; });
    return out;
}

// The VMs that leave its host in its place.
std::string others_leaving(const Seen& seen, const Plan& plan, const HostId& host) {
    std::string names;
    for (const Move& move : plan.moves)
        if (move.from == host) names += (names.empty() ? "" : ", ") + seen.inventory.vms.at(move.vm).facts.name;
    return names;
}

// Of a VM that may yet come home after a maintenance, and does not now; empty for others.
std::string home_verdict(const Seen& seen, const Vm& vm, const Plan& plan) {
    if (!seen.options.maintenance.return_home) return {};
    for (const Home& home : seen.inventory.homes) {
        if (home.vm != vm.id) continue;
        const std::string left = "It left " + home.host.value + " for a maintenance";
        if (!home.maintenance_ended) return left + " and comes back when that is over.";
        const auto refused = refusals_of(plan, vm.id);
        if (!refused.empty()) return left + " and is to come back, but " + told(refused.front()) + ".";
    }
    return {};
}

// Why nothing is planned for a VM that may be moved, or what keeps it where it should not stay.
std::string verdict_without_move(const Seen& seen, const Vm& vm, const Plan& plan) {
    const auto findings = findings_on(plan, vm.host);
    const auto host = seen.inventory.hosts.find(vm.host);
    if (host != seen.inventory.hosts.end() && !policy::is_fresh(host->second))
        return "Nothing is decided about it, because " + vm.host.value + " does not report.";
    const std::string home = home_verdict(seen, vm, plan);
    if (!home.empty()) return home;
    if (findings.empty() && host != seen.inventory.hosts.end())
        if (const std::string health = health_verdict(seen, host->second, 0); !health.empty())
            return "Nothing asks for a move: " + health + ".";
    if (findings.empty())
        return "Nothing asks for a move: " + vm.host.value + " is neither overloaded nor degraded nor in maintenance.";
    const auto refused = refusals_of(plan, vm.id);
    if (!refused.empty()) return "Its host needs relief or is to be emptied, but " + told(refused.front()) + ".";
    const std::string others = others_leaving(seen, plan, vm.host);
    if (others.empty()) return "Its host needs relief, but no move of this VM would bring it.";
    return "It may stay: " + vm.host.value + " is relieved by moving " + others + ".";
}

// Of a VM whose host is lost.
std::string loss_verdict(const Vm& vm, const Plan& plan) {
    for (const Restart& restart : plan.restarts)
        if (restart.vm == vm.id) return "It can be started on " + restart.to.value + ": " + restart.reason;
    const auto refused = refusals_of(plan, vm.id);
    const std::string lost = vm.host.value + " is lost";
    if (refused.empty()) return lost + ", and it did not run there: nothing is started.";
    return lost + ", and it can be started nowhere: " + told(refused.front()) + ".";
}

bool is_lost(const Seen& seen, const HostId& id) {
    const auto host = seen.inventory.hosts.find(id);
    return host != seen.inventory.hosts.end() && host->second.lost;
}

std::string vm_verdict(const Seen& seen, const Vm& vm, const Plan& plan) {
    if (is_lost(seen, vm.host)) return loss_verdict(vm, plan);
    for (const Operation& op : seen.active)
        if (op.vm == vm.id && op.state != OperationState::waiting)
            return "It is on its way to " + op.to.value + ": " + op.reason;
    for (const Move& move : plan.moves)
        if (move.vm == vm.id) return "It is wanted on " + move.to.value + ": " + move.reason;
    return verdict_without_move(seen, vm, plan);
}

json::value planned_move(const Plan& plan, const VmId& vm, const VmNames& names) {
    for (const Move& one : plan.moves)
        if (one.vm == vm) return move(one, names);
    return nullptr;
}

json::value planned_restart(const Plan& plan, const VmId& vm, const VmNames& names) {
    for (const Restart& one : plan.restarts)
        if (one.vm == vm) return restart(one, names);
    return nullptr;
}

}  // namespace

json::object explain_vm(const Seen& seen, const Vm& vm, const Plan& dry_run) {
    const VmNames names{{vm.id, vm.facts.name}};
    const auto context = policy::make_context(seen.inventory, seen.memory, seen.options, seen.now);
    const policy::ClusterView view(context);
    const auto stays_because = policy::vm_refusals(context, vm, policy::Purpose::manual);
    const bool may_move = stays_because.empty();
    const auto known = seen.memory.vms.find(vm.id);
    const auto memory = known == seen.memory.vms.end() ? policy::VmMemory{} : known->second;
    return {{"vm", vm_detail(seen, vm, may_move)},
            {"verdict", vm_verdict(seen, vm, dry_run)},
            {"planned", planned_move(dry_run, vm.id, names)},
            {"host_lost", is_lost(seen, vm.host)},
            {"restart", planned_restart(dry_run, vm.id, names)},
            {"refused_by_plan", rejections(refusals_of(dry_run, vm.id), names)},
            {"may_move", may_move},
            {"stays_because", rejections(stays_because, names)},
            {"prediction", prediction(policy::predict(vm, memory, seen.options.migration))},
            {"targets", targets_of(view, seen, vm, may_move)},
            {"operations", operations_of(seen, vm.id)},
            {"cycles", cycles_naming(seen, vm.id)}};
}

namespace {
// Empty where the plan has other news of it.
std::string why_it_stays_on(const policy::ClusterView& view, const Host& host, const Plan& plan) {
    const bool goes = std::any_of(plan.moves.begin(), plan.moves.end(), [&](const Move& move) {
        return move.from == host.id && move.trigger == Trigger::consolidation;
    });
    return goes || !changes_of(plan, host.id).empty() ? "" : policy::reason_to_stay_on(view, host.id);
}
}  // namespace

json::object explain_host(const Seen& seen, const Host& host, const Plan& dry_run) {
    const auto context = policy::make_context(seen.inventory, seen.memory, seen.options, seen.now);
    const policy::ClusterView view(context);
    const policy::HostMemory& memory = policy::remembered(context, host.id);
    const auto detectors = detectors_of(seen, host, memory);
    const VmNames names = names_in(seen.inventory);
    return {{"host", views::host(seen, host)},
            {"verdict", verdict(view, seen, host, dry_run, detectors)},
            {"stays_on_because", why_it_stays_on(view, host, dry_run)},
            {"detectors", each(detectors, [&](const Detector& one) { return detector_view(seen, one); })},
            {"findings", each(findings_on(dry_run, host.id), finding)},
            {"leaves", moves(moves_where(dry_run, [&](const Move& move) { return move.from == host.id; }), names)},
            {"arrives", moves(moves_where(dry_run, [&](const Move& move) { return move.to == host.id; }), names)},
            {"restarts",
             each(restarts_touching(dry_run, host.id), [&](const Restart& one) { return restart(one, names); })},
            {"power", each(changes_of(dry_run, host.id), power_change)},
            {"stays", rejections(staying(seen, dry_run, host.id), names)},
            {"operations", operations(touching(seen, host.id), seen.wall_now)},
            {"cycles", cycles_naming(seen, host.id)}};
}

}  // namespace ballast::views
