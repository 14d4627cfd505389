// The simulated store itself: etcd's semantics in memory, for any number of connections (SimStore) at once. It outlives
// whoever uses it, and time passes for it although nobody calls: its owner asks for `next_event` and calls `run_due`.
// Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "ports/clock.h"
#include "ports/store.h"

namespace ballast::sim {

/// A connection, as the store sees it.
class StoreClient {
public:
    virtual ~StoreClient() = default;
    /// Something may have happened that its watches are to hear of.
    virtual void tell(Instant now) = 0;
    /// When its watches will hear of what they have not heard of yet; the past: now.
    virtual std::optional<Instant> next_telling() const { return std::nullopt; }
};

/// What is on the store's disk, and what is wrong with it. Connections refer to it, so it stays where it is.
struct StoreData {
    struct Lease {
        Duration time_to_live{};
        Instant ends{};
    };

    StoreData() = default;
    StoreData(const StoreData&) = delete;
    StoreData& operator=(const StoreData&) = delete;

    /// Error not_found: the guards hold, but a put names a lease that is gone.
    Result<Commit> commit(const Transaction& transaction, Instant now);
    LeaseId grant(Duration time_to_live, Instant now);
    /// Both: false when there is no such lease.
    bool keep_alive(LeaseId lease, Instant now);
    bool revoke(LeaseId lease, Instant now);

    /// Whose the key is; 0: nobody's. Revoked before its time is a fault of etcd's [issue 15247].
    LeaseId lease_of(const std::string& key) const;

    /// What was there then, as far as it was brought about by commits.
    std::map<std::string, KeyValue> at(Revision then, const std::string& prefix = {}) const;
    Revision revision_at(Instant when) const;
    Instant time_of(Revision then) const;
    /// Watches that have not heard of the changes before the last one will not hear of them.
    void compact() { compacted = revision; }

    /// In the place of all that is there, in one revision; leases are gone. As by etcdutl or by whoever restores a
    /// backup.
    void replace(const std::map<std::string, std::string>& with, Instant now);

    /// Nothing is wrong from now on. What is on its way still arrives.
    void heal();

    // Time: leases end, commits on their way arrive, watches hear. Not while the store is unavailable: no lease ends
    // without a quorum, and those whose time came meanwhile begin anew, as when etcd has a new leader.
    std::optional<Instant> next_event() const;
    void run_due(Instant now);

    std::map<std::string, KeyValue> entries;
    Revision revision = 1;
    std::map<LeaseId, Lease> leases;
    LeaseId last_lease = 0;
    std::vector<WatchEvent> history;
    std::vector<std::pair<Instant, Revision>> times;  // of the revisions
    Revision compacted = 0;
    std::vector<StoreClient*> clients;  // in the order in which they connected
    /// Hears of every transaction whose guards hold, right before it changes anything.
    std::function<void(const Transaction&)> committing;

    // Faults.
    std::mt19937_64 dice;
    Instant unavailable_until{};
    Instant full_until{};
    Duration leases_late{};                         // at most: so much longer than its time a lease may last
    unsigned lose_replies = 0;                      // of the next commits: applied, but the answer says timed_out
    Duration late{};                                // with lose_replies: applied only after this time
    std::multimap<Instant, Transaction> under_way;  // commits that are applied later

private:
    Instant end_of(Duration time_to_live, Instant now);
    bool holds(const Compare& guard) const;
    void change(const Change& change);
    void put(const Change& change);
    void erase(const std::string& key);
};

}  // namespace ballast::sim
