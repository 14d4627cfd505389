// One run of a fence agent, and what it means. Its parameters go to its stdin, where nobody else can read them
// [fence-agents 4.12, FenceAgentAPI.md].
#pragma once

#include <string>

#include "ports/power.h"
#include "power/power_file.h"
#include "service/children.h"

namespace ballast::power {

using service::Children;
using service::Command;
using service::Ended;

/// The programs the broker runs.
struct Tools {
    std::string agents = "/usr/sbin";
    std::string ipmitool = "/usr/bin/ipmitool";
    std::string self;  // ballast-powerd itself, which stands in for ipmitool under fence_ipmilan: see ipmi.h
};

enum class Action { status, on, off, metadata };

/// "action=status\nip=...\n". Error invalid: a name or a value would be read as more than one line.
Result<std::string> agent_input(const Level& level, Action action);

/// Errors: invalid, unavailable. That it ended says nothing yet.
boost::asio::awaitable<Result<Ended>> run_agent(Children& children, Tools tools, Level level, Action action,
                                                Duration deadline);

/// What a `status` said. Exit code 2 alone is not enough for off: Python says 2 when it cannot open a script. Errors:
/// timed_out (killed), unavailable (everything else).
Result<Power> power_from(const Ended& ended, const Level& level);

/// The last line it complained in, fit for a log: without secrets, control characters, and more than is sensible.
std::string complaint_of(const Ended& ended, const Level& level);

/// What all our children get, and nothing else.
std::vector<std::string> plain_environment();

}  // namespace ballast::power
