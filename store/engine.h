// The key space on one SQLite connection: etcd's semantics, synchronous, without time, watches or threads.
//
// Owned by the worker thread once it runs. Every function is one SQLite transaction: on an error nothing has changed
// (but see `unavailable`: after an input/output error of a commit the outcome is known only by reading again).
// Every row carries a CRC-32C, and the meta row "digest" the sum of all of them: a row that was altered, lost or
// came back is found.
#pragma once

#include "ports/store.h"
#include "store/sqlite.h"

namespace ballast::store {

/// What a transaction did, in the order of its changes.
struct Applied {
    Commit commit;
    std::vector<WatchEvent> events;
};

struct StoredLease {
    LeaseId id = 0;
    Duration time_to_live{};
};

class Engine {
public:
    /// Creates the tables where there are none yet, and then reads the counters. The whole content is checked:
    /// `corrupt` when a row or the whole does not match, `refused` when a newer Ballast wrote it.
    static Result<std::unique_ptr<Engine>> attach(Database database);

    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    Result<std::optional<KeyValue>> get(const std::string& key);
    Result<std::vector<KeyValue>> list(const std::string& prefix);
    /// The transaction has passed check_transaction(). not_found: a put names a lease that does not exist.
    Result<Applied> commit(const Transaction& transaction);
    Revision revision() const { return counters_.revision; }

    Result<LeaseId> grant(Duration time_to_live);
    /// Erases the lease and its keys in one revision. not_found: there is no such lease.
    Result<Applied> revoke(LeaseId lease);
    Result<std::optional<Duration>> lease(LeaseId lease);
    Result<std::vector<StoredLease>> leases();

    /// After a loss: continues at a revision and lease number that were never handed out.
    Result<void> skip_to(Revision revision, LeaseId lease_number);
    LeaseId last_lease() const { return counters_.lease; }

    Database& database() { return database_; }

private:
    struct Counters {
        Revision revision = 0;
        LeaseId lease = 0;
        std::int64_t digest = 0;
    };
    /// A transaction in the making. Becomes counters_ and the answer when SQLite has committed it.
    struct Draft {
        Counters counters;
        std::vector<WatchEvent> events;
        std::optional<Error> error;
    };

    explicit Engine(Database database);

    Result<void> load();
    std::int64_t meta(const char* name);
    Result<std::int64_t> digest_of_all_rows();

    Draft begin();
    Result<Applied> finish(Draft draft);
    Result<void> write(const Draft& draft);
    Error roll_back(Error error);
    void write_counters(const Counters& before, const Counters& after);

    std::optional<KeyValue> find(const std::string& key);
    std::vector<KeyValue> find_prefix(const std::string& prefix);
    std::optional<Duration> find_lease(LeaseId lease);
    KeyValue entry_of(const Statement& row);
    bool holds(const Compare& guard);
    bool hold(const std::vector<Compare>& guards);
    void apply(const Change& change, Draft& draft);
    void put(const Change& change, Draft& draft);
    void erase(const KeyValue& entry, Draft& draft);

    Database database_;
    Counters counters_;
    Statement select_, select_from_, select_range_, select_of_lease_, upsert_, delete_, select_lease_, insert_lease_,
        delete_lease_, update_meta_;
};

}  // namespace ballast::store
