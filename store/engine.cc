#include "store/engine.h"

#include "store/checksum.h"
#include "store/schema.h"

namespace ballast::store {
namespace {

#define BALLAST_COLUMNS "key, value, create_revision, mod_revision, version, lease, checksum"
constexpr const char* select_one = "SELECT " BALLAST_COLUMNS " FROM entry WHERE key = ?";
constexpr const char* select_from = "SELECT " BALLAST_COLUMNS " FROM entry WHERE key >= ? ORDER BY key";
constexpr const char* select_range = "SELECT " BALLAST_COLUMNS " FROM entry WHERE key >= ? AND key < ? ORDER BY key";
constexpr const char* select_of_lease = "SELECT " BALLAST_COLUMNS " FROM entry WHERE lease = ? ORDER BY key";
constexpr const char* upsert = "INSERT OR REPLACE INTO entry(" BALLAST_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)";
#undef BALLAST_COLUMNS

/// The first key after all that start with the prefix; empty when there is none.
std::string end_of(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
    if (!prefix.empty()) ++prefix.back();
    return prefix;
}

std::int64_t plus(std::int64_t digest, std::uint32_t checksum) {
    return digest + std::int64_t{checksum};
}
std::int64_t minus(std::int64_t digest, std::uint32_t checksum) {
    return digest - std::int64_t{checksum};
}

std::uint32_t checksum_of_lease(LeaseId id, std::int64_t time_to_live_ms) {
    return checksum_of(std::to_string(id), time_to_live_ms);
}

std::string lease_name(LeaseId lease) {
    return "lease " + std::to_string(lease);
}

WatchEvent erased(const std::string& key, Revision revision) {
    WatchEvent event;
    event.kind = WatchEvent::Kind::erase;
    event.entry.key = key;
    event.entry.mod_revision = revision;
    return event;
}

}  // namespace

Engine::Engine(Database database)
    : database_(std::move(database)),
      select_(database_, select_one),
      select_from_(database_, select_from),
      select_range_(database_, select_range),
      select_of_lease_(database_, select_of_lease),
      upsert_(database_, upsert),
      delete_(database_, "DELETE FROM entry WHERE key = ?"),
      select_lease_(database_, "SELECT time_to_live_ms, checksum FROM lease WHERE id = ?"),
      insert_lease_(database_, "INSERT INTO lease VALUES (?, ?, ?)"),
      delete_lease_(database_, "DELETE FROM lease WHERE id = ?"),
      update_meta_(database_, "UPDATE meta SET value = ?, checksum = ? WHERE name = ?") {}

Result<std::unique_ptr<Engine>> Engine::attach(Database database) {
    if (!has_tables(database) && !database.failed())
        if (auto created = create_tables(database); !created) return created.error();
    std::unique_ptr<Engine> engine(new Engine(std::move(database)));
    auto loaded = engine->load();
    if (loaded) return engine;
    auto error = loaded.error();
    // A statement SQLite cannot compile means that a table is not what it was.
    if (error.code == ErrorCode::internal) error.code = ErrorCode::corrupt;
    return error;
}

Result<void> Engine::load() {
    const std::int64_t schema = meta("schema");
    if (!database_.failed() && schema > schema_version)
        return Error{ErrorCode::refused, database_.file(),
                     "was written by a newer Ballast (schema " + std::to_string(schema) + ", this one knows " +
                         std::to_string(schema_version) + "): install that version again"};
    counters_ = {meta("revision"), meta("lease"), meta("digest")};
    auto digest = digest_of_all_rows();
    if (!digest) return digest.error();
    if (*digest != counters_.digest)
        return Error{ErrorCode::corrupt, database_.file(), "the rows do not add up to the stored digest"};
    return {};
}

std::int64_t Engine::meta(const char* name) {
    Statement select(database_, "SELECT value, checksum FROM meta WHERE name = ?");
    const bool found = select.with(std::string_view(name)).row();
    const std::int64_t value = found ? select.integer(0) : 0;
    if (!found || select.integer(1) != checksum_of(name, value))
        database_.fail({ErrorCode::corrupt, database_.file(), std::string("bad meta row ") + name});
    return value;
}

