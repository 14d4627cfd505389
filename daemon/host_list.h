// The list of hosts in ballast.yaml, edited while the daemon runs: whether that is all that is different, what it
// changes, and what stands in the way of it. The daemon takes it by starting anew. One io_context thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/daemon_options.h"
#include "model/operation.h"
#include "model/power.h"
#include "model/rolling.h"

namespace ballast::daemon {

struct HostChange {
    std::vector<HostId> added, removed, changed;  // in the order of the file
};

/// Nothing: all is the same, or something else is different as well.
std::optional<HostChange> change_of_hosts(const config::DaemonOptions& in_force, const config::DaemonOptions& wanted);
/// "host4 is added, host2 and host3 are removed"
std::string text_of(const HostChange& change);
/// Why a host that is removed, or reached in another way from now on, cannot be let go yet; empty: nothing is.
std::string obstacle_to(const HostChange& change, const std::vector<Operation>& active,
                        const std::vector<PowerRecord>& power, const std::optional<RollingRun>& rolling);

/// The daemon's file, as it was at this process's start.
class HostList {
public:
    explicit HostList(std::string file);

    /// What an edited file comes to; empty: it is as it was. `obstacle` says why such a change cannot be taken now.
    struct Edited {
        std::string note;
        bool start_anew = false;
    };
    Edited look(const std::function<std::string(const HostChange&)>& obstacle) const;

private:
    std::string file_;
    std::optional<config::DaemonOptions> in_force_;
};

}  // namespace ballast::daemon
