#include "executor/journal.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "executor/power_journal.h"
#include "ports/kept_keys.h"

namespace ballast::executor {

namespace json = boost::json;

namespace {

constexpr const char* ops_prefix = prefix_of(Kept::operations);

std::string record_key(const OperationId& id) {
    return ops_prefix + id.value;
}
std::string guard_key(const VmId& vm) {
    return prefix_of(Kept::vm_guards) + vm.value;
}

// Twelve digits of (about) the store's revision: unique, and sorted by age as text.
OperationId id_at(Revision revision) {
    char id[32];
    std::snprintf(id, sizeof id, "op-%012lld", static_cast<long long>(revision));
    return {id};
}

// The other way; 0 for another one.
Revision revision_in(const OperationId& id) {
    constexpr std::size_t digits_at = 3;
    Revision revision = 0;
    if (id.value.starts_with("op-"))
        std::from_chars(id.value.data() + digits_at, id.value.data() + id.value.size(), revision);
    return revision;
}

Change put(std::string key, std::string value) {
    return {Change::Kind::put, std::move(key), std::move(value), 0};
}

Transaction acceptance(const Operation& draft, const std::string& text, Transaction transaction) {
    transaction.guards.push_back({Compare::Kind::absent, guard_key(draft.vm), 0, {}});
    transaction.guards.push_back({Compare::Kind::absent, record_key(draft.id), 0, {}});
    transaction.guards.push_back({Compare::Kind::absent, power_lock_key(draft.to), 0, {}});
    transaction.changes.push_back(put(record_key(draft.id), text));
    transaction.changes.push_back(put(guard_key(draft.vm), draft.id.value));
    transaction.changes.push_back(put(target_key(draft.to), draft.id.value));
    return transaction;
}

// With the others the store said that it did nothing [ports/store.h].
bool outcome_unknown(const Error& error) {
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::timed_out ||
           error.code == ErrorCode::cancelled || error.code == ErrorCode::internal;
}

// An id alone does not tell: that of an acceptance which never took effect may have been given again after a restart.
bool same_operation(const Operation& a, const Operation& b) {
    return a.vm == b.vm && a.created == b.created && a.from == b.from && a.to == b.to;
}

Error foreign(const OperationId& id) {
    return {ErrorCode::conflict, id.value, "somebody else writes its record"};
}

Result<Record> parse(const KeyValue& entry) {
    boost::system::error_code failure;
    const json::value value = json::parse(entry.value, failure);
    if (failure) return Error{ErrorCode::corrupt, entry.key, failure.message()};
    auto record = record_from_json(value);
    if (!record) return Error{ErrorCode::corrupt, entry.key, record.error().message};
    return record;
}

}  // namespace

Store::Task<Acceptance> Journal::accept(Operation draft, Transaction together) {
    // Another acceptance may take the same revision first: then this one simply takes the next.
    constexpr int tries = 16;
    for (int i = 0; i < tries; ++i) {
        const auto revision = co_await store_.revision();
        if (!revision) co_return revision.error();
        // Never one that was given before: that acceptance may yet take effect, or be being taken back.
        last_id_ = std::max(*revision, last_id_) + 1;
        draft.id = id_at(last_id_);
        const std::string text = json::serialize(to_json(Record{draft, {}}));
        auto transaction = acceptance(draft, text, together);
        const auto commit = co_await store_.commit(std::move(transaction));
        if (!commit && !outcome_unknown(commit.error())) co_return commit.error();
        if (!commit) {
            positions_[draft.id] = {};
            co_return Acceptance{draft, false, 0};
        }
        if (commit->committed) {
            positions_[draft.id] = {commit->revision, true};
            co_return Acceptance{draft, true, commit->revision};
        }
        auto key = guard_key(draft.vm);
        const auto guard = co_await store_.get(std::move(key));
        if (!guard) co_return guard.error();
        if (*guard) break;
        key = power_lock_key(draft.to);
        const auto lock = co_await store_.get(std::move(key));
        if (!lock) co_return lock.error();
        if (*lock) co_return Error{ErrorCode::conflict, draft.to.value, "it is " + (*lock)->value};
        if (!together.guards.empty())  // or the revision was taken: whoever asks tries again
            co_return Error{ErrorCode::conflict, draft.vm_name, "something else was decided about it just now"};
    }
    co_return Error{ErrorCode::conflict, draft.vm_name, "another operation on it is under way"};
}

Transaction Journal::transaction_for(const Record& record, const std::string& text, const Position& at) const {
    Transaction transaction;
    transaction.guards.push_back({Compare::Kind::mod_revision_is, record_key(record.op.id), at.revision, {}});
    transaction.changes.push_back(put(record_key(record.op.id), text));
    if (!is_final(record.op.state) || !at.holds_vm) return transaction;
    transaction.guards.push_back({Compare::Kind::value_is, guard_key(record.op.vm), 0, record.op.id.value});
    transaction.changes.push_back({Change::Kind::erase, guard_key(record.op.vm), {}, 0});
    return transaction;
}

// `at` becomes what to go on from.
Store::Task<Journal::Found> Journal::read_back(const Record& record, const std::string& text, Position& at) {
    auto key = record_key(record.op.id);
    const auto entry = co_await store_.get(std::move(key));
    if (!entry) co_return entry.error();
    key = guard_key(record.op.vm);
    const auto guard = co_await store_.get(std::move(key));
    if (!guard) co_return guard.error();
    at.revision = *entry ? (*entry)->mod_revision : 0;
    at.holds_vm = *guard && (*guard)->value == record.op.id.value;
    if (!*entry) co_return Found::older;
    const auto found = parse(**entry);
    if (!found) co_return found.error();
    if (!same_operation(found->op, record.op)) co_return Found::of_another;
    const bool freed = !is_final(record.op.state) || !at.holds_vm;
    co_return freed && (*entry)->value == text ? Found::as_written : Found::older;
}

Store::Task<void> Journal::write(Record record) {
    const std::string text = json::serialize(to_json(record));
    Position at = positions_[record.op.id];
    bool written = false;
    constexpr int tries = 8;  // each time an earlier write of ours came through in between
    for (int i = 0; i < tries && !written; ++i) {
        auto transaction = transaction_for(record, text, at);
        const auto commit = co_await store_.commit(std::move(transaction));
        if (!commit) co_return commit.error();
        if (commit->committed) {
            at.revision = commit->revision;
            break;
        }
        const auto found = co_await read_back(record, text, at);
        if (!found) co_return found.error();
        written = *found == Found::as_written || (*found == Found::of_another && is_final(record.op.state));
        if (*found == Found::of_another && !written) co_return foreign(record.op.id);
        if (i + 1 == tries && !written) co_return foreign(record.op.id);
    }
    if (is_final(record.op.state))
        positions_.erase(record.op.id);
    else
        positions_[record.op.id] = at;
    co_return Result<void>();
}

Store::Task<std::vector<Record>> Journal::load_records() {
    std::string prefix = ops_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    std::vector<Record> records;
    for (const KeyValue& entry : *entries) {
        auto record = parse(entry);
        if (!record) co_return record.error();
        last_id_ = std::max(last_id_, revision_in(record->op.id));
        if (!is_final(record->op.state)) positions_[record->op.id] = {entry.mod_revision, true};
        records.push_back(std::move(*record));
    }
    co_return records;
}

Store::Task<std::vector<Operation>> Journal::load() {
    auto records = co_await load_records();
    if (!records) co_return records.error();
    std::vector<Operation> operations;
    for (Record& record : *records) operations.push_back(std::move(record.op));
    co_return operations;
}

Store::Task<void> Journal::prune(std::size_t keep) {
    std::string prefix = ops_prefix;
    const auto entries = co_await store_.list(std::move(prefix));
    if (!entries) co_return entries.error();
    std::vector<std::string> ended;
    for (const KeyValue& entry : *entries) {
        const auto record = parse(entry);
        if (!record) co_return record.error();
        if (is_final(record->op.state)) ended.push_back(entry.key);
    }
    constexpr std::size_t batch = 100;  // a transaction holds at most 128 changes
    const std::size_t excess = ended.size() > keep ? std::min(ended.size() - keep, batch) : 0;
    if (excess == 0) co_return Result<void>();
    Transaction transaction;
    for (std::size_t i = 0; i < excess; ++i) transaction.changes.push_back({Change::Kind::erase, ended[i], {}, 0});
    const auto commit = co_await store_.commit(std::move(transaction));
    if (!commit) co_return commit.error();
    co_return Result<void>();
}

}  // namespace ballast::executor
