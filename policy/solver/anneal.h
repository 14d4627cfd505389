// Simulated annealing over moves, swaps and returns home. Each VM that is not at home has a price; it is adjusted so
// that as many VMs are away as may be, which finds out not only where VMs go but which are worth moving at all.
#pragma once

#include "policy/solver/budget.h"
#include "policy/solver/noise.h"
#include "policy/solver/slopes.h"

namespace ballast::policy::solver {

class Anneal {
public:
    /// Requires: all outlive it.
    Anneal(Placement& placement, const BalanceLimits& limits, Budget& budget, Best& best);

    /// Searches until the budget has spent `until` steps. The placement is left where the search ended.
    void run(std::uint64_t until);

    /// Takes the placement there.
    void go_to(const std::vector<HostIndex>& host_of);

private:
    void epoch(std::uint64_t until);
    void adjust_price();
    double unit() const;
    void step();
    void relocate(VmIndex vm);
    void swap(VmIndex vm, HostIndex host);
    VmIndex choose_partner(VmIndex vm, HostIndex host);
    VmIndex choose_vm();
    int away(VmIndex vm, HostIndex host) const { return placement_->problem().vms[vm].home == host ? 0 : 1; }
    void put(VmIndex vm, HostIndex host);
    void move(VmIndex vm, HostIndex host);

    Placement* placement_;
    const BalanceLimits* limits_;
    Budget* effort_;
    Best* best_;
    Slopes slopes_;
    Dice dice_;
    Noise noise_;
    std::size_t most_moves_;
    std::vector<double> stakes_;      // by VM: the most by which its moving can lower the penalty
    std::vector<VmIndex> movable_;    // and at home somewhere
    std::vector<HostIndex> targets_;  // hosts that receive
    std::vector<VmIndex> away_;       // VMs not at home, in no order
    std::vector<std::uint32_t> place_in_away_;
    double temperature_ = 0, price_ = 0;
};

}  // namespace ballast::policy::solver
