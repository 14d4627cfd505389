// A child process with input, output and a deadline, run in a thread of its own so that nothing waits for it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "model/result.h"
#include "model/units.h"

namespace ballast::daemon::preflight {

struct ChildOutput {
    std::string output;               // stdout, at most 1 MiB of it
    std::string complaint;            // the last line of stderr
    bool ended = false;               // false: it was killed at the deadline
    int exit_status = -1;             // when it ended by itself
    double begun_s = 0, heard_s = 0;  // UTC: when it was started, and when its first output came
};

/// Finds `arguments[0]` in PATH; `input` becomes its stdin. Answers on the executor's thread, soon after the deadline
/// at the latest, whatever the child does: one that cannot even be killed is left behind. Errors: unavailable when it
/// cannot be started or too many were left behind.
boost::asio::awaitable<Result<ChildOutput>> run_child(boost::asio::any_io_executor executor,
                                                      std::vector<std::string> arguments, std::string input,
                                                      Duration deadline);

}  // namespace ballast::daemon::preflight
