// The controller's verbs: what an operator asks for through the control API.
#include <algorithm>
#include <spdlog/spdlog.h>

#include "daemon/controller.h"
#include "daemon/keys.h"
#include "daemon/leaving.h"
#include "model/names.h"
#include "policy/power_order.h"
#include "policy/sites.h"

namespace ballast::daemon {

namespace {
constexpr Duration silent_before_orders = std::chrono::seconds{3};

std::string listed(const std::vector<Rejection>& refusals) {
    std::string text;
    for (const Rejection& refusal : refusals) {
        if (!text.empty()) text += "; ";
        text += explain(refusal.reason) + (refusal.detail.empty() ? "" : " (" + refusal.detail + ")");
    }
    return text;
}
}  // namespace

Plan Controller::dry_run() const {
    return policy::plan(inventory(), memory_, policy_, clock_.now());
}

// Nothing: the key goes.
Controller::Task<void> Controller::remember_setting(std::string key, std::optional<std::string> value) {
    Transaction transaction;
    const auto kind = value ? Change::Kind::put : Change::Kind::erase;
    transaction.changes.push_back({kind, std::move(key), value.value_or(""), 0});
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    co_return Result<void>();
}

Controller::Task<void> Controller::set_paused(bool paused, std::string by) {
    // Stopping must work even when the store does not: it holds in memory first.
    if (paused) paused_by_ = by;
    auto value = paused ? std::optional(by) : std::nullopt;
    const auto written = co_await remember_setting(paused_key, std::move(value));
    if (!written) co_return written.error();
    if (!paused) paused_by_.clear();
    want_cycle();
    co_return Result<void>();
}

Controller::Task<void> Controller::set_mode(std::optional<policy::Mode> mode, std::string) {
    auto value = mode ? std::optional(to_string(*mode)) : std::nullopt;
    const auto written = co_await remember_setting(mode_key, std::move(value));
    if (!written) co_return written.error();
    mode_override_ = mode;
    want_cycle();
    co_return Result<void>();
}

bool Controller::has_site(const std::string& site) const {
    return std::any_of(options_.hosts.begin(), options_.hosts.end(),
                       [&](const config::HostOptions& host) { return host.site == site; });
}

Controller::Task<void> Controller::set_maintenance(HostId host, bool on, std::string by, std::string to_site) {
    if (!keeper_.knows(host)) co_return Error{ErrorCode::not_found, host.value, "no such host is configured"};
    if (!to_site.empty() && !has_site(to_site))
        co_return Error{ErrorCode::not_found, to_site, "no host is of this site"};
    if (!to_site.empty() && keeper_.site_of(host) == to_site)
        co_return Error{ErrorCode::invalid, host.value, "is of site " + to_site + " itself"};
    const WallTime now = clock_.wall_now();
    const bool changes = on != maintenance_by_.contains(host);
    Transaction transaction;
    const auto kind = on ? Change::Kind::put : Change::Kind::erase;
    transaction.changes.push_back({kind, maintenance_prefix + host.value, on ? by : "", 0});
    const auto leaves = to_site.empty() ? Change::Kind::erase : Change::Kind::put;
    transaction.changes.push_back({leaves, to_site_prefix + host.value, to_site, 0});
    const auto homes = changes ? homes_.change_for(host, on, now) : std::nullopt;
    if (homes) transaction.changes.push_back(*homes);
    const auto written = co_await store_.commit(std::move(transaction));
    if (!written) co_return written.error();
    keeper_.maintenance(host, on, to_site);
    if (changes) homes_.maintenance(host, on, now);
    if (on)
        maintenance_by_[host] = std::move(by);
    else
        maintenance_by_.erase(host);
    want_cycle();
    co_return Result<void>();
}

std::string Controller::maintenance_by(const HostId& host) const {
    const auto found = maintenance_by_.find(host);
    return found == maintenance_by_.end() ? "" : found->second;
}

Controller::Task<OperationId> Controller::migrate(VmId id, HostId to, bool force, std::string by) {
    const Inventory seen = inventory();
    const auto vm = seen.vms.find(id);
    if (vm == seen.vms.end())
        co_return Error{ErrorCode::not_found, id.value, "no such VM runs on the configured hosts"};
    if (!seen.hosts.contains(to)) co_return Error{ErrorCode::not_found, to.value, "no such host is configured"};
    auto refusals = policy::refusals(seen, memory_, policy_, id, to, clock_.now());
    // What only advises against it is the operator's to weigh; slots are the executor's to give.
    std::erase_if(refusals, [](const Rejection& refusal) { return policy::advisory(refusal.reason); });
    if (!refusals.empty() && !force)
        co_return Error{ErrorCode::refused, vm->second.facts.name,
                        "cannot go to " + to.value + ": " + listed(refusals)};
    Operation draft;
    draft.vm = id;
    draft.vm_name = vm->second.facts.name;
    draft.from = vm->second.host;
    draft.to = to;
    draft.trigger = Trigger::manual;
    draft.reason = "asked for by " + by;
    draft.requested_by = by;
    const auto known = memory_.vms.find(id);
    const auto on = seen.hosts.find(draft.from);
    std::optional<Bytes> crossing;
    Bytes disks;
    if (on != seen.hosts.end()) {
        const Host& there = seen.hosts.at(to);
        crossing = policy::bytes_between_sites(vm->second, on->second, there, policy_.migration);
        disks = policy::bytes_copied(vm->second, on->second, there, policy_.migration);
        const bool copies = !crossing || policy_.migration.between_sites.copy_disks;
        for (const VmDisk* disk : policy::copied_disks(vm->second, on->second, there, policy_.migration))
            if (copies && policy::uncopyable(*disk).empty())
                draft.disks.push_back(disk->target);  // with `force` libvirt is asked without the others
    }
    draft.prediction = policy::predict(vm->second, known == memory_.vms.end() ? policy::VmMemory{} : known->second,
                                       policy_.migration, crossing, disks);
    co_return co_await executor_.submit(std::move(draft), false);
}

Controller::Task<void> Controller::switch_off(HostId host, bool drill, bool force, std::string by) {
    if (!keeper_.knows(host)) co_return Error{ErrorCode::not_found, host.value, "no such host is configured"};
    if (is_own(host) && options_.cluster.enabled)
        co_return Error{ErrorCode::invalid, host.value, "it leads: ballastctl cluster transfer-leader comes first"};
    if (is_own(host)) co_return Error{ErrorCode::invalid, host.value, "this daemon runs on it: nobody would wake it"};
    const auto power = power_switch_.record(host);
    const auto left = !power || power->state == PowerState::on ? left_on(*this, host) : std::vector<std::string>();
    if (!left.empty()) co_return Error{ErrorCode::conflict, host.value, names_are(left) + " on it"};
    const std::string objection = policy::objection_to_power_off(inventory(), memory_, policy_, clock_.now(), host);
    if (!objection.empty() && !force) co_return Error{ErrorCode::refused, host.value, "has to stay on: " + objection};
    std::string reason = "asked for by " + by;
    co_return co_await begin_switch_off(std::move(host), drill, std::move(reason), std::move(by));
}

// Whoever is not seen anywhere was shut down just now, or moved by hand to nobody knows where. Of a host that is off
// nobody would ask any more. And a silent one counts among those for which others are not cut off.
Controller::Task<void> Controller::begin_switch_off(HostId host, bool drill, std::string reason, std::string by) {
    const auto power = power_switch_.record(host);
    if ((!power || power->state == PowerState::on) && !failover_.answers(host))
        co_return Error{ErrorCode::conflict, host.value,
                        "it does not answer, so that nobody knows what runs on it: ballastctl fence now " + host.value +
                            " cuts off a host that is dead"};
    const auto there = keeper_.running_on(host);
    for (const VmId& vm : executor_.vms().of_host(host)) {
        const VmRecord* record = executor_.vms().find(vm);
        if (record->ended || record->down || std::find(there.begin(), there.end(), vm) != there.end()) continue;
        co_return Error{ErrorCode::conflict, host.value,
                        record->name + " was on it, and what became of it is not known yet"};
    }
    co_return co_await power_switch_.switch_off(std::move(host), drill, std::move(reason), std::move(by));
}

Controller::Task<void> Controller::switch_on(HostId host, std::string by) {
    if (!keeper_.knows(host)) co_return Error{ErrorCode::not_found, host.value, "no such host is configured"};
    // One that died without a word: only when it counts as lost are its VMs seen to.
    const auto power = power_switch_.record(host);
    const auto& owned = executor_.vms().of_host(host);
    if ((!power || power->state == PowerState::on) && !owned.empty() && !failover_.answers(host))
        co_return Error{ErrorCode::conflict, host.value,
                        executor_.vms().find(*owned.begin())->name +
                            " ran on it when it fell silent: ballastctl fence now " + host.value + " comes first"};
    std::string reason = "asked for by " + by;
    co_return co_await power_switch_.switch_on(std::move(host), std::move(reason), std::move(by));
}

Controller::Task<void> Controller::release_power(HostId host, std::string by) {
    const auto record = power_switch_.record(host);
    if (record && record->state == PowerState::fencing) failover_.pardon(host);  // or it would be cut off all the same
    return power_switch_.release(std::move(host), std::move(by));
}

// One look that brought nothing is a lost packet.
Result<void> Controller::silent_enough(const HostId& host) const {
    if (!keeper_.knows(host)) return Error{ErrorCode::not_found, host.value, "no such host is configured"};
    if (is_own(host)) return Error{ErrorCode::invalid, host.value, "this daemon runs on it"};
    const auto silent = failover_.silent_for(host);
    if (silent && *silent < silent_before_orders)
        return Error{ErrorCode::conflict, host.value,
                     "it has been silent for only " + to_string(*silent) + ": " + to_string(silent_before_orders) +
                         " are needed"};
    return Result<void>();
}

Controller::Task<void> Controller::fence(HostId host, std::string by) {
    if (const auto silent = silent_enough(host); !silent) co_return silent.error();
    std::string reason = "asked for by " + by;
    co_return co_await power_switch_.fence(std::move(host), std::move(reason), std::move(by));
}

Controller::Task<void> Controller::confirm_lost(HostId host, std::string by) {
    if (const auto silent = silent_enough(host); !silent) co_return silent.error();
    co_return co_await power_switch_.confirm_lost(std::move(host), std::move(by));
}

Controller::Task<VmRecord> Controller::forget_vm(std::string name_or_uuid, std::string by) {
    std::vector<VmRecord> meant;
    for (const auto& [id, record] : executor_.vms().all())
        if (id.value == name_or_uuid || record.name == name_or_uuid) meant.push_back(record);
    std::erase_if(meant, [](const VmRecord& record) { return record.ended; });
    if (meant.empty())
        co_return Error{ErrorCode::not_found, name_or_uuid, "Ballast knows no VM of this name or UUID that is down"};
    if (meant.size() > 1) co_return Error{ErrorCode::conflict, name_or_uuid, "several have this name: give a UUID"};
    const VmRecord record = meant.front();
    if (!failover_.may_forget(record))
        co_return Error{ErrorCode::conflict, record.name, "it is not down: it runs on " + record.host.value};
    const auto active = executor_.active();
    if (std::any_of(active.begin(), active.end(), [&](const Operation& op) { return op.vm == record.vm; }))
        co_return Error{ErrorCode::conflict, record.name, "it is being started; ballastctl cancel ends that"};
    spdlog::info("{} of {} is forgotten: {} sees to it", record.name, record.host.value, by);
    executor_.vms().forget(record.vm);
    keeper_.forget(record.vm, record.host);
    want_cycle();
    const auto written = co_await executor_.vms().written();
    if (!written) co_return written.error();
    co_return record;
}

Controller::Task<void> Controller::approve(OperationId id, std::string by) {
    return executor_.approve(std::move(id), std::move(by));
}

Controller::Task<void> Controller::cancel(OperationId id, std::string by) {
    std::optional<Operation> declined;
    for (const Operation& op : executor_.active())
        if (op.id == id && op.state == OperationState::waiting) declined = op;
    const auto cancelled = co_await executor_.cancel(std::move(id), std::move(by));
    if (!cancelled) co_return cancelled.error();
    // A no holds for a while, or the next cycle would ask again.
    if (declined) keeper_.remember({declined->vm, declined->from, declined->to, clock_.now(), false, true});
    co_return Result<void>();
}

}  // namespace ballast::daemon
