// Which hosts could be emptied, so that they can be switched off: as little host cost kept on as possible, then few
// migrations. Never fewer hosts than asked for, never less than the reserve. Pure.
#pragma once

#include <vector>

#include "policy/solver/packer.h"

namespace ballast::policy::solver {

struct ConsolidateOptions {
    std::vector<double> host_cost;   // of keeping a host on, as watts; empty: all the same
    std::vector<HostIndex> stay_on;  // not to be emptied
    std::size_t min_hosts_on = 1;    // of those that receive
    Amounts headroom{};              // to stay free on the hosts kept on, together
    bool survives_one_host = false;  // N+1: the VMs of any one host kept on fit on the others, with nobody displaced
    Effort effort = {.work = 300'000'000, .depth = 3, .spread = false, .seed = 1};  // for each number of hosts tried
};

struct Consolidation {
    std::vector<HostIndex> off;     // by number; emptied by the moves
    std::vector<HostIndex> target;  // of each VM; its home where it stays
    std::size_t moves = 0;
    double move_cost = 0;
    double cost_on = 0;        // host_cost of the receiving hosts that stay on
    std::size_t hosts_on = 0;  // their number
    bool reserve_kept = true;  // false: not even with all hosts on; then none goes off
};

/// Looks at hosts that receive only; others stay as they are. A host with a VM that cannot be moved stays on.
Consolidation consolidate(const Problem& problem, const ConsolidateOptions& options);

/// Would the VMs of this host find room on the other receiving ones, as they are now?
bool survives_loss(Placement& placement, HostIndex host);

}  // namespace ballast::policy::solver
