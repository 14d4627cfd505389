// Rules, groups and windows against each other, as far as files alone can tell: whoever names the same VMs in two rules
// that cannot both be kept is told at load time. What depends on the VMs and hosts there are is a warning of the plan.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "policy/options.h"

namespace ballast::config {

Diagnostics contradictions(const policy::Options& options);

/// The hosts a rule names, those of groups written out. Unknown groups name none: contradictions() tells of them.
std::vector<HostId> hosts_of(const policy::Rule& rule, const policy::Options& options);

/// `origin` is "file:line".
Diagnostic at_origin(const std::string& origin, int column, std::string message);
Diagnostic at_rule(const policy::Rule& rule, std::string message);

}  // namespace ballast::config
