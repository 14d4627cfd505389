// The least energy a day can cost: what no policy can go below.
#pragma once

#include "sim/trace/setting.h"
#include "sim/trace/workload.h"

namespace ballast::sim::trace {

/// kWh with the demand of every VM still there on hosts that are full and the most efficient of the setting: at full
/// load, without migrations, from the first measurement to the last.
double energy_bound_kwh(const Setting& setting, const Workload& workload);

}  // namespace ballast::sim::trace
