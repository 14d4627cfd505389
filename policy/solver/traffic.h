// Migrations under way on virtual time: slots of hosts and cluster, and links that are shared. A value.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "policy/solver/order.h"

namespace ballast::policy::solver {

class Traffic {
public:
    static constexpr std::size_t foreign = std::numeric_limits<std::size_t>::max();

    /// With OrderOptions::under_way under way.
    Traffic(std::size_t hosts, const OrderOptions& options);

    double now() const { return now_; }
    bool is_full() const { return transfers_.size() >= cluster_; }
    bool has_slot(HostIndex from, HostIndex to) const;
    /// `seconds` alone on the link; `number` is what advance() tells. Either host may be no_host.
    void start(std::size_t number, HostIndex from, HostIndex to, double seconds);
    /// Goes on to the next end and says whose; nothing when nothing is under way.
    std::optional<std::size_t> advance();

private:
    struct Transfer {
        std::size_t number = 0;
        HostIndex from = no_host, to = no_host;
        double remaining = 0;
    };

    double rate(const Transfer& transfer) const;

    std::vector<Transfer> transfers_;
    std::vector<unsigned> outgoing_, incoming_;
    unsigned most_outgoing_, most_incoming_, cluster_;
    double now_ = 0;
};

}  // namespace ballast::policy::solver
