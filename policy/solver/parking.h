// Where VMs are on the way to their targets, and who steps aside when they wait for each other in a circle. Values.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "policy/solver/occupancy.h"

namespace ballast::policy::solver {

inline constexpr VmIndex no_vm = std::numeric_limits<VmIndex>::max();

/// Who is where, and who is not yet where he shall be.
class Standing {
public:
    Standing(const Problem& problem, const std::vector<HostIndex>& target, const ResourceSet& held_on_both);

    const Problem& problem() const { return *problem_; }
    /// VMs not under way whose target is elsewhere, in the order of sort_pending().
    const std::vector<VmIndex>& pending() const { return pending_; }
    template <class Before>
    void sort_pending(Before before) {
        std::sort(pending_.begin(), pending_.end(), before);
    }
    HostIndex at(VmIndex vm) const { return at_[vm]; }
    HostIndex target(VmIndex vm) const { return (*target_)[vm]; }
    const std::vector<VmIndex>& vms_on(HostIndex host) const { return vms_on_[host]; }
    /// A VM's demand as a share of the hosts' mean capacity, summed over the resources.
    double size(VmIndex vm) const;
    const Occupancy& occupancy() const { return occupancy_; }
    std::optional<Obstacle> obstacle(VmIndex vm, HostIndex to) const { return occupancy_.obstacle(vm, at_[vm], to); }

    void start(VmIndex vm, HostIndex to);
    void finish(VmIndex vm, HostIndex to);
    void pass(VmIndex vm, HostIndex to) { start(vm, to), finish(vm, to); }

private:
    const Problem* problem_;
    const std::vector<HostIndex>* target_;
    Occupancy occupancy_;
    std::vector<HostIndex> at_;
    std::vector<std::vector<VmIndex>> vms_on_;  // without those under way
    std::vector<VmIndex> pending_;
    Amounts mean_capacity_{};
};

/// Moves aside after which `for_vm` can go to its target.
struct Aside {
    VmIndex for_vm = no_vm;
    std::vector<std::pair<VmIndex, HostIndex>> moves;  // in this order, or together
};

/// Requires: nothing is under way, and no pending VM can go. Nothing when no parking of up to a few VMs frees anybody.
/// `come_home`: only if everybody parked can then reach his target without a further parking.
std::optional<Aside> find_parking(const Standing& state, const std::vector<unsigned>& parkings,
                                  unsigned parkings_per_vm, bool come_home);

}  // namespace ballast::policy::solver
