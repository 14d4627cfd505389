// The record of one planning cycle: what was seen, wanted and done, and why. A value.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/operation.h"
#include "model/plan.h"
#include "policy/options.h"

namespace ballast {

struct Cycle {
    std::string id;  // "cycle-000123", counted from the daemon's start
    WallTime at{};
    policy::Mode mode = policy::Mode::observe;
    bool paused = false;
    Plan plan;
    std::map<VmId, std::string> vm_names;
    std::vector<OperationId> operations;  // what was started or proposed in this cycle
    std::size_t double_runs = 0;          // VMs that two hosts report running
    std::size_t stuck = 0;                // VMs that stand still, and not because their users want it
    std::vector<std::string> notes;       // why a planned move was not started, double runs, and the like
    Duration observe_time{}, plan_time{}, act_time{};
};

}  // namespace ballast
