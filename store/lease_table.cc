#include "store/lease_table.h"

#include <algorithm>

namespace ballast::store {
namespace {

constexpr Instant being_erased = Instant::max();

}  // namespace

void LeaseTable::add(LeaseId lease, Duration time_to_live, Instant now) {
    leases_[lease] = {time_to_live, now + time_to_live, false};
}

bool LeaseTable::renew(LeaseId id, Instant now) {
    const auto at = leases_.find(id);
    if (at == leases_.end()) return false;
    Lease& lease = at->second;
    // Late is late, even when nobody has looked yet: the whole process may have been stopped meanwhile.
    if (lease.over || lease.due <= now) return false;
    lease.due = now + lease.time_to_live;
    return true;
}

std::vector<LeaseId> LeaseTable::take_due(Instant now) {
    std::vector<LeaseId> due;
    for (auto& [id, lease] : leases_) {
        if (lease.due > now) continue;
        due.push_back(id);
        lease.over = true;
        lease.due = being_erased;
    }
    return due;
}

void LeaseTable::try_again(LeaseId id, Instant when) {
    if (const auto at = leases_.find(id); at != leases_.end()) at->second.due = when;
}

std::optional<Instant> LeaseTable::next_due() const {
    const auto sooner = [](const auto& a, const auto& b) { return a.second.due < b.second.due; };
    const auto first = std::min_element(leases_.begin(), leases_.end(), sooner);
    if (first == leases_.end() || first->second.due == being_erased) return std::nullopt;
    return first->second.due;
}

}  // namespace ballast::store
