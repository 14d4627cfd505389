// From measured values to the demand the policy reasons about. Pure functions; anything that is not a finite number
// of at least zero counts as not measured, so that one broken source cannot reach a plan.
#pragma once

#include <optional>

#include "model/host.h"
#include "model/vm.h"
#include "policy/options.h"
#include "policy/policy.h"

namespace ballast::policy {

/// The value if it is one: finite and not negative.
std::optional<double> known(const std::optional<double>& measured);

/// On, and a report recent enough to act on. Everything else is never a source nor a target of what Ballast does by
/// itself.
bool is_fresh(const Host& host);

/// Time constant of all smoothing: a quarter of the persistence, so that a step in load has arrived to 98 %
/// (1 - e^-4) when the detector sets; never above 30 s, three samples at the default interval of 10 s.
Duration smoothing_time(const OverloadOptions& overload);

/// Weight of a new value that comes `elapsed` after the last one: 1 - e^(-elapsed / smoothing). Late or missing
/// samples therefore weigh as much as the time they stand for.
double weight_of(Duration elapsed, Duration smoothing);

/// The exponentially weighted mean of the old estimate and the new value.
double blend(double old_value, double new_value, double weight);

/// CPUs the VM would use if nothing held it back: what it used plus the time its vCPUs waited for a CPU, at most its
/// vCPUs. Nothing when its use was not measured.
std::optional<double> measured_demand(const Vm& vm);

/// Smoothed demand in CPUs. A VM never measured is assumed to want half its vCPUs: between the idle and the busy
/// guest, and only used for VMs that have to leave a host; relief never picks such a VM.
double demand_cores(const Vm& vm, const Memory& memory);
double demand_cores(const Vm& vm, const VmMemory* memory);  // null: nothing is remembered
bool demand_known(const Vm& vm, const Memory& memory);
/// Demand in CPUs that a host has to have room for when the VM comes: what the estimator makes of it, at least
/// demand_cores().
double planned_cores(const Vm& vm, const VmMemory* memory);
/// What the estimator makes of a VM's past: the mean, or the percentile over its window where that is more.
double estimated_cores(const VmMemory& memory, const EstimatorOptions& options);

/// MiB/s that the host reads back from its swap, and guests from theirs while their balloon keeps memory from them: a
/// guest that swaps with all its memory in hand would do so on any host. Nothing when none of it was measured.
class SwapRate {
public:
    void add(const Host& host);
    void add(const Vm& vm);
    std::optional<double> value() const { return rate_; }

private:
    std::optional<double> rate_;
};

/// Mean ready ratio over the vCPUs of `vms` where it was measured; zero of no VM at all, nothing when unmeasured.
struct ReadyMean {
    double waiting_vcpus = 0;
    double vcpus = 0;
    bool any_vm = false;
    void add(const Vm& vm);
    std::optional<double> value() const;
};

/// Memory in use on the host as a ratio of all it has; nothing when not measured.
std::optional<double> measured_memory_ratio(const Host& host);

/// Most a VM can take of a host's memory.
Bytes memory_bound(const Vm& vm);
/// The part of it that does not lie on huge pages: those come from a pool of their own.
Bytes ordinary_memory(const Vm& vm);
/// Ordinary memory it occupies now: resident memory when measured, otherwise the most it can take.
Bytes memory_resident(const Vm& vm);
/// What a migration has to copy: resident memory, which does not count huge pages [Linux proc(5), VmRSS], and those.
Bytes memory_to_copy(const Vm& vm);
/// Measured memory a newcomer has to find free: the most it can take, or with memory overcommitted what it uses.
Bytes memory_claim(const Vm& vm, const Options& options);
/// What is kept for it alone: what its owner reserved, at most its ordinary memory.
Bytes reserved_memory_of(const Vm& vm);
/// Does the VM occupy its host's memory and CPUs? Everything but a VM that is shut off.
bool occupies_host(const Vm& vm);

}  // namespace ballast::policy
