// The keys of `health`: in the policy what each kind of problem means, in the daemon's file how hosts are looked at.
// Part of policy_table() and daemon_table().
#pragma once

#include <vector>

#include "config/option_table.h"

namespace ballast::config {

void add_health(std::vector<Option<policy::Options>>& rows);
void add_health(std::vector<Option<DaemonOptions>>& rows);
/// Hosts that checks name are hosts of the file.
Constraint<DaemonOptions> checks_know_their_hosts();

}  // namespace ballast::config
