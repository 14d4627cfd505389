// Which hosts are taken to be dead, and when so many are silent that it must be the network, not the hosts. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/options.h"

namespace ballast::policy {

/// What is heard of one host that is meant to be on.
struct Contact {
    // It is looked at in two independent ways, and is not the host that looks: only then its silence means anything.
    bool watched = false;
    std::optional<Instant> answered;  // when anything of it last did, be it libvirt or its kernel
    unsigned unanswered = 0;          // looks in a row since then that brought nothing
    bool maintenance = false;         // somebody works on it: its silence is expected, and is not counted
    bool concerns_vms = false;        // it owns VMs, or some are on their way from or to it
};

/// A host to be cut off, and why in one sentence.
struct Suspect {
    HostId host;
    std::string reason;
};

struct Suspicion {
    std::vector<HostId> silent;     // for a few looks already
    std::vector<Suspect> suspects;  // for so long that they are taken to be dead
    // Not empty: half of the hosts or more are silent, so that no host is to be cut off [safety.md, invariant 12].
    std::string frozen;
    bool calm = false;  // it was frozen a moment ago: nobody is cut off yet
};

/// `started` is when the watching began.
Suspicion suspect(const std::map<HostId, Contact>& contacts, const FailoverOptions& options, Instant started,
                  Instant now);

/// Hosts that a network cut off come back one after the other, as switches bring up their ports: for half a minute
/// after a storm nobody is cut off. But a host that fails again and again cannot put that off for longer than a minute
/// in five.
class Calm {
public:
    /// To be told of each suspicion, in order. True: nobody is to be cut off now.
    bool holds(const Suspicion& suspicion, Instant now);
    /// As if a storm had just ended: nobody knows what was before.
    void begin(Instant now);

private:
    bool frozen_ = false, calm_ = false;
    Instant last_{}, until_{};       // when it was asked for last; when this one ends
    std::optional<Instant> counts_;  // since when `spent_` is counted
    Duration spent_{};
};

}  // namespace ballast::policy
