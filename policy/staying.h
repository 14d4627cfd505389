// Why consolidation leaves a host on, for people who expect it to go off. Pure.
#pragma once

#include <string>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// The first of what keeps this host on, "no window of consolidation is open until Mon 22:00 (Europe/Berlin)" or "it is
/// on for 12 min, less than min_time_on 1 h". Empty where consolidation is not enabled or the host is not on. Asked
/// only about hosts that the plan neither empties nor switches off.
std::string reason_to_stay_on(const ClusterView& view, const HostId& host);

}  // namespace ballast::policy
