// Who is where while a decision is made, and what that means for each host. Trying out a move touches two hosts only.
#pragma once

#include <vector>

#include "policy/consolidation/estimate.h"
#include "policy/consolidation/problem.h"

namespace ballast::policy::consolidation {

class Load {
public:
    struct Host {
        double level = 0, variance = 0, now = 0, memory = 0;  // sums over its VMs
        std::vector<VmIndex> vms;
        bool receives = false;  // a move of this decision goes to it
        bool gives = false;     // a move of this decision leaves it
    };

    /// Requires: both outlive it.
    Load(const Problem& problem, const std::vector<Estimate>& estimates);

    const Problem& problem() const { return *problem_; }
    const Estimate& estimate(VmIndex vm) const { return (*estimates_)[vm]; }
    const Host& at(HostIndex host) const { return hosts_[host]; }
    HostIndex host_of(VmIndex vm) const { return host_of_[vm]; }
    /// On and holding VMs.
    bool in_use(HostIndex host) const { return problem_->hosts[host].on && !hosts_[host].vms.empty(); }

    /// CPU that stays free above the expected demand and `deviations` standard deviations of it; may be negative. VMs
    /// count as independent of each other.
    double free(HostIndex host, double deviations) const;
    double free_with(HostIndex host, VmIndex vm, double deviations) const;
    /// May the VM come: core, memory, what is wanted right now, free_with >= 0, and Problem::allows.
    bool fits(VmIndex vm, HostIndex host, double deviations) const;

    /// What a move changed.
    struct Step {
        VmIndex vm;
        HostIndex from, to;
        Host from_before, to_before;
    };
    Step move(VmIndex vm, HostIndex to);
    /// Takes back the newest step.
    void undo(Step step);

private:
    const Problem* problem_;
    const std::vector<Estimate>* estimates_;
    std::vector<Host> hosts_;
    std::vector<HostIndex> host_of_;
    void add(VmIndex vm, HostIndex host, double sign);
};

}  // namespace ballast::policy::consolidation
