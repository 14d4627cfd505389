// Hosts, VMs and the cluster as a whole, as the control API shows them: pure functions. See docs/api.md.
#pragma once

#include <boost/json.hpp>
#include <deque>
#include <set>

#include "interchange/views.h"
#include "model/inventory.h"
#include "model/power.h"
#include "policy/policy.h"

namespace ballast::views {

/// Everything an answer may look at, at one moment. Refers to the controller's state: use it at once, never across
/// a co_await.
struct Seen {
    Inventory inventory;
    const policy::Memory& memory;
    const policy::Options& options;
    const Cycle& last_cycle;             // its id is empty before the first one
    const std::deque<Cycle>& cycles;     // oldest first
    std::vector<Operation> active;       // oldest first
    const std::deque<Operation>& ended;  // oldest first
    Instant now;
    WallTime wall_now;
    std::vector<PowerRecord> power{};  // of hosts that were switched
    std::string broker_problem{};      // empty: it answers, or nobody needs it
};

/// VMs that nothing forbids to leave their host, as far as an operator asks.
std::set<VmId> movable_vms(const Seen& seen);

json::object host(const Seen& seen, const Host& host);
json::object host_detail(const Seen& seen, const Host& host);
json::object vm(const Seen& seen, const Vm& vm, bool movable);
json::object vm_detail(const Seen& seen, const Vm& vm, bool movable);
json::array hosts(const Seen& seen);
json::array vms(const Seen& seen);

/// Active operations that come to or leave this host.
std::vector<Operation> touching(const Seen& seen, const HostId& host);

/// The cluster's part of the status: counts, findings, problems, the last cycle.
json::object cluster(const Seen& seen);

}  // namespace ballast::views
