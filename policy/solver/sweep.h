// Single improvements: every VM to every host, every pair of VMs swapped, each if it is worth its price. In large
// clusters only the most promising VMs and hosts, so that a sweep stays a small part of a plan. What is promising
// depends on the placement alone and on no order of hosts or VMs.
#pragma once

#include <vector>

#include "policy/solver/budget.h"
#include "policy/solver/slopes.h"

namespace ballast::policy::solver {

class Sweep {
public:
    /// Requires: all outlive the sweep.
    Sweep(Placement& placement, const BalanceLimits& limits, Budget& budget);

    /// Goes once over VMs and hosts and makes each change that lowers score + min_gain * VMs moved by more than
    /// `margin`, never above max_moves. Says how many changes it made.
    std::size_t once(double margin);

private:
    struct Source {
        VmIndex vm;
        double leaving;  // what the score changes by when it just disappears
    };

    std::vector<Source> sources() const;
    std::vector<HostIndex> targets() const;
    int away(VmIndex vm, HostIndex host) const { return placement_->problem().vms[vm].home == host ? 0 : 1; }
    double price(VmIndex vm, HostIndex to) const;
    bool within(int more) const;
    bool close(HostIndex one, HostIndex other, double needed) const;
    bool promises(double estimate) const { return !filtered_ || estimate < -margin_; }
    bool relocate(VmIndex vm, const std::vector<HostIndex>& targets);
    bool swap(VmIndex vm, const std::vector<HostIndex>& targets);
    VmIndex best_partner(VmIndex vm, HostIndex host, double& best);
    void update();

    Placement* placement_;
    const BalanceLimits* limits_;
    Budget* effort_;
    Slopes slopes_;
    std::vector<double> radius_;  // by host
    bool filtered_;               // by the slopes' estimate, because there are too many pairs to test them all exactly
    double margin_ = 0;
};

}  // namespace ballast::policy::solver
