// Metrics of one member of a cluster, whoever leads: how it stands with the others, and what its own machine says of
// itself. One io_context thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/metrics.h"
#include "model/health.h"

namespace ballast::daemon {

/// What the kernel says of this machine; what it does not say is absent.
struct OwnFigures {
    Pressure pressure;
    std::optional<double> cpu_busy_s;  // since its boot, all CPUs
    std::optional<Bytes> memory, memory_available;
};
/// From PROC/stat, PROC/meminfo and PROC/pressure [proc(5)].
OwnFigures own_figures(const std::string& proc_path);

/// How a member stands.
struct MemberState {
    HostId host;
    bool leads = false;
    bool registered = false;
    std::optional<Revision> term;  // of the leader that it sees
    std::uint64_t store_failures = 0;
    prometheus::ClientMetric store_calls{};     // their durations, a histogram
    std::optional<Duration> registration_left;  // for how long it is certain, unless it is kept; absent: not registered
    Duration time_to_live{};                    // of a registration that is not kept
    std::vector<HealthProblem> problems;        // of its own host
    OwnFigures own;
};

/// Without process and build: those are whoever serves them.
MetricFamilies member_metrics(const MemberState& state);
/// All that a member serves that does not lead, in Prometheus' text format. `started`: this process.
std::string follower_text(const MemberState& state, WallTime started);

}  // namespace ballast::daemon
