#include "etcd/keyspace.h"

namespace ballast::etcd {
namespace {

void add_guard(api::Compare& compare, const Keyspace& keyspace, const Compare& guard) {
    compare.set_key(keyspace.stored(guard.key));
    switch (guard.kind) {
        case Compare::Kind::absent:
            compare.set_target(api::Compare::CREATE);
            compare.set_create_revision(0);
            break;
        case Compare::Kind::present:
            compare.set_result(api::Compare::GREATER);
            compare.set_target(api::Compare::CREATE);
            compare.set_create_revision(0);
            break;
        case Compare::Kind::mod_revision_is:
            compare.set_target(api::Compare::MOD);
            compare.set_mod_revision(guard.revision);
            break;
        case Compare::Kind::create_revision_is:
            compare.set_target(api::Compare::CREATE);
            compare.set_create_revision(guard.revision);
            break;
        case Compare::Kind::value_is:
            compare.set_target(api::Compare::VALUE);
            compare.set_value(guard.value);
            break;
    }
}

void add_change(api::RequestOp& operation, const Keyspace& keyspace, const Change& change) {
    const std::string stored = keyspace.stored(change.key);
    if (change.kind == Change::Kind::put) {
        auto& put = *operation.mutable_request_put();
        put.set_key(stored);
        put.set_value(change.value);
        put.set_lease(change.lease);
        return;
    }
    auto& erase = *operation.mutable_request_delete_range();
    erase.set_key(stored);
    if (change.kind == Change::Kind::erase_prefix) erase.set_range_end(end_of(stored));
}

}  // namespace

std::string end_of(std::string prefix) {
    while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
    if (prefix.empty()) return std::string(1, '\0');  // etcd's word for "to the last key"
    ++prefix.back();
    return prefix;
}

api::RangeRequest read_key(const std::string& stored) {
    api::RangeRequest request;
    request.set_key(stored);
    return request;
}

api::TxnRequest write(const Keyspace& keyspace, const Transaction& transaction) {
    api::TxnRequest request;
    for (const auto& guard : transaction.guards) add_guard(*request.add_compare(), keyspace, guard);
    for (const auto& change : transaction.changes) add_change(*request.add_success(), keyspace, change);
    if (transaction.changes.empty()) {
        // Without any operation etcd answers from what this member happens to have: a read makes it ask the leader.
        auto& read = *request.add_success()->mutable_request_range();
        read = read_key(keyspace.schema_key());
        read.set_count_only(true);
    }
    return request;
}

KeyValue entry_of(const Keyspace& keyspace, api::KeyValue& entry) {
    return {keyspace.shown(entry.key()),
            std::move(*entry.mutable_value()),
            entry.create_revision(),
            entry.mod_revision(),
            entry.version(),
            entry.lease()};
}

WatchEvent event_of(const Keyspace& keyspace, api::Event& event) {
    const auto kind = event.type() == api::Event::DELETE ? WatchEvent::Kind::erase : WatchEvent::Kind::put;
    return {kind, entry_of(keyspace, *event.mutable_kv())};
}

}  // namespace ballast::etcd
