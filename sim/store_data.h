// The simulated store itself: etcd's semantics in memory, for any number of connections (SimStore) at once. It outlives
// whoever uses it, and time passes for it although nobody calls: its owner asks for `next_event` and calls `run_due`.
// Single-threaded.
#pragma once

#include <map>
#include <optional>
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

    // Time: leases end, and commits on their way arrive.
    std::optional<Instant> next_event() const;
    void run_due(Instant now);

    std::map<std::string, KeyValue> entries;
    Revision revision = 1;
    std::map<LeaseId, Lease> leases;
    LeaseId last_lease = 0;
    std::vector<WatchEvent> history;
    std::vector<StoreClient*> clients;  // in the order in which they connected

    // Faults.
    Instant unavailable_until{};
    Instant full_until{};
    unsigned lose_replies = 0;                      // of the next commits: applied, but the answer says timed_out
    Duration late{};                                // with lose_replies: applied only after this time
    std::multimap<Instant, Transaction> under_way;  // commits that are applied later

private:
    bool holds(const Compare& guard) const;
    void change(const Change& change, std::vector<WatchEvent>& events);
    void put(const Change& change, std::vector<WatchEvent>& events);
    void erase(const std::string& key, std::vector<WatchEvent>& events);
};

}  // namespace ballast::sim
