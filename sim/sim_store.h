// An in-memory Store with etcd's semantics and faults on demand: the data outlive the crash of the daemon, its
// connection (SimStore) does not. Leases end by the clock, looked at whenever the store is used.
#pragma once

#include <list>
#include <map>

#include "ports/clock.h"
#include "ports/store.h"
#include "sim/crash_point.h"

namespace ballast::sim {

/// What is on the store's disk, and what is wrong with it.
struct StoreData {
    std::map<std::string, KeyValue> entries;
    Revision revision = 1;
    struct Lease {
        Duration time_to_live{};
        Instant ends{};
    };
    std::map<LeaseId, Lease> leases;
    LeaseId last_lease = 0;
    std::vector<WatchEvent> history;

    // Faults.
    Instant unavailable_until{};
    Instant full_until{};
    unsigned lose_replies = 0;                      // of the next commits: applied, but the answer says timed_out
    Duration late{};                                // with lose_replies: applied only after this time
    std::multimap<Instant, Transaction> under_way;  // commits that are applied later
};

class SimStore : public Store {
public:
    SimStore(boost::asio::io_context& io, Clock& clock, StoreData& data, CrashPoints& crashes)
        : io_(io), clock_(clock), data_(data), crashes_(crashes) {}

    Task<std::optional<KeyValue>> get(std::string key) override;
    Task<std::vector<KeyValue>> list(std::string prefix) override;
    Task<Commit> commit(Transaction transaction) override;
    Task<Revision> revision() override;
    std::unique_ptr<WatchHandle> watch(std::string prefix, Revision after,
                                       std::function<void(const std::vector<WatchEvent>&)> changed,
                                       std::function<void()> compacted) override;
    Task<LeaseId> grant(Duration time_to_live) override;
    Task<void> keep_alive(LeaseId lease) override;
    Task<void> revoke(LeaseId lease) override;

private:
    struct Watch;
    using Listener = std::function<void(const std::vector<WatchEvent>&)>;

    Task<void> reach();
    void catch_up();
    Commit apply(const Transaction& transaction);
    bool holds(const Compare& guard) const;
    void put(const Change& change, std::vector<WatchEvent>& events);
    void erase(const std::string& key, std::vector<WatchEvent>& events);
    void publish(std::vector<WatchEvent> events);
    void end_lease(LeaseId lease);

    boost::asio::io_context& io_;
    Clock& clock_;
    StoreData& data_;
    CrashPoints& crashes_;
    std::list<std::pair<std::string, std::weak_ptr<Listener>>> watches_;
};

}  // namespace ballast::sim
