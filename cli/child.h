// Other programs that ballastctl asks: ballastd beside it, journalctl, systemctl. Blocks; one thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "model/result.h"

namespace ballast::cli {

struct ChildSaid {
    int status = 0;  // its exit status; 128 + the signal that ended it
    std::string out, err;
};

/// Runs it without a shell and without input, and reads at most 32 MiB of what it writes. `as_daemon`: as the user
/// `ballast` when this process is root's and there is one, as what it may reach is what counts. Errors: not_found (no
/// such program), timed_out (it was killed).
Result<ChildSaid> run_child(const std::vector<std::string>& command, std::chrono::milliseconds deadline,
                            bool as_daemon = false);

/// ballastd: beside this program in a build, in sbin where it is installed.
std::string daemon_program();

}  // namespace ballast::cli
