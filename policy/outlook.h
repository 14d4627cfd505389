// Hosts that will be overloaded at a time of the day at which they used to be.
#pragma once

#include <string>

#include "policy/policy.h"

namespace ballast::policy {

/// What the VMs that are on the host now wanted on past days in the hours that begin within the horizon, and what the
/// host uses beyond them now. Nothing when there is no habit yet for any of these hours.
std::optional<Outlook> outlook_of(const std::vector<const Vm*>& vms, const Host& host, const Memory& memory,
                                  const Inventory& inventory, const Options& options);

/// Sure enough to be overloaded that VMs are moved away beforehand.
bool overload_expected(const HostMemory& memory);

/// "is expected to want 94 % of its usable CPU between 08:00 and 09:00 (above 90 % on 9 of the last 10 working days)".
std::string outlook_text(const Outlook& outlook, double usable_cores, double limit, const CalendarDays& holidays);

}  // namespace ballast::policy
