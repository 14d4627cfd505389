// The hidden verb `complete`: what the daemon knows right now. One thread; blocks.
#pragma once

#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/completion.h"

namespace ballast::cli {

/// Hosts, VMs or operations that are not over. Empty for other kinds and when no daemon answers: completion is silent.
/// Names with control characters are left out; they can still be typed as UUIDs.
std::vector<std::string> names_of(Kind kind, Api& api);

}  // namespace ballast::cli
