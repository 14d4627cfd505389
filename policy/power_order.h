// Whether an operator's order to switch a host off may be obeyed. Pure.
#pragma once

#include <string>

#include "policy/policy.h"

namespace ballast::policy {

/// Why the host has to stay on: never_off, min_hosts_on, or the reserve, as if it were empty. Empty: nothing says so.
/// A host that does not report, or is in maintenance, is no part of the reserve and may be off.
std::string objection_to_power_off(const Inventory& inventory, const Memory& memory, const Options& options,
                                   Instant now, const HostId& host);

}  // namespace ballast::policy
