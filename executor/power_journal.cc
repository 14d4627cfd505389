#include "executor/power_journal.h"

#include "ports/kept_keys.h"

namespace ballast::executor {

namespace json = boost::json;

namespace {

constexpr const char* record_prefix = prefix_of(Kept::power);

std::string record_key(const HostId& host) {
    return record_prefix + host.value;
}

json::value optional_duration(const std::optional<Duration>& duration) {
    return duration ? json::value(duration->count()) : json::value();
}
std::string text(const json::object& o, const char* key) {
    return std::string(o.at(key).as_string());
}
WallTime time(const json::value& value) {
    return WallTime(Duration(value.to_number<std::int64_t>()));
}
std::optional<Duration> maybe_duration(const json::object& o, const char* key) {
    return o.at(key).is_null() ? std::nullopt : std::optional(Duration(o.at(key).to_number<std::int64_t>()));
}
// Versions before these fields did not write them.
std::optional<WallTime> maybe_time(const json::object& o, const char* key) {
    const json::value* value = o.if_contains(key);
    return value == nullptr || value->is_null() ? std::nullopt : std::optional(time(*value));
}
json::value optional_time(const std::optional<WallTime>& time) {
    return time ? json::value(time->time_since_epoch().count()) : json::value();
}
PowerState state_from(const std::string& name) {
    if (const auto state = power_state_from(name)) return *state;
    throw std::invalid_argument("unknown state " + name);
}

PowerRecord parse(const json::object& o) {
    PowerRecord record;
    record.host = {text(o, "host")};
    record.state = state_from(text(o, "state"));
    record.since = time(o.at("since_ms"));
    record.reason = text(o, "reason");
    record.requested_by = text(o, "requested_by");
    record.message = text(o, "message");
    record.alarm = o.at("alarm").as_bool();
    record.quarantined = o.at("quarantined").as_bool();
    record.drill = o.at("drill").as_bool();
    record.asked = o.at("asked").as_bool();
    record.attempt = o.at("attempt").to_number<unsigned>();
    if (!o.at("proven_ms").is_null()) record.proven = time(o.at("proven_ms"));
    record.shutdown = maybe_duration(o, "shutdown_ms");
    record.boot = maybe_duration(o, "boot_ms");
    record.lost = maybe_time(o, "lost_ms");
    record.went_off = maybe_time(o, "went_off_ms");
    record.came_back = maybe_time(o, "came_back_ms");
    return record;
}

Transaction transaction_for(const PowerRecord& record, Revision at) {
    Transaction transaction;
    transaction.guards.push_back({Compare::Kind::mod_revision_is, record_key(record.host), at, {}});
    transaction.changes.push_back({Change::Kind::put, record_key(record.host), json::serialize(to_json(record)), 0});
    if (record.state == PowerState::on)
        transaction.changes.push_back({Change::Kind::erase, power_lock_key(record.host), {}, 0});
    else
        transaction.changes.push_back({Change::Kind::put, power_lock_key(record.host), to_string(record.state), 0});
    return transaction;
}

}  // namespace

std::string power_lock_key(const HostId& host) {
    return prefix_of(Kept::power_locks) + host.value;
}
std::string target_key(const HostId& host) {
    return prefix_of(Kept::targets) + host.value;
}

json::object to_json(const PowerRecord& r) {
    return {{"host", r.host.value},
            {"state", to_string(r.state)},
            {"since_ms", r.since.time_since_epoch().count()},
            {"reason", r.reason},
            {"requested_by", r.requested_by},
            {"message", r.message},
            {"alarm", r.alarm},
            {"quarantined", r.quarantined},
            {"drill", r.drill},
            {"asked", r.asked},
            {"attempt", r.attempt},
            {"proven_ms", optional_time(r.proven)},
            {"shutdown_ms", optional_duration(r.shutdown)},
            {"boot_ms", optional_duration(r.boot)},
            {"lost_ms", optional_time(r.lost)},
            {"went_off_ms", optional_time(r.went_off)},
            {"came_back_ms", optional_time(r.came_back)}};
}

Result<PowerRecord> power_record_from_json(const json::value& value) {
    try {
        return parse(value.as_object());
    } catch (const std::exception& error) {  // Boost.JSON reports wrong kinds by exceptions
        return Error{ErrorCode::corrupt, "power record", error.what()};
    }
}

Store::Task<std::vector<PowerRecord>> PowerJournal::load() {
    std::string prefix = record_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    std::vector<PowerRecord> records;
    for (const KeyValue& entry : *entries) {
        boost::system::error_code failure;
        const json::value value = json::parse(entry.value, failure);
        if (failure) co_return Error{ErrorCode::corrupt, entry.key, failure.message()};
        auto record = power_record_from_json(value);
        if (!record) co_return Error{ErrorCode::corrupt, entry.key, record.error().message};
        revisions_[record->host] = entry.mod_revision;
        records.push_back(std::move(*record));
    }
    co_return records;
}

Store::Task<Revision> PowerJournal::target_mark(HostId host) {
    std::string key = target_key(host);
    const auto entry = co_await store_.get(std::move(key));
    if (!entry) co_return entry.error();
    co_return *entry ? (*entry)->mod_revision : Revision{0};
}

Store::Task<void> PowerJournal::lock(PowerRecord record, Revision target_mark) {
    BALLAST_ASSERT(record.state != PowerState::on);
    Transaction transaction = transaction_for(record, revisions_[record.host]);
    transaction.guards.push_back({Compare::Kind::absent, power_lock_key(record.host), 0, {}});
    transaction.guards.push_back({Compare::Kind::mod_revision_is, target_key(record.host), target_mark, {}});
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    if (!commit->committed)
        co_return Error{ErrorCode::conflict, record.host.value,
                        "a migration to it was accepted, or somebody else switches it"};
    revisions_[record.host] = commit->revision;
    co_return Result<void>();
}

Store::Task<void> PowerJournal::write(PowerRecord record, std::vector<Compare> guards) {
    const std::string key = record_key(record.host);
    constexpr int tries = 8;  // each time an earlier write of ours came through in between
    for (int i = 0; i < tries; ++i) {
        Transaction transaction = transaction_for(record, revisions_[record.host]);
        transaction.guards.insert(transaction.guards.end(), guards.begin(), guards.end());
        const auto commit = co_await store_.commit(std::move(transaction));
        if (!commit) co_return commit.error();
        if (commit->committed) {
            revisions_[record.host] = commit->revision;
            co_return Result<void>();
        }
        const auto entry = co_await store_.get(key);
        if (!entry) co_return entry.error();
        revisions_[record.host] = *entry ? (*entry)->mod_revision : 0;
    }
    co_return Error{ErrorCode::conflict, record.host.value,
                    guards.empty() ? "somebody else writes its power record"
                                   : "its agent is there again, or somebody else writes its power record"};
}

}  // namespace ballast::executor
