// Whether the cluster can do without a host for a maintenance. Pure.
#pragma once

#include <string>

#include "policy/policy.h"

namespace ballast::policy {

/// Why not: a VM on it that could not leave, VMs of others moved aside for it included; or room that `admission` asks
/// for and that would be missing meanwhile. Empty: it can.
std::string objection_to_maintenance(const Inventory& inventory, const Memory& memory, const Options& options,
                                     Instant now, const HostId& host);

}  // namespace ballast::policy
