// ipmitool, for what no fence agent does (the power button, watts), and its password.
//
// fence_ipmilan calls `ipmitool -P PASSWORD`, which everybody on the machine can read for a moment. Ours never is in an
// argument: the agent gets none, and as `ipmitool_path` the broker's own program, which becomes ipmitool with -f and
// the secret's file. -f rather than -E, because a file's permissions hold and the environment of a process is readable
// for as long as it lives; rather than a file in memory, because Python closes what it inherited before it starts
// ipmitool.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "power/agent.h"

namespace ballast::power {

/// Tells what the command starts as ipmitool where the level's password is.
void add_password_file(Command& command, const Level& level, const Tools& tools);

/// When this process was started in place of ipmitool: becomes it, and returns only with an exit code when it cannot.
std::optional<int> become_ipmitool(int argc, char** argv);

/// `ipmitool` with what the level says about the way to the BMC, and `words`.
Command ipmitool(const Level& level, const Tools& tools, std::vector<std::string> words);

/// "Instantaneous power reading:   123 Watts" of `dcmi power reading`; nothing when there is none.
std::optional<double> dcmi_watts(const std::string& output);

/// Sensors of the unit Watts in the comma-separated output of `sdr list full`, by name.
std::map<std::string, double> sensor_watts(const std::string& output);

}  // namespace ballast::power
