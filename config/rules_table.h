// The keys of groups, rules and windows: lists of entries, each with a form of its own. Part of policy_table().
#pragma once

#include <vector>

#include "config/option_table.h"

namespace ballast::config {

void add_rules(std::vector<Option<policy::Options>>& rows);

}  // namespace ballast::config
