// When each lease ends. Only in memory: after a restart every stored lease gets its full time again, as in etcd.
// Pure bookkeeping; the owner passes the time and erases the keys.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ports/store.h"

namespace ballast::store {

class LeaseTable {
public:
    void add(LeaseId lease, Duration time_to_live, Instant now);
    void remove(LeaseId lease) { leases_.erase(lease); }
    /// False: it is not known, or its time is over.
    bool renew(LeaseId lease, Instant now);
    /// The leases whose time is over, and not asked for since `retry` ago; from now on they cannot be renewed.
    std::vector<LeaseId> take_due(Instant now, Duration retry);
    /// When take_due() will next have something.
    std::optional<Instant> next_due() const;

private:
    struct Lease {
        Duration time_to_live{};
        Instant due;
        bool over = false;
    };
    std::map<LeaseId, Lease> leases_;
};

}  // namespace ballast::store
