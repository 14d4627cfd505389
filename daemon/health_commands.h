// The commands that look at hosts, and what their ends mean. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "model/health.h"
#include "service/children.h"

namespace ballast::daemon {

/// What looks at this host's hardware and system: here for the daemon's own host, by ssh for one with a qemu+ssh URI,
/// as configured for others. Nothing where nothing can. `smart`: for its disks.
std::optional<service::Command> probe_command(const config::HealthWatchOptions& options,
                                              const config::HostOptions& host, bool smart);

/// With BALLAST_HOST and BALLAST_URI in its environment, and {host} and {uri} replaced in its arguments.
service::Command check_command(const config::HealthCheck& check, const config::HostOptions& host);

/// Why nothing can be said after this end; empty when it ended by itself and in time.
std::string no_answer(const Result<service::Ended>& ended, Duration deadline);

/// Its exit status, and the last line that it complained with. Requires: it has answered.
std::string failure_of(const service::Ended& ended);

/// What the check says. Requires: it has answered. Nothing: the host is well.
std::optional<HealthProblem> verdict_of(const config::HealthCheck& check, const service::Ended& ended);

}  // namespace ballast::daemon
