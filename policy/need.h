// How much an overloaded host has to give away, and in which words to say that it is overloaded.
#pragma once

#include <string>

#include "policy/cluster_view.h"

namespace ballast::policy {

/// Highest demand and memory use the host may keep; infinite where nothing asks for less.
struct Goal {
    double cpu_cores;
    double memory_bytes;
};

/// From the detectors that are set. Ready time and memory pressure lag behind moves: they ask for nothing before a
/// sample was taken well after the last move away from the host.
Goal goal_of(const ClusterView& view, const HostId& host);

/// What is still above the goal, with all moves under way and planned.
struct Need {
    double cpu_cores = 0;
    double memory_bytes = 0;
    bool none() const { return cpu_cores <= 0 && memory_bytes <= 0; }
};
Need need_of(const ClusterView& view, const HostId& host, const Goal& goal);

/// "host1 wants 93 % of its usable CPU (limit 80 % for 2 min)", one clause for each detector that is set, and one for
/// an overload that is expected.
std::string overload_text(const ClusterView& view, const HostId& host);

}  // namespace ballast::policy
