#include "sim/vopr/witness.h"

#include "cluster/keys.h"
#include "executor/journal.h"
#include "executor/power_journal.h"

namespace ballast::sim::vopr {

Witness::Witness(Cluster& cluster, bool watches) : cluster_(cluster) {
    if (!watches) return;
    cluster.store.committing = [this, others = cluster.store.committing](const Transaction& transaction) {
        if (others) others(transaction);
        committing(transaction);
    };
    cluster.world.starting = [this, others = cluster.world.starting](const HostId& on, const VmId& vm) {
        if (others) others(on, vm);
        ++starts[vm];
    };
}

void Witness::committing(const Transaction& transaction) {
    for (const Change& change : transaction.changes) {
        if (change.kind != Change::Kind::put) continue;
        if (change.key.starts_with("/ballast/ops/")) see_operation(change.value);
        if (change.key.starts_with("/ballast/power/")) see_power(change.value);
        if (change.key.starts_with(cluster::agents_prefix) && !cluster_.store.entries.contains(change.key))
            ++registrations[{change.key.substr(std::string(cluster::agents_prefix).size())}];
        if (change.key == cluster::leader_key && !cluster_.store.entries.contains(change.key)) ++terms;
    }
}

void Witness::see_operation(const std::string& value) {
    const auto record = executor::record_from_json(boost::json::parse(value));
    if (!record) return;
    const Operation& op = record->op;
    const bool accepted = known_.insert(op.id).second;
    if (accepted) ++operations[op.vm];
    if (accepted || last[op.vm].id == op.id) last[op.vm] = op;
}

void Witness::see_power(const std::string& value) {
    const auto record = executor::power_record_from_json(boost::json::parse(value));
    if (!record) return;
    PowerRecord& now = power[record->host];
    if (record->state != now.state) {
        if (record->state == PowerState::fencing) ++fencings;
        if (record->state == PowerState::switching_off) ++switched_off;
        if (record->state == PowerState::switching_on) ++switched_on;
    }
    now = *record;
}

void Witness::ordered(const std::string& what, const Result<void>& came_to) {
    if (came_to)
        ++taken;
    else
        refused.push_back(what + ": " + to_string(came_to.error()));
    cluster_.note("ORDER: " + what + ": " + (came_to ? "taken" : to_string(came_to.error())));
}

}  // namespace ballast::sim::vopr
