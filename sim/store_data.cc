#include "sim/store_data.h"

#include <algorithm>

namespace ballast::sim {

bool StoreData::holds(const Compare& guard) const {
    const auto found = entries.find(guard.key);
    const bool present = found != entries.end();
    switch (guard.kind) {
        case Compare::Kind::absent: return !present;
        case Compare::Kind::present: return present;
        case Compare::Kind::mod_revision_is: return (present ? found->second.mod_revision : 0) == guard.revision;
        case Compare::Kind::create_revision_is: return (present ? found->second.create_revision : 0) == guard.revision;
        case Compare::Kind::value_is: return present && found->second.value == guard.value;
    }
    return false;
}

void StoreData::put(const Change& change, std::vector<WatchEvent>& events) {
    KeyValue& entry = entries[change.key];
    if (entry.version == 0) entry.create_revision = revision;
    entry.key = change.key;
    entry.value = change.value;
    entry.mod_revision = revision;
    entry.lease = change.lease;
    ++entry.version;
    events.push_back({WatchEvent::Kind::put, entry});
}

void StoreData::erase(const std::string& key, std::vector<WatchEvent>& events) {
    if (entries.erase(key) == 0) return;
    WatchEvent event{WatchEvent::Kind::erase, {}};
    event.entry.key = key;
    event.entry.mod_revision = revision;
    events.push_back(std::move(event));
}

void StoreData::change(const Change& change, std::vector<WatchEvent>& events) {
    if (change.kind == Change::Kind::put) return put(change, events);
    if (change.kind == Change::Kind::erase) return erase(change.key, events);
    std::vector<std::string> keys;
    for (auto at = entries.lower_bound(change.key); at != entries.end() && at->first.starts_with(change.key); ++at)
        keys.push_back(at->first);
    for (const std::string& key : keys) erase(key, events);
}

Result<Commit> StoreData::commit(const Transaction& transaction, Instant now) {
    const bool may =
        std::all_of(transaction.guards.begin(), transaction.guards.end(), [this](const auto& g) { return holds(g); });
    if (!may) return Commit{false, revision};
    for (const Change& one : transaction.changes)
        if (one.kind == Change::Kind::put && one.lease != 0 && !leases.contains(one.lease))
            return Error{ErrorCode::not_found, "lease", "no such lease"};
    ++revision;
    std::vector<WatchEvent> events;
    for (const Change& one : transaction.changes) change(one, events);
    if (events.empty()) --revision;  // etcd: what changes nothing is no revision
    history.insert(history.end(), events.begin(), events.end());
    for (StoreClient* const client : clients) client->tell(now);
    return Commit{true, revision};
}

LeaseId StoreData::grant(Duration time_to_live, Instant now) {
    leases[++last_lease] = {time_to_live, now + time_to_live};
    return last_lease;
}

bool StoreData::keep_alive(LeaseId lease, Instant now) {
    const auto found = leases.find(lease);
    if (found == leases.end()) return false;
    found->second.ends = now + found->second.time_to_live;
    return true;
}

bool StoreData::revoke(LeaseId lease, Instant now) {
    if (leases.erase(lease) == 0) return false;
    Transaction ending;
    for (const auto& [key, entry] : entries)
        if (entry.lease == lease) ending.changes.push_back({Change::Kind::erase, key, {}, 0});
    const auto ended = commit(ending, now);
    BALLAST_ASSERT(ended);
    return true;
}

std::optional<Instant> StoreData::next_event() const {
    std::optional<Instant> next;
    if (!under_way.empty()) next = under_way.begin()->first;
    for (const auto& [id, lease] : leases)
        if (!next || lease.ends < *next) next = lease.ends;
    return next;
}

void StoreData::run_due(Instant now) {
    while (!under_way.empty() && under_way.begin()->first <= now) {
        const Transaction arrived = std::move(under_way.begin()->second);
        under_way.erase(under_way.begin());
        if (!commit(arrived, now)) continue;  // its lease has ended: whoever sent it hears nothing anyway
    }
    std::vector<LeaseId> ended;
    for (const auto& [id, lease] : leases)
        if (lease.ends <= now) ended.push_back(id);
    for (const LeaseId id : ended) revoke(id, now);
}

}  // namespace ballast::sim
