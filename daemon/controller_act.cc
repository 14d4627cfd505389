// From a plan to orders: which of its moves, restarts and changes of power are begun now, and which proposals stand.
#include <algorithm>
#include <set>

#include "daemon/controller.h"
#include "daemon/power_overlay.h"
#include "model/names.h"

namespace ballast::daemon {

// The inventory that was planned from stays as it is until the next cycle: planned_.
boost::asio::awaitable<void> Controller::act(Cycle& cycle) {
    co_await withdraw_stale_proposals(cycle);
    for (std::string& note : failover_.notes()) cycle.notes.push_back(std::move(note));
    co_await start_restarts(cycle);
    if (cycle.mode == policy::Mode::observe || cycle.paused) co_return;
    std::set<HostId> undecided;  // what a host is asked about is one set: no more until it is decided
    for (const Operation& op : executor_.active())
        if (op.state == OperationState::waiting) undecided.insert(op.from);
    for (const Move& move : cycle.plan.moves) {
        if (move.wave > 0) break;
        const bool waiting = cycle.mode == policy::Mode::confirm;
        if (waiting && undecided.contains(move.from)) continue;
        if (!waiting && !executor_.slot_free(move.from, move.to)) continue;
        std::string name = planned_.inventory.vms[move.vm].facts.name;
        co_await start_move(cycle, move, std::move(name), waiting);
    }
    if (cycle.mode == policy::Mode::automatic) co_await switch_power(cycle);
}

namespace {
// Why no VM of a lost host is started; nothing when it may be. Whose host a person had cut off has that person's word.
std::string holds_restarts(const Cycle& cycle, bool enabled, const std::optional<PowerRecord>& power) {
    if (cycle.paused) return "Ballast is paused";
    if (power && is_persons(*power)) return {};
    if (cycle.mode != policy::Mode::automatic)
        return "in mode " + policy::to_string(cycle.mode) + " only those of a host that a person has had cut off are";
    return enabled ? "" : "failover.enabled is false";
}
}  // namespace

// Later waves are those of a lower priority: they are planned anew once the first ones are under way.
boost::asio::awaitable<void> Controller::start_restarts(Cycle& cycle) {
    auto& vms = planned_.inventory.vms;
    const std::vector<Restart> restarts = cycle.plan.restarts;
    unsigned wave = 0;
    bool waits = false;                                       // for those of this wave
    std::map<std::string, std::vector<std::string>> refused;  // by reason
    for (const Restart& restart : restarts) {
        const auto power = power_switch_.record(restart.from);
        if (const std::string held = holds_restarts(cycle, policy_.failover.enabled, power); !held.empty()) {
            refused[held].push_back(vms[restart.vm].facts.name);
            continue;
        }
        if (restart.wave > wave && waits) break;
        wave = restart.wave;
        Operation draft;
        draft.vm = restart.vm;
        draft.vm_name = vms[restart.vm].facts.name;
        draft.from = restart.from;
        draft.to = restart.to;
        draft.trigger = Trigger::host_loss;
        draft.reason = restart.reason;
        draft.cycle = cycle.id;
        draft.requested_by = "policy";
        std::string name = draft.vm_name;
        const auto id = co_await executor_.restart(std::move(draft));
        waits = waits || id || id.error().code != ErrorCode::invalid;
        if (id)
            cycle.operations.push_back(*id);
        else
            refused[id.error().subject == name ? id.error().message : to_string(id.error())].push_back(name);
    }
    for (const auto& [why, names] : refused) cycle.notes.push_back(names_are(names) + " not started: " + why);
}

// Later waves tell what follows: they are planned anew once the moves before them have ended.
// Just after a start too few hosts seem to be on: those that were not sampled yet, and may be any moment.
bool Controller::is_still_looking() const {
    if (clock_.now() - started_ >= options_.stale_after) return false;
    const Inventory seen = inventory();
    return std::any_of(seen.hosts.begin(), seen.hosts.end(), [](const auto& entry) {
        const Host& host = entry.second;
        return host.power == PowerState::on && host.connection != Connection::down && !host.sampled_at;
    });
}

boost::asio::awaitable<void> Controller::switch_power(Cycle& cycle) {
    const bool too_early = is_still_looking();
    for (const PowerChange& change : cycle.plan.power) {
        if (change.wave > 0 || (change.on && too_early)) continue;
        const auto record = power_switch_.record(change.host);
        const bool drill = !change.on && !(record && is_proven(*record, options_.power, clock_.wall_now()));
        std::string reason = change.reason;
        if (drill) reason += "; in a drill first: that it can be woken was not proven lately";
        std::string by = "policy";
        Result<void> begun = Result<void>();
        if (change.on)
            begun = co_await power_switch_.switch_on(change.host, std::move(reason), std::move(by));
        else
            begun = co_await begin_switch_off(change.host, drill, std::move(reason), std::move(by));
        if (!begun) cycle.notes.push_back(change.host.value + " is not switched: " + to_string(begun.error()));
    }
}

// A proposal lives until its reason is gone or it has become impossible. Not just until the next plan prefers another
// VM: among VMs that are alike each sample does, and nobody could approve what changes with every cycle.
bool Controller::still_proposed(const Operation& op, const Plan& plan, const Inventory& seen) const {
    if (mode() != policy::Mode::confirm || paused()) return false;
    const HostId& reason = op.trigger == Trigger::return_home ? op.to : op.from;
    const bool reason_lasts = std::any_of(plan.findings.begin(), plan.findings.end(), [&](const Finding& finding) {
        return (finding.host.empty() || finding.host == reason) && finding.trigger == op.trigger;
    });
    const auto vm = seen.vms.find(op.vm);
    if (!reason_lasts || vm == seen.vms.end() || vm->second.host != op.from) return false;
    const auto refusals = policy::refusals(seen, memory_, policy_, op.vm, op.to, clock_.now());
    return std::all_of(refusals.begin(), refusals.end(),
                       [](const Rejection& refusal) { return policy::advisory(refusal.reason); });
}

boost::asio::awaitable<void> Controller::withdraw_stale_proposals(const Cycle& cycle) {
    for (const Operation& op : executor_.active()) {
        if (op.state != OperationState::waiting || op.trigger == Trigger::manual) continue;
        if (!still_proposed(op, cycle.plan, planned_.inventory))
            co_await executor_.cancel(op.id, "the policy, which no longer wants it");
    }
}

boost::asio::awaitable<void> Controller::start_move(Cycle& cycle, Move move, std::string vm_name, bool waiting) {
    for (const Operation& op : executor_.active())
        if (op.vm == move.vm) co_return;  // proposed before and still wanted
    if (move.trigger == Trigger::maintenance && maintenance_by_.contains(move.from)) {
        homes_.leaving(move.vm, move.from, move.to);
        co_await keep_homes();
    }
    Operation draft;
    draft.vm = move.vm;
    draft.vm_name = vm_name;
    draft.from = move.from;
    draft.to = move.to;
    draft.trigger = move.trigger;
    draft.reason = move.reason;
    draft.cycle = cycle.id;
    draft.requested_by = "policy";
    draft.prediction = move.prediction;
    draft.disks = move.disks;
    const auto id = co_await executor_.submit(std::move(draft), waiting);
    if (id)
        cycle.operations.push_back(*id);
    else
        cycle.notes.push_back(vm_name + " was not moved: " + to_string(id.error()));
}

}  // namespace ballast::daemon
