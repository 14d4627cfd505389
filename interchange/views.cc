#include "interchange/views.h"

#include <cmath>

#include "policy/policy.h"

namespace ballast::views {

VmNames names_in(const Inventory& inventory) {
    VmNames names;
    for (const auto& [id, vm] : inventory.vms) names[id] = vm.facts.name;
    return names;
}

std::string name_of(const VmId& id, const VmNames& names) {
    const auto known = names.find(id);
    return known == names.end() || known->second.empty() ? id.value : known->second;
}

json::value number(const std::optional<double>& value) {
    return value && std::isfinite(*value) ? json::value(*value) : json::value();
}

json::value bytes(const std::optional<Bytes>& value) {
    return value ? json::value(value->count) : json::value();
}

json::value milliseconds(const std::optional<Duration>& value) {
    return value ? json::value(value->count()) : json::value();
}

json::value time(const std::optional<WallTime>& value) {
    return value ? json::value(to_string(*value)) : json::value();
}

json::array texts(const std::vector<std::string>& values) {
    return each(values, [](const std::string& value) { return json::value(value); });
}

namespace {

json::object host_view(const HostView& host) {
    return {{"cpu_demand_ratio", number(host.cpu_demand)},
            {"memory_demand_ratio", number(host.memory_demand)},
            {"ready_ratio", number(host.ready)},
            {"overloaded", host.overloaded},
            {"state", host.state}};
}

json::value outcome(const std::optional<Outcome>& measured) {
    if (!measured) return nullptr;
    const auto iterations = measured->iterations ? json::value(*measured->iterations) : json::value();
    return json::object{{"duration_ms", measured->duration.count()},
                        {"downtime_ms", milliseconds(measured->downtime)},
                        {"transferred_bytes", bytes(measured->transferred)},
                        {"iterations", iterations}};
}

std::optional<Duration> elapsed(const Operation& operation, WallTime now) {
    if (!operation.started) return std::nullopt;
    return std::max(Duration{}, operation.ended.value_or(now) - *operation.started);
}

// What the record and the summary of a cycle have in common.
json::object cycle_head(const Cycle& cycle) {
    return {{"id", cycle.id},
            {"at", to_string(cycle.at)},
            {"mode", policy::to_string(cycle.mode)},
            {"paused", cycle.paused},
            {"operations", ids(cycle.operations)},
            {"notes", texts(cycle.notes)},
            {"observe_ms", cycle.observe_time.count()},
            {"plan_ms", cycle.plan_time.count()},
            {"act_ms", cycle.act_time.count()}};
}

}  // namespace

json::object finding(const Finding& finding) {
    return {{"host", finding.host.value},
            {"trigger", to_string(finding.trigger)},
            {"text", finding.text},
            {"resolved_by_plan", finding.resolved_by_plan}};
}

json::object rejection(const Rejection& rejection, const VmNames& names) {
    return {{"vm", rejection.vm.value},
            {"vm_name", name_of(rejection.vm, names)},
            {"target", rejection.target ? json::value(rejection.target->value) : json::value()},
            {"reason", to_string(rejection.reason)},
            {"text", explain(rejection.reason)},
            {"detail", rejection.detail},
            {"advisory", policy::advisory(rejection.reason)}};
}

json::array rejections(const std::vector<Rejection>& rejections, const VmNames& names) {
    return each(rejections, [&](const Rejection& one) { return rejection(one, names); });
}

json::object prediction(const Prediction& prediction) {
    return {{"duration_ms", prediction.duration.count()},
            {"downtime_ms", prediction.downtime.count()},
            {"transferred_bytes", prediction.transferred.count},
            {"disk_bytes", prediction.disk.count},
            {"converges", prediction.converges}};
}

json::object effect(const Effect& effect) {
    return {{"source_cpu_before_ratio", number(effect.source_cpu_before)},
            {"source_cpu_after_ratio", number(effect.source_cpu_after)},
            {"target_cpu_before_ratio", number(effect.target_cpu_before)},
            {"target_cpu_after_ratio", number(effect.target_cpu_after)},
            {"source_memory_before_ratio", number(effect.source_memory_before)},
            {"source_memory_after_ratio", number(effect.source_memory_after)},
            {"target_memory_before_ratio", number(effect.target_memory_before)},
            {"target_memory_after_ratio", number(effect.target_memory_after)}};
}

json::object move(const Move& move, const VmNames& names) {
    return {{"vm", move.vm.value},
            {"vm_name", name_of(move.vm, names)},
            {"from", move.from.value},
            {"to", move.to.value},
            {"trigger", to_string(move.trigger)},
            {"wave", move.wave},
            {"reason", move.reason},
            {"prediction", prediction(move.prediction)},
            {"effect", effect(move.effect)},
            {"disks", texts(move.disks)},
            {"refused_targets", rejections(move.refused_targets, names)}};
}

json::object restart(const Restart& restart, const VmNames& names) {
    return {{"vm", restart.vm.value},
            {"vm_name", name_of(restart.vm, names)},
            {"from", restart.from.value},
            {"to", restart.to.value},
            {"wave", restart.wave},
            {"reason", restart.reason},
            {"refused_targets", rejections(restart.refused_targets, names)}};
}

json::object power_change(const PowerChange& change) {
    return {{"host", change.host.value}, {"on", change.on}, {"wave", change.wave}, {"reason", change.reason}};
}

json::array moves(const std::vector<Move>& moves, const VmNames& names) {
    return each(moves, [&](const Move& one) { return move(one, names); });
}

json::object plan(const Plan& plan, const VmNames& names) {
    json::object hosts;
    for (const auto& [id, host] : plan.hosts) hosts[id.value] = host_view(host);
    json::object out = decisions(plan, names);
    out["rejections"] = rejections(plan.rejections, names);
    out["hosts"] = std::move(hosts);
    return out;
}

json::object decisions(const Plan& plan, const VmNames& names) {
    return {{"findings", each(plan.findings, finding)},
            {"warnings", texts(plan.warnings)},
            {"restarts", each(plan.restarts, [&](const Restart& one) { return restart(one, names); })},
            {"moves", moves(plan.moves, names)},
            {"power", each(plan.power, power_change)},
            {"immovable", rejections(plan.immovable, names)},
            {"brake", plan.brake},
            {"imbalance_before", number(plan.score_before)},
            {"imbalance_after", number(plan.score_after)}};
}

static json::value progress(const Operation& operation) {
    if (operation.state != OperationState::running || !operation.progress) return nullptr;
    const Progress& now = *operation.progress;
    return json::object{{"total_bytes", now.total.count},
                        {"processed_bytes", now.processed.count},
                        {"remaining_bytes", now.remaining.count},
                        {"iteration", now.iteration},
                        {"throughput_mib_per_s", number(now.throughput_mib_per_s)}};
}

json::object operation(const Operation& operation, WallTime now) {
    return {{"id", operation.id.value},
            {"vm", operation.vm.value},
            {"vm_name", operation.vm_name},
            {"from", operation.from.value},
            {"to", operation.to.value},
            {"trigger", to_string(operation.trigger)},
            {"reason", operation.reason},
            {"cycle", operation.cycle},
            {"requested_by", operation.requested_by},
            {"state", to_string(operation.state)},
            {"final", is_final(operation.state)},
            {"attempt", operation.attempt},
            {"prediction", prediction(operation.prediction)},
            {"outcome", outcome(operation.outcome)},
            {"progress", progress(operation)},
            {"method", operation.method},
            {"message", operation.message},
            {"alarm", operation.alarm},
            {"memory_bytes", operation.memory.count},
            {"disks", texts(operation.disks)},
            {"disk_bytes", operation.disk.count},
            {"created_at", to_string(operation.created)},
            {"updated_at", to_string(operation.updated)},
            {"started_at", time(operation.started)},
            {"ended_at", time(operation.ended)},
            {"elapsed_ms", milliseconds(elapsed(operation, now))}};
}

json::array operations(const std::vector<Operation>& operations, WallTime now) {
    return each(operations, [&](const Operation& one) { return operation(one, now); });
}

json::object cycle(const Cycle& cycle) {
    json::object out = cycle_head(cycle);
    out["plan"] = plan(cycle.plan, cycle.vm_names);
    return out;
}

json::object cycle_summary(const Cycle& cycle) {
    json::object out = cycle_head(cycle);
    out["findings"] = cycle.plan.findings.size();
    out["moves"] = cycle.plan.moves.size();
    out["restarts"] = cycle.plan.restarts.size();
    out["power"] = cycle.plan.power.size();
    out["immovable"] = vms_in(cycle.plan.immovable);
    return out;
}

json::object mode(const ModeState& state) {
    return {{"mode", policy::to_string(state.mode)},
            {"policy_mode", policy::to_string(state.policy_mode)},
            {"mode_overridden", state.overridden},
            {"paused", !state.paused_by.empty()},
            {"paused_by", state.paused_by}};
}

}  // namespace ballast::views
