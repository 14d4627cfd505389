// Hosts' power and energy as the control API shows it. See docs/api.md.
#pragma once

#include <boost/json.hpp>

#include "interchange/views.h"
#include "model/energy.h"
#include "model/power.h"

namespace ballast::views {

/// `own`: the daemon runs on it, so it stays on; `bmc`: one is configured; `switchable`: it can switch the host off and
/// on; `proven`: it came back lately.
struct PowerMeans {
    bool own = false, bmc = false, switchable = false, proven = false;
};
json::object power(const PowerRecord& record, const PowerMeans& means);

/// Accounts of hosts and of the cluster.
json::object energy(const std::vector<HostEnergy>& hosts);

}  // namespace ballast::views
