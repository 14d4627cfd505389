// The keys of `cluster`: one daemon on each host, coordinated through etcd. Part of daemon_table().
#pragma once

#include <vector>

#include "config/option_table.h"

namespace ballast::config {

void add_cluster(std::vector<Option<DaemonOptions>>& rows);
/// It needs a store that several daemons can use.
std::vector<Constraint<DaemonOptions>> cluster_constraints();

}  // namespace ballast::config
