// A cluster rebooted or upgraded host by host: what is journalled of the run, the last one of which is kept.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/units.h"

namespace ballast {

enum class RollingState {
    running,
    stopped,  // by a failure or an operator: can be resumed
    done,
};
/// What is being done with the host it has got to.
enum class RollingStep {
    checking,   // can the cluster do without it?
    emptying,   // it is in maintenance, its VMs leave
    command,    // the operator's command runs
    rebooting,  // it is switched off and on through its BMC
    answering,  // until its hypervisor answers and it has been measured anew
    settling,   // out of maintenance; its VMs come back
};
/// How a host gets from its old system into its new one.
enum class Reboot {
    none,     // the command alone is all
    power,    // off and on through its BMC
    command,  // by the command: its connection has to be lost and to come back
};
std::string to_string(RollingState state);
std::string to_string(RollingStep step);
std::string to_string(Reboot reboot);
std::optional<RollingState> rolling_state_from(const std::string& name);
std::optional<RollingStep> rolling_step_from(const std::string& name);
std::optional<Reboot> reboot_from(const std::string& name);

struct RollingRun {
    WallTime started{};
    std::optional<WallTime> ended;  // stopped or done
    std::string requested_by;
    std::vector<HostId> hosts;               // in this order
    std::map<HostId, std::string> left_out;  // hosts that were meant too, and why they are not among them
    std::size_t at = 0;                      // of `hosts`: those before it are done
    std::string command;                     // its name in rolling.commands; empty: none
    Reboot reboot = Reboot::power;
    RollingState state = RollingState::running;
    RollingStep step = RollingStep::checking;
    WallTime since{};        // of the step
    std::string stop_by;     // not empty: was asked to stop
    bool went_down = false;  // answering: the host was seen to have booted since the command was started
    std::string message;     // how it stands, for people
    std::string output;      // the end of what the last command wrote

    friend bool operator==(const RollingRun&, const RollingRun&) = default;
};

/// The step after this one has succeeded: of the same host, of the next one, or the end of the run. Requires: it runs.
void advance(RollingRun& run, WallTime now);

}  // namespace ballast
