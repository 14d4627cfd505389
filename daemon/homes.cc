#include "daemon/homes.h"

#include <algorithm>
#include <boost/json.hpp>

#include "daemon/keys.h"

namespace ballast::daemon {

namespace json = boost::json;

namespace {
constexpr std::size_t most_changes = 100;  // a transaction holds at most 128
}  // namespace

Store::Task<void> Homes::load() {
    std::string prefix = homes_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    for (const KeyValue& entry : *entries) try {
            const json::object record = json::parse(entry.value).as_object();
            Away away;
            if (const json::value& ended = record.at("maintenance_ended_ms"); !ended.is_null())
                away.ended = WallTime(Duration(ended.to_number<std::int64_t>()));
            for (const auto& vm : record.at("vms").as_object())
                away.vms[{std::string(vm.key())}] = {std::string(vm.value().as_string())};
            away_[{entry.key.substr(std::string(homes_prefix).size())}] = std::move(away);
        } catch (const std::exception& error) {  // Boost.JSON reports wrong kinds by exceptions
            co_return Error{ErrorCode::corrupt, entry.key, error.what()};
        }
    co_return Result<void>();
}

std::optional<Homes::Found> Homes::find(const VmId& vm) {
    for (auto& [home, away] : away_)
        if (const auto found = away.vms.find(vm); found != away.vms.end()) return Found{home, away, found->second};
    return std::nullopt;
}

void Homes::leaving(const VmId& vm, const HostId& from, const HostId& to) {
    if (const auto known = find(vm)) {
        known->away.changed = known->away.changed || known->at != to;
        known->at = to;
        return;
    }
    Away& away = away_[from];
    away.ended.reset();
    away.vms[vm] = to;
    away.changed = true;
}

void Homes::ended(const Operation& op) {
    const auto known = find(op.vm);
    if (!known) return;
    const bool done = op.state == OperationState::done;
    const HostId at = done ? op.to : op.from;
    const bool forgotten = op.trigger == Trigger::maintenance ? at == known->home : done;
    if (!forgotten && (op.trigger != Trigger::maintenance || known->at == at)) return;
    known->away.changed = true;
    if (forgotten)
        known->away.vms.erase(op.vm);
    else
        known->at = at;
}

Change Homes::change_of(const HostId& host, const Away& away) {
    const std::string key = homes_prefix + host.value;
    if (away.vms.empty()) return {Change::Kind::erase, key, {}, 0};
    json::object vms;
    for (const auto& [vm, at] : away.vms) vms[vm.value] = at.value;
    const json::value ended = away.ended ? json::value(away.ended->time_since_epoch().count()) : json::value();
    return {Change::Kind::put, key, json::serialize(json::object{{"maintenance_ended_ms", ended}, {"vms", vms}}), 0};
}

std::optional<Change> Homes::change_for(const HostId& host, bool in_maintenance, WallTime now) const {
    const auto known = away_.find(host);
    if (known == away_.end()) return std::nullopt;
    Away then = known->second;
    then.ended = in_maintenance ? std::nullopt : std::optional(now);
    return change_of(host, then);
}

void Homes::maintenance(const HostId& host, bool on, WallTime now) {
    const auto known = away_.find(host);
    if (known == away_.end()) return;
    known->second.ended = on ? std::nullopt : std::optional(now);
    known->second.changed = true;  // a write that was under way meanwhile may have taken the old one there
}

void Homes::prune(const Inventory& seen, const std::vector<Operation>& active, WallTime now, Duration within) {
    const auto moved = [&](const VmId& id, const HostId& at) {
        const auto vm = seen.vms.find(id);
        return vm != seen.vms.end() && vm->second.host != at &&
               std::none_of(active.begin(), active.end(), [&](const Operation& op) { return op.vm == id; });
    };
    for (auto& [home, away] : away_) {
        const std::size_t before = away.vms.size();
        if (away.ended && now - *away.ended > within) away.vms.clear();
        std::erase_if(away.vms, [&](const auto& vm) { return moved(vm.first, vm.second); });
        away.changed = away.changed || away.vms.size() != before;
    }
}

Store::Task<void> Homes::keep() {
    Transaction transaction;
    for (auto& [home, away] : away_)
        if (away.changed && transaction.changes.size() < most_changes) {
            transaction.changes.push_back(change_of(home, away));
            away.changed = false;
        }
    if (transaction.changes.empty()) co_return Result<void>();
    const auto written = co_await store_.commit(transaction);
    if (written) {
        std::erase_if(away_, [](const auto& host) { return host.second.vms.empty() && !host.second.changed; });
        co_return Result<void>();
    }
    for (const Change& change : transaction.changes)
        away_[{change.key.substr(std::string(homes_prefix).size())}].changed = true;
    co_return written.error();
}

void Homes::show(Inventory& seen, Instant now, WallTime wall_now) const {
    for (const auto& [home, away] : away_) {
        std::optional<Instant> ended;
        if (away.ended) ended = now - std::max(Duration{}, Duration(wall_now - *away.ended));
        for (const auto& [id, at] : away.vms)
            if (const auto vm = seen.vms.find(id); vm != seen.vms.end() && vm->second.host == at)
                seen.homes.push_back({id, home, ended});
    }
}

}  // namespace ballast::daemon
