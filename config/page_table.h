// The keys of `page`: what browsers are shown. Part of daemon_table().
#pragma once

#include <vector>

#include "config/option_table.h"

namespace ballast::config {

void add_page(std::vector<Option<DaemonOptions>>& rows);
/// Beyond the own machine nobody looks without TLS and a login.
std::vector<Constraint<DaemonOptions>> page_constraints();

}  // namespace ballast::config
