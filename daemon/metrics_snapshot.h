// What is the case, as gauges: made anew with every scrape, so that the series of hosts and VMs that are gone vanish by
// themselves and what is not known has none. Pure; any thread.
#pragma once

#include <functional>
#include <prometheus/metric_family.h>
#include <vector>

#include "daemon/controller.h"
#include "model/energy.h"
#include "model/rolling.h"

namespace ballast::daemon {

using MetricFamilies = std::vector<prometheus::MetricFamily>;

/// Plan and refusals. Requires: there was a cycle.
MetricFamilies decision_metrics(const Cycle& cycle, const Inventory& inventory);

/// One series a host. `wall_time_of` turns the boot clock's instants into UTC.
MetricFamilies host_metrics(const Cycle& cycle, const Inventory& inventory, const policy::Memory& memory,
                            const std::function<WallTime(Instant)>& wall_time_of);

/// Power and energy, of hosts that the inventory has.
MetricFamilies power_metrics(const Inventory& inventory, const std::vector<PowerRecord>& power,
                             const std::vector<HostEnergy>& energy, bool broker_problem);

MetricFamilies failover_metrics(std::size_t vms_down, bool fencing_frozen);

/// The rolling run, if one was ever asked for.
MetricFamilies rolling_metrics(const std::optional<RollingRun>& run);
MetricFamilies store_metrics(std::optional<Bytes> size);

/// One series a VM and metric: many in a large cluster.
MetricFamilies vm_metrics(const Inventory& inventory);

/// Seconds since 1970 in UTC.
double seconds_of(WallTime time);

}  // namespace ballast::daemon
