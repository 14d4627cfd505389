// The keys of groups, rules and windows, those of consolidation among them: lists of entries, each with a form of its
// own. Part of policy_table().
#pragma once

#include <vector>

#include "config/option_table.h"

namespace ballast::config {

void add_rules(std::vector<Option<policy::Options>>& rows);
void add_consolidation_windows(std::vector<Option<policy::Options>>& rows);

}  // namespace ballast::config
