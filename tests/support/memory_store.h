// A Store that lives in memory: guarded transactions with etcd's revisions, nothing else of etcd. Watches never report
// and leases never end; whoever needs those uses the embedded store. Answers at once, unless told to fail.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "ports/store.h"

namespace ballast::test {

class MemoryStore : public Store {
public:
    /// Every call answers with this while it is set.
    std::optional<Error> failure;
    std::map<std::string, KeyValue> entries;

    Task<std::optional<KeyValue>> get(std::string key) override {
        if (failure) co_return *failure;
        const auto found = entries.find(key);
        if (found == entries.end()) co_return std::optional<KeyValue>();
        co_return std::optional<KeyValue>(found->second);
    }

    Task<std::vector<KeyValue>> list(std::string prefix) override {
        if (failure) co_return *failure;
        std::vector<KeyValue> found;
        for (const auto& [key, entry] : entries)
            if (key.starts_with(prefix)) found.push_back(entry);
        co_return found;
    }

    Task<Commit> commit(Transaction transaction) override {
        if (failure) co_return *failure;
        for (const Compare& guard : transaction.guards)
            if (!holds(guard)) co_return Commit{false, revision_};
        ++revision_;
        for (const Change& change : transaction.changes) apply(change);
        co_return Commit{true, revision_};
    }

    Task<Revision> revision() override {
        if (failure) co_return *failure;
        co_return revision_;
    }

    std::unique_ptr<WatchHandle> watch(std::string, Revision, std::function<void(const std::vector<WatchEvent>&)>,
                                       std::function<void()>) override {
        return std::make_unique<WatchHandle>();
    }
    Task<LeaseId> grant(Duration) override {
        if (failure) co_return *failure;
        co_return ++last_lease_;
    }
    Task<void> keep_alive(LeaseId) override { co_return Result<void>(); }
    Task<void> revoke(LeaseId) override { co_return Result<void>(); }

private:
    bool holds(const Compare& guard) const {
        const auto found = entries.find(guard.key);
        const bool present = found != entries.end();
        switch (guard.kind) {
            case Compare::Kind::absent: return !present;
            case Compare::Kind::present: return present;
            case Compare::Kind::mod_revision_is: return (present ? found->second.mod_revision : 0) == guard.revision;
            case Compare::Kind::create_revision_is:
                return (present ? found->second.create_revision : 0) == guard.revision;
            case Compare::Kind::value_is: return present && found->second.value == guard.value;
        }
        return false;
    }

    void apply(const Change& change) {
        if (change.kind == Change::Kind::erase) entries.erase(change.key);
        if (change.kind == Change::Kind::erase_prefix)
            std::erase_if(entries, [&](const auto& entry) { return entry.first.starts_with(change.key); });
        if (change.kind != Change::Kind::put) return;
        KeyValue& entry = entries[change.key];
        if (entry.version++ == 0) entry.create_revision = revision_;
        entry.key = change.key;
        entry.value = change.value;
        entry.mod_revision = revision_;
        entry.lease = change.lease;
    }

    Revision revision_ = 1;
    LeaseId last_lease_ = 0;
};

}  // namespace ballast::test
