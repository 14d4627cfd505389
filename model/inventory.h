// Everything the policy may look at, at one moment. Ordered containers only: the same inventory always gives
// the same plan, byte for byte.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "model/host.h"
#include "model/ids.h"
#include "model/vm.h"

namespace ballast {

/// A migration that is under way (or accepted and about to start): it uses its source and its target.
struct InFlight {
    OperationId operation;
    VmId vm;
    HostId from;
    HostId to;
};

/// How a migration went beside what was predicted: measured / predicted.
struct Experience {
    double duration = 1;
    std::optional<double> downtime;  // absent when libvirt did not tell
};

/// A move that ended, by Ballast or by hand: what the cooldown and ping-pong rules look at.
struct PastMove {
    VmId vm;
    HostId from;
    HostId to;
    Instant ended;
    bool succeeded = true;
    bool by_hand = false;
    std::optional<Experience> experience = {};  // of a migration that succeeded at its first attempt
};

/// Where a VM belongs that Ballast moved away for the maintenance of that host, and that nobody has moved since.
struct Home {
    VmId vm;
    HostId host;
    std::optional<Instant> maintenance_ended;  // absent: it lasts
};

struct Inventory {
    std::map<HostId, Host> hosts;
    std::map<VmId, Vm> vms;
    std::vector<InFlight> in_flight;
    std::vector<PastMove> past_moves;   // oldest first, bounded by the keeper
    std::vector<Home> homes;            // each VM once
    std::optional<WallTime> wall_time;  // the time of day of this picture, for time windows; absent: not known
};

}  // namespace ballast
