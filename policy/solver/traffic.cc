#include "policy/solver/traffic.h"

#include <algorithm>

namespace ballast::policy::solver {

Traffic::Traffic(std::size_t hosts, const OrderOptions& options)
    : outgoing_(hosts, 0),
      incoming_(hosts, 0),
      most_outgoing_(std::max(options.outgoing_per_host, 1U)),
      most_incoming_(std::max(options.incoming_per_host, 1U)),
      cluster_(std::max(options.cluster, 1U)) {
    for (const UnderWay& move : options.under_way) start(foreign, move.from, move.to, move.remaining_s);
}

bool Traffic::has_slot(HostIndex from, HostIndex to) const {
    return !is_full() && (from == no_host || outgoing_[from] < most_outgoing_) &&
           (to == no_host || incoming_[to] < most_incoming_);
}

void Traffic::start(std::size_t number, HostIndex from, HostIndex to, double seconds) {
    transfers_.push_back({number, from, to, std::max(seconds, 0.0)});
    if (from != no_host) ++outgoing_[from];
    if (to != no_host) ++incoming_[to];
}

// Links are full duplex: what a host sends and what it receives do not disturb each other, and each direction is shared
// evenly. What one end cannot use is not given to others: an upper bound of the time.
double Traffic::rate(const Transfer& transfer) const {
    if (transfer.from == no_host || transfer.to == no_host) return 1;
    return 1.0 / std::max(outgoing_[transfer.from], incoming_[transfer.to]);
}

std::optional<std::size_t> Traffic::advance() {
    if (transfers_.empty()) return std::nullopt;
    const auto time_left = [&](const Transfer& transfer) { return transfer.remaining / rate(transfer); };
    const auto next = std::min_element(transfers_.begin(), transfers_.end(), [&](const Transfer& a, const Transfer& b) {
        return time_left(a) < time_left(b);
    });
    const double step = time_left(*next);
    now_ += step;
    for (Transfer& transfer : transfers_)
        transfer.remaining = std::max(0.0, transfer.remaining - step * rate(transfer));
    const Transfer done = *next;
    transfers_.erase(next);
    if (done.from != no_host) --outgoing_[done.from];
    if (done.to != no_host) --incoming_[done.to];
    return done.number;
}

}  // namespace ballast::policy::solver
