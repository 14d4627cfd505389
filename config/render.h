// Options as people read them: commented YAML, and the reference sections of the documentation. All of it comes from
// the option tables, so that code, documentation and `ballastctl policy show --defaults` cannot drift apart.
#pragma once

#include <string>

#include "config/daemon_options.h"
#include "policy/options.h"

namespace ballast::config {

/// Every key with its meaning, range and default above it. Loading the text gives the same options again, except
/// Rule::origin, which names the file it was loaded from.
std::string to_yaml(const policy::Options& options);
std::string to_yaml(const DaemonOptions& options);

std::string policy_defaults_as_yaml();
std::string daemon_defaults_as_yaml();

/// Markdown: the reference section of docs/policy.md and docs/configuration.md.
std::string policy_reference();
std::string daemon_reference();

}  // namespace ballast::config
