// The keys of `store`: where the daemon keeps what it must not forget. Part of daemon_table().
#pragma once

#include <vector>

#include "config/option_table.h"

namespace ballast::config {

void add_store(std::vector<Option<DaemonOptions>>& rows);
/// What has to be given together, and what means nothing for the store that is chosen.
std::vector<Constraint<DaemonOptions>> store_constraints();

}  // namespace ballast::config
