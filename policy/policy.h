// The decision engine: two pure functions. No clock, no IO, no randomness: the same arguments give the same plan,
// byte for byte, on any machine.
#pragma once

#include <map>
#include <optional>

#include "model/inventory.h"
#include "model/plan.h"
#include "policy/demand_history.h"
#include "policy/options.h"
#include "policy/season.h"

namespace ballast::policy {

/// One detector's memory of one host.
struct DetectorState {
    std::optional<Instant> above_since;  // continuously above the limit since: the begin of the first such sample
    bool set = false;                    // persisted; stays set until below the lower limit
    std::optional<Instant> last_value;   // sample time of the last known value; a long gap starts the detector anew
};

/// What past days say of a host's CPU demand in the hours that begin within the forecast's horizon.
struct Outlook {
    LocalHour hour = 0;     // the one that looks worst
    double cores = 0;       // demand that was reached in it on the share `confidence` of the past days
    double most_cores = 0;  // demand that was not exceeded on that share, in the worst of these hours
    unsigned days = 0;      // past days of its kind
    unsigned above = 0;     // those on which demand was above the limit
    bool overload = false;  // that is the share `confidence` of them or more
};

struct HostMemory {
    DetectorState cpu, ready, memory, memory_pressure;
    double cpu_demand_cores = 0;  // smoothed demand of its VMs and of itself
    double ready_ratio = 0;
    std::optional<Instant> last_sample;  // the sample these were made from; the same one is not counted twice
    double other_cpu_cores = 0;          // smoothed use by anything but its VMs (kernel, vhost, other processes)
    bool other_known = false;            // false: other_cpu_cores was never measured
    double unattributed_cpu_cores = 0;   // of the last sample: use that may be that of VMs not measured yet
    bool cpu_known = false;           // its own use or that of all its VMs was measured; else the demand means nothing
    std::optional<double> cpu_limit;  // limit of CPU demand in force, where the method has adapted it
    std::optional<double> cpu_expected;  // demand ratio in five minutes, by local regression
    DetectorState swap;
    double swap_in_mib_per_s = 0;    // of the last sample, the host's own and that of guests whose balloon took memory
    std::optional<Outlook> outlook;  // absent: no forecast is wanted or possible
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
    double planned_cpu_cores = 0;  // what it is taken to want where it is moved to, by the estimator
};

/// Did the moves away from a host bring what they promised? A host under audit waits for samples well after them.
struct OpenAudit {
    double before_cores = 0;  // the host's demand before the first of the moves
    bool was_full = false;    // its VMs waited for its CPUs then: those that stay may take what is set free
    Instant last_move;
    std::map<VmId, double> moved{};  // CPUs that each wanted where it was, which the move was to take away
};

/// The outcome audit: when moves do not help, fewer are made until they do.
struct Audit {
    enum class Brake {
        released,
        holding,  // until `until`: one move at a time, and none that nobody suffers without
        proving,  // a few moves at a time, the next ones when these were audited
    };
    std::map<HostId, OpenAudit> open;
    double effect = 1;     // smoothed share of the promised relief that was measured; 1 is as promised
    unsigned audited = 0;  // hosts audited so far
    Brake brake = Brake::released;
    Instant until{};     // end of the hold; means nothing unless `holding`
    unsigned holds = 0;  // in a row, without a release between them: each is longer than the one before
};

std::string to_string(Audit::Brake brake);

/// What the detectors remember between two cycles. A value: kept by the caller, printed into decision records.
struct Memory {
    std::map<HostId, HostMemory> hosts;
    std::map<VmId, VmMemory> vms;
    Seasons seasons;
    DetectorState imbalance;  // of the cluster
    Audit audit;
    std::optional<Instant> learned_until;  // past moves that ended up to then were learnt from
};

/// Feeds one inventory into the estimators and detectors. Stale hosts keep their last state and gain nothing.
Memory observe(Memory memory, const Inventory& inventory, const Options& options, Instant now);

/// How long to search for a better plan. Counted, not timed: the same on any machine.
struct SearchEffort {
    std::uint64_t max_steps = 0;  // of balance; 0: as many as are sensible for the size of the cluster
};

/// Relief of overloaded hosts, evacuation of hosts in maintenance, and balance.
Plan plan(const Inventory& inventory, const Memory& memory, const Options& options, Instant now,
          const SearchEffort& effort = {});

/// Why this VM can or cannot go to each host now: empty list = it can. For `migrate VM --to HOST` and explain.
std::vector<Rejection> refusals(const Inventory& inventory, const Memory& memory, const Options& options, VmId vm,
                                HostId target, Instant now);

/// True for reasons that advise against a move but do not make it impossible: an operator's own move may go against
/// them (cooldown, cpu, no_benefit) or has to wait for them (limit_outgoing, limit_incoming, limit_cluster).
bool advisory(Reason reason);

/// Expected cost of moving this VM [pre-copy model: Clark et al., NSDI 2005; Voorsluys 2009]. `crossing`: it goes to
/// another site, and so many bytes of disks go before its memory; `disks`: so many do within its site.
Prediction predict(const Vm& vm, const VmMemory& memory, const MigrationOptions& options,
                   std::optional<Bytes> crossing = {}, Bytes disks = {});

/// What a move costs, as a time: users notice its downtime, ten times as dear as its duration, which occupies a slot.
Duration cost_of(const Prediction& prediction);

}  // namespace ballast::policy
