// What happened in one run as far as anybody may expect something of it: the operations and the power records as the
// store took them, what was counted on the way, and what became of orders.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/operation.h"
#include "model/power.h"
#include "sim/sim_cluster.h"

namespace ballast::sim::vopr {

class Witness {
public:
    /// From now on, beside whoever listens already. Both as long as the other.
    /// Unless it watches, it hears of orders only.
    explicit Witness(Cluster& cluster, bool watches = true);
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;

    std::map<VmId, Operation> last;       // of each VM, as it was last written
    std::map<VmId, unsigned> operations;  // of each VM, those accepted
    std::map<VmId, unsigned> starts;      // by somebody, migrations aside
    std::map<HostId, PowerRecord> power;
    std::map<HostId, unsigned> registrations;
    unsigned fencings = 0, switched_off = 0, switched_on = 0, terms = 0;

    /// Of an order, what it came to.
    void ordered(const std::string& what, const Result<void>& came_to);
    std::vector<std::string> refused;  // "WHAT: WHY"
    unsigned taken = 0;

private:
    void committing(const Transaction& transaction);
    void see_operation(const std::string& value);
    void see_power(const std::string& value);

    Cluster& cluster_;
    std::set<OperationId> known_;
};

}  // namespace ballast::sim::vopr