Result<std::int64_t> Engine::digest_of_all_rows() {
    std::int64_t digest = 0;
    select_from_.with(std::string_view());
    while (select_from_.row()) digest = plus(digest, checksum_of(entry_of(select_from_)));
    auto stored = leases();
    if (!stored) return stored.error();
    for (const auto& lease : *stored) digest = plus(digest, checksum_of_lease(lease.id, lease.time_to_live.count()));
    return digest;
}

KeyValue Engine::entry_of(const Statement& row) {
    KeyValue entry{row.bytes(0), row.bytes(1), row.integer(2), row.integer(3), row.integer(4), row.integer(5)};
    if (checksum_of(entry) != row.integer(6))
        database_.fail({ErrorCode::corrupt, entry.key.substr(0, 64), "the stored checksum does not match"});
    return entry;
}

std::optional<KeyValue> Engine::find(const std::string& key) {
    if (!select_.with(std::string_view(key)).row()) return std::nullopt;
    auto entry = entry_of(select_);
    select_.reset();
    return entry;
}

std::vector<KeyValue> Engine::find_prefix(const std::string& prefix) {
    const std::string end = end_of(prefix);
    Statement& select = end.empty() ? select_from_.with(std::string_view(prefix))
                                    : select_range_.with(std::string_view(prefix), std::string_view(end));
    std::vector<KeyValue> entries;
    while (select.row()) entries.push_back(entry_of(select));
    select.reset();
    return entries;
}

Result<std::optional<KeyValue>> Engine::get(const std::string& key) {
    auto entry = find(key);
    if (auto failure = database_.take_failure()) return *failure;
    return entry;
}

Result<std::vector<KeyValue>> Engine::list(const std::string& prefix) {
    auto entries = find_prefix(prefix);
    if (auto failure = database_.take_failure()) return *failure;
    return entries;
}

bool Engine::holds(const Compare& guard) {
    const auto entry = find(guard.key);
    switch (guard.kind) {
        case Compare::Kind::absent: return !entry;
        case Compare::Kind::present: return entry.has_value();
        // As in etcd, both revisions of an absent key are 0.
        case Compare::Kind::mod_revision_is: return (entry ? entry->mod_revision : 0) == guard.revision;
        case Compare::Kind::create_revision_is: return (entry ? entry->create_revision : 0) == guard.revision;
        case Compare::Kind::value_is: return entry && entry->value == guard.value;
    }
    return false;
}

bool Engine::hold(const std::vector<Compare>& guards) {
    for (const auto& guard : guards)
        if (!holds(guard)) return false;
    return true;
}

Result<Applied> Engine::commit(const Transaction& transaction) {
    auto draft = begin();
    if (!hold(transaction.guards)) {
        if (auto failure = database_.take_failure()) return roll_back(*failure);
        database_.run("ROLLBACK");
        return Applied{{false, counters_.revision}, {}};
    }
    for (const auto& change : transaction.changes) apply(change, draft);
    return finish(std::move(draft));
}

Engine::Draft Engine::begin() {
    database_.run("BEGIN IMMEDIATE");
    Draft draft;
    draft.counters = counters_;
    ++draft.counters.revision;
    return draft;
}

void Engine::apply(const Change& change, Draft& draft) {
    switch (change.kind) {
        case Change::Kind::put: return put(change, draft);
        case Change::Kind::erase:
            if (auto entry = find(change.key)) erase(*entry, draft);
            return;
        case Change::Kind::erase_prefix:
            for (const auto& entry : find_prefix(change.key)) erase(entry, draft);
            return;
    }
}

void Engine::put(const Change& change, Draft& draft) {
    if (change.lease != 0 && !find_lease(change.lease) && !draft.error)
        draft.error = Error{ErrorCode::not_found, lease_name(change.lease), "does not exist"};
    const auto before = find(change.key);
    const Revision revision = draft.counters.revision;
    KeyValue entry{change.key,
                   change.value,
                   before ? before->create_revision : revision,
                   revision,
                   before ? before->version + 1 : 1,
                   change.lease};
    const std::uint32_t checksum = checksum_of(entry);
    if (before) draft.counters.digest = minus(draft.counters.digest, checksum_of(*before));
    draft.counters.digest = plus(draft.counters.digest, checksum);
    upsert_
        .with(std::string_view(entry.key), std::string_view(entry.value), entry.create_revision, entry.mod_revision,
              entry.version, entry.lease, std::int64_t{checksum})
        .run();
    draft.events.push_back({WatchEvent::Kind::put, std::move(entry)});
}

