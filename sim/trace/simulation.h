// One simulated day: a decision every five minutes, its migrations, and the end at 24 hours.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sim/trace/cluster.h"

namespace ballast::sim::trace {

struct Transfer {
    VmIndex vm;
    HostIndex target;
};

struct Decision {
    std::vector<Transfer> moves;  // in the order they are to start
    std::vector<bool> keep_on;    // empty hosts that stay on, by host; empty: none
};

/// Who decides. Called on one thread, in the order of time.
class Decider {
public:
    virtual ~Decider() = default;
    /// A host for every VM, before anything is known but sizes. Nominal CPU and memory have to fit.
    virtual std::vector<HostIndex> place(const Cluster& cluster) = 0;
    /// Called just after the cluster was measured.
    virtual Decision decide(const Cluster& cluster) = 0;
    virtual bool draws_maximum_power() const { return false; }
};

/// Is it a placement every host can take: one core of it at least as fast as the VM's, the sum of nominal CPU, and
/// memory?
bool fits_nominally(const Cluster& cluster, const std::vector<HostIndex>& placement);

/// Called after each decision has begun; for tests and records.
using Watch = std::function<void(const Cluster&, const Decision&)>;

/// Requires: place() gives a placement that fits.
Metrics simulate_day(const Setting& setting, const Workload& workload, Decider& decider, const Watch& watch = {});

}  // namespace ballast::sim::trace
