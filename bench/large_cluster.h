// Large synthetic clusters with everything on that rules, wishes and hardware can ask for, as the daemon would see
// them: an inventory and what the detectors remember. The same seed gives the same cluster on any machine.
#pragma once

#include <cstdint>

#include "policy/policy.h"

namespace ballast::bench {

struct LargeCluster {
    Inventory inventory;
    policy::Options options;
    policy::Memory memory;
    Instant now;
};

/// What there is to do in it.
enum class Trouble {
    overload,  // one host in a hundred is overloaded, and the rest uneven
    uneven,    // nobody is overloaded, the load is uneven
};

/// 20 VMs a host. Moves in one cycle are limited to a tenth of the hosts, for relief and for balance.
LargeCluster large_cluster(std::size_t hosts, std::uint64_t seed, Trouble trouble);

}  // namespace ballast::bench
