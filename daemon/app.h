// One ballastd from its start to its end: builds the parts, wires them, reacts to signals. One io_context thread.
#pragma once

#include <string>

namespace ballast::daemon {

/// Runs until SIGTERM or SIGINT. Returns the exit status: 0 after a graceful stop, 2 for a bad configuration,
/// 1 when it cannot run (store, socket). Problems go to stderr and the log.
int run(const std::string& config_file);

/// Checks the daemon file and the policy it names; prints every problem. Returns 0 or 2.
int check(const std::string& config_file);

}  // namespace ballast::daemon
