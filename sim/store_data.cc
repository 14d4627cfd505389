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

void StoreData::put(const Change& change) {
    KeyValue& entry = entries[change.key];
    if (entry.version == 0) entry.create_revision = revision;
    entry.key = change.key;
    entry.value = change.value;
    entry.mod_revision = revision;
    entry.lease = change.lease;
    ++entry.version;
    history.push_back({WatchEvent::Kind::put, entry});
}

void StoreData::erase(const std::string& key) {
    if (entries.erase(key) == 0) return;
    WatchEvent event{WatchEvent::Kind::erase, {}};
    event.entry.key = key;
    event.entry.mod_revision = revision;
    history.push_back(std::move(event));
}

void StoreData::change(const Change& change) {
    if (change.kind == Change::Kind::put) return put(change);
    if (change.kind == Change::Kind::erase) return erase(change.key);
    std::vector<std::string> keys;
    for (auto at = entries.lower_bound(change.key); at != entries.end() && at->first.starts_with(change.key); ++at)
        keys.push_back(at->first);
    for (const std::string& key : keys) erase(key);
}

Result<Commit> StoreData::commit(const Transaction& transaction, Instant now) {
    const bool may =
        std::all_of(transaction.guards.begin(), transaction.guards.end(), [this](const auto& g) { return holds(g); });
    if (!may) return Commit{false, revision};
    for (const Change& one : transaction.changes)
        if (one.kind == Change::Kind::put && one.lease != 0 && !leases.contains(one.lease))
            return Error{ErrorCode::not_found, "lease", "no such lease"};
    if (committing) committing(transaction);
    ++revision;
    const std::size_t before = history.size();
    for (const Change& one : transaction.changes) change(one);
    if (history.size() == before) --revision;  // etcd: what changes nothing is no revision
    if (history.size() > before) times.emplace_back(now, revision);
    for (StoreClient* const client : clients) client->tell(now);
    return Commit{true, revision};
}

Instant StoreData::end_of(Duration time_to_live, Instant now) {
    if (leases_late <= Duration{}) return now + time_to_live;
    return now + time_to_live + Duration(std::uniform_int_distribution<Duration::rep>(0, leases_late.count())(dice));
}

LeaseId StoreData::grant(Duration time_to_live, Instant now) {
    leases[++last_lease] = {time_to_live, end_of(time_to_live, now)};
    return last_lease;
}

bool StoreData::keep_alive(LeaseId lease, Instant now) {
    const auto found = leases.find(lease);
    if (found == leases.end()) return false;
    found->second.ends = end_of(found->second.time_to_live, now);
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

LeaseId StoreData::lease_of(const std::string& key) const {
    const auto found = entries.find(key);
    return found == entries.end() ? 0 : found->second.lease;
}

void StoreData::replace(const std::map<std::string, std::string>& with, Instant now) {
    leases.clear();
    ++revision;
    while (!entries.empty()) erase(std::string(entries.begin()->first));
    for (const auto& [key, value] : with) put({Change::Kind::put, key, value, 0});
    times.emplace_back(now, revision);
    for (StoreClient* const client : clients) client->tell(now);
}

void StoreData::heal() {
    unavailable_until = full_until = {};
    leases_late = late = {};
    lose_replies = 0;
}

// ---- the past

std::map<std::string, KeyValue> StoreData::at(Revision then, const std::string& prefix) const {
    std::map<std::string, KeyValue> state;
    for (const WatchEvent& event : history) {
        if (event.entry.mod_revision > then) break;
        if (!event.entry.key.starts_with(prefix)) continue;
        if (event.kind == WatchEvent::Kind::put)
            state[event.entry.key] = event.entry;
        else
            state.erase(event.entry.key);
    }
    return state;
}

Revision StoreData::revision_at(Instant when) const {
    const auto after = std::upper_bound(times.begin(), times.end(), when,
                                        [](Instant wanted, const auto& time) { return wanted < time.first; });
    return after == times.begin() ? 1 : std::prev(after)->second;
}

Instant StoreData::time_of(Revision then) const {
    const auto found = std::lower_bound(times.begin(), times.end(), then,
                                        [](const auto& time, Revision wanted) { return time.second < wanted; });
    return found == times.end() ? Instant{} : found->first;
}

// ---- time

std::optional<Instant> StoreData::next_event() const {
    std::optional<Instant> next;
    const auto consider = [&](Instant when) {
        if (!next || when < *next) next = when;
    };
    if (!under_way.empty()) consider(under_way.begin()->first);
    for (const auto& [id, lease] : leases) consider(lease.ends);
    if (next) next = std::max(*next, unavailable_until);
    for (const StoreClient* const client : clients)
        if (const auto when = client->next_telling()) consider(*when);
    return next;
}

void StoreData::run_due(Instant now) {
    for (StoreClient* const client : clients) client->tell(now);
    if (now < unavailable_until) return;
    while (!under_way.empty() && under_way.begin()->first <= now) {
        const Transaction arrived = std::move(under_way.begin()->second);
        under_way.erase(under_way.begin());
        if (!commit(arrived, now)) continue;  // its lease has ended: whoever sent it hears nothing anyway
    }
    std::vector<LeaseId> ended;
    for (auto& [id, lease] : leases) {
        if (lease.ends <= unavailable_until) lease.ends = unavailable_until + lease.time_to_live;
        if (lease.ends <= now) ended.push_back(id);
    }
    for (const LeaseId id : ended) revoke(id, now);
}

}  // namespace ballast::sim
