#include "daemon/store_archive.h"

#include "cluster/keys.h"
#include "daemon/keys.h"
#include "executor/journal.h"
#include "executor/power_journal.h"
#include "executor/vm_records.h"
#include "model/names.h"

namespace ballast::daemon {

namespace json = boost::json;
using cluster::closed_key;

namespace {

// Below what a transaction may have [ports/store.h], with room for the guard.
constexpr std::size_t most_changes = 100, largest_batch = 1024 * 1024;
// What the reasons for which a store is closed begin with: whoever closed it may go on.
constexpr const char* a_restore = "a restore ";
constexpr const char* a_move = "a move ";
constexpr const char* moved_away = "it was moved ";

template <class T>
using Task = Store::Task<T>;

bool outlives(const KeyValue& entry) {
    return entry.lease == 0 && entry.key != closed_key && !entry.key.starts_with(cluster::cluster_prefix);
}

Change put(std::string key, std::string value) {
    return {Change::Kind::put, std::move(key), std::move(value), 0};
}
Change erase(std::string key) {
    return {Change::Kind::erase, std::move(key), {}, 0};
}

// A guard that the store is closed for `why`, or not closed.
Compare closed_for(const std::string& why) {
    if (why.empty()) return {Compare::Kind::absent, closed_key, 0, {}};
    return {Compare::Kind::value_is, closed_key, 0, why};
}

Task<std::string> closed_because(Store& store) {
    std::string key = closed_key;
    const auto found = co_await store.get(std::move(key));
    if (!found) co_return found.error();
    co_return *found ? (*found)->value : std::string();
}

Error somebody_else() {
    return {ErrorCode::conflict, "store", "somebody else changed it meanwhile; look at it, and begin again"};
}

Task<void> commit(Store& store, Transaction transaction) {
    const auto done = co_await store.commit(std::move(transaction));
    if (!done) co_return done.error();
    if (!done->committed) co_return somebody_else();
    co_return Result<void>();
}

Task<void> close(Store& store, std::string before, std::string why) {
    Transaction transaction;
    transaction.guards.push_back(closed_for(before));
    transaction.guards.push_back({Compare::Kind::absent, cluster::leader_key, 0, {}});
    transaction.changes.push_back(put(closed_key, std::move(why)));
    co_return co_await commit(store, std::move(transaction));
}

Task<void> open_again(Store& store, std::string why) {
    Transaction transaction;
    transaction.guards.push_back(closed_for(why));
    transaction.changes.push_back(erase(closed_key));
    co_return co_await commit(store, std::move(transaction));
}

// Whoever is registered, or leads, is alive or was so a moment ago.
Task<void> check_nobody_is_there(Store& store) {
    std::string key = cluster::agents_prefix;
    const auto agents = co_await store.list(std::move(key));
    if (!agents) co_return agents.error();
    std::vector<std::string> names;
    for (const KeyValue& agent : *agents) names.push_back(agent.key.substr(std::string(cluster::agents_prefix).size()));
    key = cluster::leader_key;
    const auto leader = co_await store.get(std::move(key));
    if (!leader) co_return leader.error();
    if (names.empty() && *leader) names.push_back((*leader)->value);
    if (names.empty()) co_return Result<void>();
    co_return Error{ErrorCode::conflict, "store",
                    "in use by the daemon" + std::string(names.size() == 1 ? "" : "s") + " of " + names_of(names) +
                        ": stop every ballastd of the cluster first, and wait until their registrations are over"};
}

std::vector<Transaction> in_batches(const std::vector<Change>& changes, const std::string& why) {
    std::vector<Transaction> batches;
    std::size_t bytes = 0;
    for (const Change& change : changes) {
        const std::size_t size = change.key.size() + change.value.size();
        if (batches.empty() || batches.back().changes.size() == most_changes || bytes + size > largest_batch) {
            batches.push_back({{closed_for(why)}, {}});
            bytes = 0;
        }
        bytes += size;
        batches.back().changes.push_back(change);
    }
    return batches;
}

// Requires that the store is closed for `why`. When it returns without an error the store holds these entries, and
// nothing else but the reason.
Task<void> fill(Store& store, Entries entries, std::string why) {
    std::string all;
    const auto before = co_await store.list(all);
    if (!before) co_return before.error();
    std::vector<Change> changes;
    for (const KeyValue& entry : *before)
        if (entry.key != closed_key && !entries.contains(entry.key)) changes.push_back(erase(entry.key));
    for (const auto& [key, value] : entries) changes.push_back(put(key, value));
    std::vector<Transaction> batches = in_batches(changes, why);
    for (Transaction& batch : batches) {
        const auto done = co_await commit(store, std::move(batch));
        if (!done) co_return done.error();
    }
    const auto after = co_await store.list(all);
    if (!after) co_return after.error();
    Entries read;
    for (const KeyValue& entry : *after)
        if (entry.key != closed_key && !entry.key.starts_with(cluster::cluster_prefix)) read[entry.key] = entry.value;
    if (read != entries)
        co_return Error{ErrorCode::corrupt, "store", "it does not read back as it was written; it stays closed"};
    co_return Result<void>();
}

}  // namespace

Task<void> check_not_closed(Store& store) {
    const auto why = co_await closed_because(store);
    if (!why) co_return why.error();
    if (why->empty()) co_return Result<void>();
    co_return Error{ErrorCode::refused, "store", "is closed: " + *why};
}

Task<interchange::StoreBackup> back_up(Store& store, std::string name, WallTime now) {
    const auto revision = co_await store.revision();
    if (!revision) co_return revision.error();
    std::string all;
    const auto entries = co_await store.list(std::move(all));
    if (!entries) co_return entries.error();
    interchange::StoreBackup backup{
        "ballastd " BALLAST_VERSION, ballast::to_string(now), std::move(name), *revision, {}};
    for (const KeyValue& entry : *entries)
        if (outlives(entry)) backup.entries[entry.key] = entry.value;
    co_return backup;
}

Task<json::value> backup_as_json(Store& store, std::string name, WallTime now) {
    const auto backup = co_await back_up(store, std::move(name), now);
    if (!backup) co_return backup.error();
    auto body = interchange::as_json(*backup);
    co_return body;
}

// ---- What of a backup holds still.

namespace {

struct Restoring {
    const interchange::StoreBackup& backup;
    Restorable out;
    std::map<std::string, std::size_t> dropped;  // for people, and how many
};

using Rule = Result<void> (*)(const std::string& key, const std::string& value, Restoring& restoring);

Result<json::value> parsed(const std::string& key, const std::string& value) {
    boost::system::error_code failure;
    json::value read = json::parse(value, failure);
    if (failure) return Error{ErrorCode::corrupt, key, failure.message()};
    return read;
}

Result<void> as_it_was(const std::string& key, const std::string& value, Restoring& restoring) {
    restoring.out.entries[key] = value;
    return {};
}

// Who took part in it is asked anew: it is known by where its VMs are.
Result<void> if_ended(const std::string& key, const std::string& value, Restoring& restoring) {
    const auto read = parsed(key, value);
    if (!read) return read.error();
    const auto record = executor::record_from_json(*read);
    if (!record) return Error{ErrorCode::corrupt, key, record.error().message};
    if (is_final(record->op.state))
        restoring.out.entries[key] = value;
    else
        ++restoring.dropped["operations that were under way"];
    return {};
}

// Without a definition it is not started anywhere; the host that runs it tells that anew.
Result<void> by_name(const std::string& key, const std::string& value, Restoring& restoring) {
    const auto read = parsed(key, value);
    if (!read) return read.error();
    auto record = executor::vm_record_from_json(*read);
    if (!record) return Error{ErrorCode::corrupt, key, record.error().message};
    if (record->ended) return {};
    record->definition.clear();
    record->down = false;
    record->left.clear();
    ++record->generation;
    restoring.out.entries[key] = json::serialize(executor::to_json(*record));
    ++restoring.out.vms;
    return {};
}

// That a host is off its BMC and its silence confirm, and somebody who answers is found to be on. What is more than
// that (lost, being cut off, being switched) is a verdict on a past that may be over.
Result<void> power(const std::string& key, const std::string& value, Restoring& restoring) {
    const auto read = parsed(key, value);
    if (!read) return read.error();
    auto record = executor::power_record_from_json(*read);
    if (!record) return Error{ErrorCode::corrupt, key, record.error().message};
    if (record->state == PowerState::off)
        restoring.out.entries[executor::power_lock_key(record->host)] = to_string(PowerState::off);
    if (record->state != PowerState::on && record->state != PowerState::off) {
        record->message = "was " + to_string(record->state) + " when the backup of " + restoring.backup.at +
                          " was made: look at it, then ballastctl power release " + record->host.value;
        record->alarm = true;
        record->state = PowerState::on;
        record->asked = record->drill = false;
        record->attempt = 0;
    }
    restoring.out.entries[key] = json::serialize(executor::to_json(*record));
    return {};
}

Result<void> never(const std::string&, const std::string&, Restoring&) {
    return {};  // follows from others, or is seen anew
}

Result<void> run_of_reboots(const std::string&, const std::string&, Restoring& restoring) {
    ++restoring.dropped["the rolling reboot"];
    return {};
}

Rule rule_of(Kept kind) {
    switch (kind) {
        case Kept::settings:
        case Kept::maintenance:
        case Kept::to_site:
        case Kept::homes:
        case Kept::facts:
        case Kept::energy: return as_it_was;
        case Kept::operations: return if_ended;
        case Kept::vms: return by_name;
        case Kept::power: return power;
        case Kept::boots:
        case Kept::vm_guards:
        case Kept::targets:
        case Kept::power_locks: return never;
        case Kept::rolling: return run_of_reboots;
    }
    return nullptr;
}

}  // namespace

Result<Restorable> restorable(const interchange::StoreBackup& backup) {
    Restoring restoring{backup, {}, {}};
    for (const auto& [key, value] : backup.entries) {
        const auto kind = kind_of(key);
        if (!kind) {
            ++restoring.dropped["entries of a kind that this version does not know"];
            continue;
        }
        if (const auto done = rule_of(*kind)(key, value, restoring); !done) return done.error();
    }
    restoring.out.entries[paused_key] = "the restore of the backup of " + backup.at;
    for (const auto& [what, count] : restoring.dropped)
        restoring.out.left_out.push_back(what + (count > 1 ? " (" + std::to_string(count) + ")" : ""));
    return std::move(restoring.out);
}

// ---- Into the store.

Task<void> restore(Store& store, Restorable content, std::string what) {
    const auto before = co_await closed_because(store);
    if (!before) co_return before.error();
    if (!before->empty() && !before->starts_with(a_restore))
        co_return Error{ErrorCode::conflict, "store", "is closed: " + *before};
    const auto free = co_await check_nobody_is_there(store);
    if (!free) co_return free.error();
    const std::string why = a_restore + ("of " + what) + " was begun and has not ended: run it again";
    const auto closed = co_await close(store, *before, why);
    if (!closed) co_return closed.error();
    // Whoever registered before it was closed is seen now, and nobody has registered since.
    const auto still_free = co_await check_nobody_is_there(store);
    if (!still_free && before->empty()) {
        const auto opened = co_await open_again(store, why);
        (void)opened;  // or it stays closed, and says why
    }
    if (!still_free) co_return still_free.error();
    Entries entries = std::move(content.entries);
    const auto filled = co_await fill(store, std::move(entries), why);
    if (!filled) co_return filled.error();
    co_return co_await open_again(store, why);
}

namespace {

// Copies, with both closed.
Task<std::size_t> copy(Store& from, Store& to, std::string why) {
    WallTime unused{};
    std::string name;
    auto content = co_await back_up(from, std::move(name), unused);
    if (!content) co_return content.error();
    const std::size_t count = content->entries.size();
    Entries entries = std::move(content->entries);
    const auto filled = co_await fill(to, std::move(entries), why);
    if (!filled) co_return filled.error();
    co_return count;
}

Task<void> check_holds_something(Store& from, std::string name) {
    const std::string all;
    const auto there = co_await from.list(all);
    if (!there) co_return there.error();
    if (!there->empty()) co_return Result<void>();
    co_return Error{ErrorCode::not_found, name, "holds nothing that could be moved"};
}

Task<void> check_empty(Store& to, std::string name) {
    const auto why = co_await closed_because(to);
    if (!why) co_return why.error();
    if (why->starts_with(a_move)) co_return Result<void>();  // what is there a move before this one has left
    std::string all;
    const auto there = co_await to.list(std::move(all));
    if (!there) co_return there.error();
    if (there->empty()) co_return Result<void>();
    co_return Error{ErrorCode::conflict, name,
                    "is not empty (" + std::to_string(there->size()) + " entries): nothing is moved over them"};
}

Task<void> close_for_move(Store& store, std::string why) {
    const auto before = co_await closed_because(store);
    if (!before) co_return before.error();
    if (!before->empty() && !before->starts_with(a_move))
        co_return Error{ErrorCode::conflict, "store", "is closed: " + *before};
    const auto closed = co_await close(store, *before, why);
    if (!closed) co_return closed.error();
    const auto free = co_await check_nobody_is_there(store);
    if (free) co_return Result<void>();
    const auto opened = co_await open_again(store, why);
    (void)opened;
    co_return free.error();
}

// One that was cut short at its very end, when the old store was given up and the new one not opened yet.
Task<bool> is_all_but_done(Store& from, std::string moved, Store& to, std::string why) {
    const auto old_one = co_await closed_because(from);
    if (!old_one) co_return old_one.error();
    const auto new_one = co_await closed_because(to);
    if (!new_one) co_return new_one.error();
    bool all_but = *old_one == moved && *new_one == why;
    co_return all_but;
}

// Both are closed; the copy is whole.
Task<std::size_t> hand_over(Store& from, Store& to, std::string why, std::string moved) {
    const auto copied = co_await copy(from, to, why);
    if (!copied) co_return copied.error();
    const auto left = co_await close(from, std::move(why), std::move(moved));
    if (!left) co_return left.error();
    co_return *copied;
}

}  // namespace

Task<std::size_t> move(Store& from, std::string from_name, Store& to, std::string to_name) {
    const std::string why =
        a_move + ("from " + from_name) + " to " + to_name + " was begun and has not ended: run it again";
    const std::string moved = moved_away + ("to " + to_name);
    const auto all_but_done = co_await is_all_but_done(from, moved, to, why);
    if (!all_but_done) co_return all_but_done.error();
    if (!*all_but_done) {
        const auto any = co_await check_holds_something(from, from_name);
        if (!any) co_return any.error();
        const auto empty = co_await check_empty(to, to_name);
        if (!empty) co_return empty.error();
        const auto source_closed = co_await close_for_move(from, why);
        if (!source_closed) co_return source_closed.error();
        const auto target_closed = co_await close_for_move(to, why);
        auto copied = target_closed ? Result<std::size_t>(0) : target_closed.error();
        if (target_closed) copied = co_await hand_over(from, to, why, moved);
        if (!copied) {
            const auto opened = co_await open_again(from, why);
            (void)opened;  // or it stays closed, and says why
            co_return copied.error();
        }
    }
    const auto opened = co_await open_again(to, why);
    if (!opened) co_return opened.error();
    const std::string all;
    const auto there = co_await to.list(all);
    if (!there) co_return there.error();
    co_return there->size();
}

}  // namespace ballast::daemon
