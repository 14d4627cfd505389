// The limit of CPU demand in force for one host: the configured one, or one adapted to how restless the host was.
#pragma once

#include <vector>

#include "policy/policy.h"

namespace ballast::policy {

/// The parameter its authors' evaluation arrived at: IQR 1.5, MAD 2.5, LR 1.2 [Beloglazov and Buyya, CCPE 24(13),
/// 2012]; 1 for a threshold, which has none.
double published_safety(CpuMethod method);

/// Ratios of usable CPU that VMs wanted together over the last two hours, five minutes each, oldest first.
/// `other_cores`, what the host uses beyond them, counts as constant. A VM that was not known at a time counts with its
/// present demand; times at which none was known are left out. Requires: usable_cores > 0.
std::vector<double> host_history(const std::vector<const VmMemory*>& vms, double other_cores, double usable_cores);

/// What the method makes of a host's history.
struct CpuLimit {
    double above = 1;                // between cpu_floor and cpu.above
    std::optional<double> expected;  // ratio in five minutes, with lr
    bool adapted = false;            // false: history is too short, `above` is the configured one
};
CpuLimit cpu_limit(const std::vector<double>& history, const OverloadOptions& options);

/// The configured threshold with the host's limit in force: `below` is as far from `above` as configured.
Threshold cpu_threshold(const HostMemory& memory, const OverloadOptions& options);

}  // namespace ballast::policy
