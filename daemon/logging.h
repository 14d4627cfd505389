// What the log says of cycles and operations: each decision once, not once a cycle.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/controller.h"
#include "model/operation.h"
#include "model/rolling.h"

namespace ballast::daemon {

class DecisionLog {
public:
    void cycle_ended(const Cycle& cycle);
    void operation_changed(const Operation& operation);
    void power_changed(const PowerRecord& record);
    void health_changed(const HostId& host, const std::vector<HealthProblem>& problems);
    void rolling_changed(const RollingRun& run);
    /// Members that have another configuration than the leader.
    void configurations_differ(const std::vector<HostId>& members);
    void source_read(const HostId& host, const std::string& source, bool ok);

private:
    std::set<std::string> said_;  // what the last cycle found; said again only when it comes anew
    std::set<std::string> failing_sources_;
    std::map<HostId, std::vector<HealthProblem>> health_;
};

}  // namespace ballast::daemon