void Engine::erase(const KeyValue& entry, Draft& draft) {
    delete_.with(std::string_view(entry.key)).run();
    draft.counters.digest = minus(draft.counters.digest, checksum_of(entry));
    draft.events.push_back(erased(entry.key, draft.counters.revision));
}

Result<Applied> Engine::finish(Draft draft) {
    if (draft.events.empty()) draft.counters.revision = counters_.revision;
    if (auto written = write(draft); !written) return written.error();
    counters_ = draft.counters;
    return Applied{{true, counters_.revision}, std::move(draft.events)};
}

Result<void> Engine::write(const Draft& draft) {
    if (draft.error) database_.fail(*draft.error);
    write_counters(counters_, draft.counters);
    database_.run("COMMIT");
    if (auto failure = database_.take_failure()) return roll_back(*failure);
    return {};
}

Error Engine::roll_back(Error error) {
    // SQLite has rolled back by itself after some errors; then there is nothing left to do here.
    if (sqlite3_get_autocommit(database_.handle()) == 0)
        sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    return error;
}

void Engine::write_counters(const Counters& before, const Counters& after) {
    const auto update = [this](std::string_view name, std::int64_t old_value, std::int64_t value) {
        if (value != old_value) update_meta_.with(value, std::int64_t{checksum_of(name, value)}, name).run();
    };
    update("revision", before.revision, after.revision);
    update("lease", before.lease, after.lease);
    update("digest", before.digest, after.digest);
}

std::optional<Duration> Engine::find_lease(LeaseId lease) {
    if (!select_lease_.with(lease).row()) return std::nullopt;
    const std::int64_t time_to_live_ms = select_lease_.integer(0);
    if (select_lease_.integer(1) != checksum_of_lease(lease, time_to_live_ms))
        database_.fail({ErrorCode::corrupt, lease_name(lease), "the stored checksum does not match"});
    select_lease_.reset();
    return Duration(time_to_live_ms);
}

Result<std::optional<Duration>> Engine::lease(LeaseId lease) {
    auto time_to_live = find_lease(lease);
    if (auto failure = database_.take_failure()) return *failure;
    return time_to_live;
}

Result<LeaseId> Engine::grant(Duration time_to_live) {
    auto draft = begin();
    draft.counters.revision = counters_.revision;
    const LeaseId lease = ++draft.counters.lease;
    const std::uint32_t checksum = checksum_of_lease(lease, time_to_live.count());
    insert_lease_.with(lease, time_to_live.count(), std::int64_t{checksum}).run();
    draft.counters.digest = plus(draft.counters.digest, checksum);
    if (auto applied = finish(std::move(draft)); !applied) return applied.error();
    return lease;
}

Result<Applied> Engine::revoke(LeaseId lease) {
    auto draft = begin();
    const auto time_to_live = find_lease(lease);
    if (time_to_live)
        draft.counters.digest = minus(draft.counters.digest, checksum_of_lease(lease, time_to_live->count()));
    else
        draft.error = Error{ErrorCode::not_found, lease_name(lease), "does not exist"};
    std::vector<KeyValue> keys;
    for (select_of_lease_.with(lease); select_of_lease_.row();) keys.push_back(entry_of(select_of_lease_));
    for (const auto& entry : keys) erase(entry, draft);
    delete_lease_.with(lease).run();
    return finish(std::move(draft));
}

Result<std::vector<StoredLease>> Engine::leases() {
    std::vector<StoredLease> leases;
    Statement select(database_, "SELECT id, time_to_live_ms, checksum FROM lease ORDER BY id");
    while (select.row()) {
        leases.push_back({select.integer(0), Duration(select.integer(1))});
        if (select.integer(2) != checksum_of_lease(select.integer(0), select.integer(1)))
            database_.fail({ErrorCode::corrupt, lease_name(select.integer(0)), "the stored checksum does not match"});
    }
    if (auto failure = database_.take_failure()) return *failure;
    return leases;
}

Result<void> Engine::skip_to(Revision revision, LeaseId lease_number) {
    auto draft = begin();
    draft.counters.revision = std::max(counters_.revision, revision);
    draft.counters.lease = std::max(counters_.lease, lease_number);
    if (auto written = write(draft); !written) return written.error();
    counters_ = draft.counters;
    return {};
}

}  // namespace ballast::store
