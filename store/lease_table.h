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
    /// The leases whose time is over. They cannot be renewed any more, and are not named again unless by try_again().
    std::vector<LeaseId> take_due(Instant now);
    /// The keys of an ended lease could not be erased: due again then.
    void try_again(LeaseId lease, Instant when);
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
