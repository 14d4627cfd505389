#include "sim/sim_store.h"

#include <algorithm>

namespace ballast::sim {

namespace {
constexpr Duration call_takes{1};
constexpr Duration call_timeout = std::chrono::seconds{5};  // the embedded store's default

Error lease_gone() {
    return {ErrorCode::not_found, "lease", "no such lease"};
}
}  // namespace

struct SimStore::Watch : WatchHandle {
    explicit Watch(std::shared_ptr<Listener> keep) : listener(std::move(keep)) {}
    std::shared_ptr<Listener> listener;
};

Store::Task<void> SimStore::reach() {
    co_await crashes_.pass(io_);
    co_await clock_.sleep_for(call_takes);
    catch_up();
    if (clock_.now() < data_.unavailable_until) co_return Error{ErrorCode::unavailable, "store", "no connection"};
    co_return Result<void>();
}

// What happened to the store while nobody asked it.
void SimStore::catch_up() {
    while (!data_.under_way.empty() && data_.under_way.begin()->first <= clock_.now()) {
        apply(data_.under_way.begin()->second);
        data_.under_way.erase(data_.under_way.begin());
    }
    std::vector<LeaseId> ended;
    for (const auto& [id, lease] : data_.leases)
        if (lease.ends <= clock_.now()) ended.push_back(id);
    for (const LeaseId id : ended) end_lease(id);
}

bool SimStore::holds(const Compare& guard) const {
    const auto found = data_.entries.find(guard.key);
    const bool present = found != data_.entries.end();
    switch (guard.kind) {
        case Compare::Kind::absent: return !present;
        case Compare::Kind::present: return present;
        case Compare::Kind::mod_revision_is: return (present ? found->second.mod_revision : 0) == guard.revision;
        case Compare::Kind::create_revision_is: return (present ? found->second.create_revision : 0) == guard.revision;
        case Compare::Kind::value_is: return present && found->second.value == guard.value;
    }
    return false;
}

void SimStore::put(const Change& change, std::vector<WatchEvent>& events) {
    KeyValue& entry = data_.entries[change.key];
    if (entry.version == 0) entry.create_revision = data_.revision;
    entry.key = change.key;
    entry.value = change.value;
    entry.mod_revision = data_.revision;
    entry.lease = change.lease;
    ++entry.version;
    events.push_back({WatchEvent::Kind::put, entry});
}

void SimStore::erase(const std::string& key, std::vector<WatchEvent>& events) {
    if (data_.entries.erase(key) == 0) return;
    WatchEvent event{WatchEvent::Kind::erase, {}};
    event.entry.key = key;
    event.entry.mod_revision = data_.revision;
    events.push_back(std::move(event));
}

Commit SimStore::apply(const Transaction& transaction) {
    const bool may =
        std::all_of(transaction.guards.begin(), transaction.guards.end(), [this](const auto& g) { return holds(g); });
    if (!may || transaction.changes.empty()) return {may, data_.revision};
    ++data_.revision;
    std::vector<WatchEvent> events;
    for (const Change& change : transaction.changes) {
        if (change.kind == Change::Kind::put) put(change, events);
        if (change.kind == Change::Kind::erase) erase(change.key, events);
        if (change.kind != Change::Kind::erase_prefix) continue;
        std::vector<std::string> keys;
        for (auto at = data_.entries.lower_bound(change.key);
             at != data_.entries.end() && at->first.starts_with(change.key); ++at)
            keys.push_back(at->first);
        for (const std::string& key : keys) erase(key, events);
    }
    if (events.empty()) --data_.revision;  // etcd: erasing nothing is no revision
    publish(std::move(events));
    return {true, data_.revision};
}

void SimStore::publish(std::vector<WatchEvent> events) {
    data_.history.insert(data_.history.end(), events.begin(), events.end());
    for (const auto& [prefix, watch] : watches_) {
        std::vector<WatchEvent> wanted;
        for (const WatchEvent& event : events)
            if (event.entry.key.starts_with(prefix)) wanted.push_back(event);
        if (wanted.empty()) continue;
        boost::asio::post(io_, [watch = watch, wanted = std::move(wanted)] {
            if (const auto listener = watch.lock()) (*listener)(wanted);
        });
    }
}

Store::Task<std::optional<KeyValue>> SimStore::get(std::string key) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const auto found = data_.entries.find(key);
    if (found == data_.entries.end()) co_return std::optional<KeyValue>();
    co_return std::optional<KeyValue>(found->second);
}

Store::Task<std::vector<KeyValue>> SimStore::list(std::string prefix) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    std::vector<KeyValue> entries;
    for (auto at = data_.entries.lower_bound(prefix); at != data_.entries.end() && at->first.starts_with(prefix); ++at)
        entries.push_back(at->second);
    co_return entries;
}

Store::Task<Revision> SimStore::revision() {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    co_return data_.revision;
}

Store::Task<Commit> SimStore::commit(Transaction transaction) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const bool puts = std::any_of(transaction.changes.begin(), transaction.changes.end(),
                                  [](const Change& change) { return change.kind == Change::Kind::put; });
    if (puts && clock_.now() < data_.full_until) co_return Error{ErrorCode::no_space, "store", "the quota is used up"};
    for (const Change& change : transaction.changes)
        if (change.lease != 0 && !data_.leases.contains(change.lease)) co_return lease_gone();
    if (data_.lose_replies > 0) {
        --data_.lose_replies;
        if (data_.late > Duration{})
            data_.under_way.emplace(clock_.now() + data_.late, transaction);
        else
            apply(transaction);
        co_await clock_.sleep_for(call_timeout);
        co_return Error{ErrorCode::timed_out, "store", "no answer within 5 s"};
    }
    const Commit result = apply(transaction);
    co_await crashes_.pass(io_);
    co_return result;
}

std::unique_ptr<WatchHandle> SimStore::watch(std::string prefix, Revision after, Listener changed,
                                             std::function<void()>) {
    auto listener = std::make_shared<Listener>(std::move(changed));
    std::vector<WatchEvent> missed;
    for (const WatchEvent& event : data_.history)
        if (event.entry.mod_revision > after && event.entry.key.starts_with(prefix)) missed.push_back(event);
    watches_.emplace_back(std::move(prefix), listener);
    if (!missed.empty())
        boost::asio::post(io_, [weak = std::weak_ptr<Listener>(listener), missed = std::move(missed)] {
            if (const auto alive = weak.lock()) (*alive)(missed);
        });
    return std::make_unique<Watch>(std::move(listener));
}

Store::Task<LeaseId> SimStore::grant(Duration time_to_live) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    data_.leases[++data_.last_lease] = {time_to_live, clock_.now() + time_to_live};
    co_return data_.last_lease;
}

Store::Task<void> SimStore::keep_alive(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    const auto found = data_.leases.find(lease);
    if (found == data_.leases.end()) co_return lease_gone();
    found->second.ends = clock_.now() + found->second.time_to_live;
    co_return Result<void>();
}

Store::Task<void> SimStore::revoke(LeaseId lease) {
    const auto reached = co_await reach();
    if (!reached) co_return reached.error();
    if (!data_.leases.contains(lease)) co_return lease_gone();
    end_lease(lease);
    co_return Result<void>();
}

void SimStore::end_lease(LeaseId lease) {
    data_.leases.erase(lease);
    Transaction ending;
    for (const auto& [key, entry] : data_.entries)
        if (entry.lease == lease) ending.changes.push_back({Change::Kind::erase, key, {}, 0});
    if (!ending.changes.empty()) apply(ending);
}

}  // namespace ballast::sim
