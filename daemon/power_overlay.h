// What is known of hosts' power, put into the inventory that the policy sees.
#pragma once

#include <vector>

#include "config/daemon_options.h"
#include "model/inventory.h"
#include "model/power.h"
#include "ports/power.h"

namespace ballast::daemon {

/// It can be asked to go down and be switched on again, by what the broker says of it.
bool can_be_switched(const PowerControl& power, const HostId& host);
/// It came back after being switched off, lately enough.
bool is_proven(const PowerRecord& record, const config::PowerOptions& options, WallTime wall_now);

/// It was asked for by a person, not by the policy.
inline bool is_persons(const PowerRecord& record) {
    return !record.requested_by.empty() && record.requested_by != "policy" && record.requested_by != "somebody else";
}

/// Sets power, power_since, when it went off and came back, and power_managed of every host. Managed: Ballast can
/// switch it and it is not quarantined. Whether it is proven only decides how it is switched off: first in a drill.
void show_power(Inventory& inventory, const std::vector<PowerRecord>& records, const PowerControl& power, Instant now,
                WallTime wall_now);

}  // namespace ballast::daemon
