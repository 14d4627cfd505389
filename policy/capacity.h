// What a host can give to guests once the operator's reserve is taken off.
#pragma once

#include "model/host.h"
#include "policy/options.h"

namespace ballast::policy {

/// CPUs for guests; zero when the host's facts are not known.
double usable_cpus(const Host& host, const Options& options);
/// Memory that stays free on the host whatever is planned.
Bytes reserved_memory(const Host& host, const Options& options);
/// Demand over capacity; zero where there is no capacity (such a host is never a target).
double ratio_of(double demand, double capacity);

}  // namespace ballast::policy
