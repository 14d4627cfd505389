// The decision engine: two pure functions. No clock, no IO, no randomness: the same arguments give the same plan,
// byte for byte, on any machine.
#pragma once

#include <map>
#include <optional>

#include "model/inventory.h"
#include "model/plan.h"
#include "policy/demand_history.h"
#include "policy/options.h"

namespace ballast::policy {

/// One detector's memory of one host.
struct DetectorState {
    std::optional<Instant> above_since;  // continuously above the limit since: the begin of the first such sample
    bool set = false;                    // persisted; stays set until below the lower limit
    std::optional<Instant> last_value;   // sample time of the last known value; a long gap starts the detector anew
};

struct HostMemory {
    DetectorState cpu, ready, memory, memory_pressure;
    double cpu_demand_cores = 0;  // smoothed demand of its VMs and of itself
    double ready_ratio = 0;
    std::optional<Instant> last_sample;  // the sample these were made from; the same one is not counted twice
    double other_cpu_cores = 0;          // smoothed use by anything but its VMs (kernel, vhost, other processes)
    bool other_known = false;            // false: other_cpu_cores was never measured
    double unattributed_cpu_cores = 0;   // of the last sample: use that may be that of VMs not measured yet
    bool cpu_known = false;  // its own use or that of all its VMs was measured; else the demand means nothing
};

struct VmMemory {
    double cpu_demand_cores = 0;  // smoothed
    double dirty_mib_per_s = 0;
    std::optional<Instant> last_sample;  // absent: its CPU use was never measured
    double ready_ratio = 0;              // smoothed
    bool dirty_known = false;            // false: dirty_mib_per_s means nothing
    double duration_factor = 1;          // what its migrations took beside the model's prediction, see learn()
    double downtime_factor = 1;
    DemandHistory history;
};

/// Did the moves away from a host bring what they promised? A host under audit waits for samples well after them.
struct OpenAudit {
    double before_cores = 0;    // the host's demand before the first of the moves
    double expected_cores = 0;  // what they were to take away
    Instant last_move;
};

/// The outcome audit: when moves do not help, fewer are made until they do.
struct Audit {
    std::map<HostId, OpenAudit> open;
    double effect = 1;     // smoothed share of the promised relief that was measured; 1 is as promised
    unsigned audited = 0;  // hosts audited so far
    bool braked = false;
};

/// What the detectors remember between two cycles. A value: kept by the caller, printed into decision records.
struct Memory {
    std::map<HostId, HostMemory> hosts;
    std::map<VmId, VmMemory> vms;
    DetectorState imbalance;  // of the cluster
    Audit audit;
    std::optional<Instant> learned_until;  // past moves that ended up to then were learnt from
};

/// Feeds one inventory into the estimators and detectors. Stale hosts keep their last state and gain nothing.
Memory observe(Memory memory, const Inventory& inventory, const Options& options, Instant now);

/// Relief of overloaded hosts and evacuation of hosts in maintenance.
Plan plan(const Inventory& inventory, const Memory& memory, const Options& options, Instant now);

/// Why this VM can or cannot go to each host now: empty list = it can. For `migrate VM --to HOST` and explain.
std::vector<Rejection> refusals(const Inventory& inventory, const Memory& memory, const Options& options, VmId vm,
                                HostId target, Instant now);

/// True for reasons that advise against a move but do not make it impossible: an operator's own move may go against
/// them (cooldown, cpu, no_benefit) or has to wait for them (limit_outgoing, limit_incoming, limit_cluster).
bool advisory(Reason reason);

/// Expected cost of moving this VM [pre-copy model: Clark et al., NSDI 2005; Voorsluys 2009].
Prediction predict(const Vm& vm, const VmMemory& memory, const MigrationOptions& options);

}  // namespace ballast::policy
