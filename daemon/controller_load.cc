// What the store remembers, taken up before the first sample: what was set, what ran where, and what hosts that are off
// offer.
#include "daemon/controller.h"
#include "daemon/keys.h"
#include "executor/journal.h"

namespace ballast::daemon {

Controller::Task<void> Controller::load_state() {
    const auto settings = co_await store_.list(prefix_of(Kept::settings));
    if (!settings) co_return settings.error();
    for (const KeyValue& entry : *settings) {
        if (entry.key == paused_key) paused_by_ = entry.value;
        if (entry.key == mode_key) mode_override_ = policy::mode_from(entry.value);
    }
    const auto maintenance = co_await load_maintenance();
    if (!maintenance) co_return maintenance.error();
    executor::Journal journal(store_);
    const auto operations = co_await journal.load();
    if (!operations) co_return operations.error();
    for (const Operation& op : *operations) {
        if (!is_final(op.state)) continue;
        ended_.push_back(op);
        const Duration age = std::max(Duration{}, Duration(clock_.wall_now() - op.ended.value_or(op.updated)));
        keeper_.remember(past_move(op, clock_.now() - age));
    }
    while (ended_.size() > ended_kept) ended_.pop_front();
    co_return Result<void>();
}

Controller::Task<void> Controller::load_maintenance() {
    const auto maintenance = co_await store_.list(maintenance_prefix);
    if (!maintenance) co_return maintenance.error();
    for (const KeyValue& entry : *maintenance) {
        const HostId host{entry.key.substr(std::string(maintenance_prefix).size())};
        if (!keeper_.knows(host)) continue;
        std::string key = to_site_prefix + host.value;
        const auto to_site = co_await store_.get(std::move(key));
        if (!to_site) co_return to_site.error();
        keeper_.maintenance(host, true, *to_site ? (*to_site)->value : "");
        maintenance_by_[host] = entry.value;
    }
    co_return co_await homes_.load();
}

// Of a host that does not answer any more, the store alone knows what ran there.
void Controller::presume_vms() {
    for (const auto& [vm, record] : executor_.vms().all()) {
        if (record.ended) continue;
        auto facts = hypervisor_.facts_of(record.definition);
        if (facts) facts->autostart = record.autostart;  // which no definition says
        keeper_.presume(vm, record.host, record.name, facts ? std::optional(std::move(*facts)) : std::nullopt);
    }
}

// A host that is off tells nothing, and yet it may be what is needed. Those that are on tell themselves.
Controller::Task<void> Controller::load_facts() {
    auto known = co_await known_facts_.load();
    if (!known) co_return known.error();
    for (const PowerRecord& record : power_switch_.records()) {
        const auto found = known->find(record.host);
        if (record.state != PowerState::on && found != known->end())
            keeper_.presume_facts(record.host, std::move(found->second));
    }
    co_return Result<void>();
}

}  // namespace ballast::daemon
